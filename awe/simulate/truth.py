"""What is known of a simulated CCD and of its frames, kept in files beside the night."""

from dataclasses import dataclass

import numpy as np

__all__ = [
    "ChipTruth",
    "Truth",
    "chip_path",
    "chip_truth",
    "chip_values",
    "frame_path",
    "frame_values",
    "load",
    "make_truth",
]

_BITS = {"saturated": 1, "bled": 2}
_CHIP_NUMBERS = (
    "gain",
    "read_noise",
    "level",
    "saturation",
    "full_well",
    "nonlinearity",
    "zero_point",
)
_CHIP_IMAGES = ("structure", "flat", "hot", "cold", "warm", "hot_bias", "dark_rate")


@dataclass(frozen=True)
class ChipTruth:
    """What is true of one CCD in every exposure of a night.

    All images are `(ny, nx)` of the light-sensitive area, as in a reduced
    frame: without prescan and overscan. Positions count from 0 there.

    Parameters
    ----------
    chip : str
        Name of the CCD.
    gain : float
        Electrons per ADU.
    read_noise : float
        Electrons.
    level : float
        Mean bias in the overscan, in ADU.
    saturation : float
        ADU of the raw frame at which a pixel is saturated.
    full_well : float
        Electrons at which a pixel is saturated.
    nonlinearity : float
        Share of the signal that is missing at full well: `e` electrons are read
        as `e * (1 - nonlinearity * e / full_well)`.
    zero_point : float
        Magnitude of a star that gives one electron per second at a flat of 1.
    structure : numpy.ndarray
        Bias above the level, without hot pixels, in ADU.
    flat : numpy.ndarray
        Flat field, of mean 1 over the good pixels.
    hot, cold, warm : numpy.ndarray
        Masks. `warm` pixels have a large dark current and a right bias.
    hot_bias : numpy.ndarray
        What hot pixels hold at zero exposure, in electrons.
    dark_rate : numpy.ndarray
        Dark current in electrons per second.
    illumination : numpy.ndarray
        Diffuse light over what `flat` says: flats and sky are brighter by it,
        stars are not. The mean of its product with `flat` is 1 over the good
        pixels: a master flat is that product.
    fringe : numpy.ndarray
        Fringes of science and standard exposures, as a share of the sky.
    """

    chip: str
    gain: float
    read_noise: float
    level: float
    saturation: float
    full_well: float
    nonlinearity: float
    zero_point: float
    structure: np.ndarray
    flat: np.ndarray
    hot: np.ndarray
    cold: np.ndarray
    warm: np.ndarray
    hot_bias: np.ndarray
    dark_rate: np.ndarray
    illumination: np.ndarray
    fringe: np.ndarray


@dataclass(frozen=True)
class Truth(ChipTruth):
    """What is true of one CCD in one science or standard exposure.

    It has the attributes of `ChipTruth` besides.

    Parameters
    ----------
    filename : str
        Name of the raw file.
    sky : float
        Sky in electrons per pixel, at a flat and an illumination of 1.
    scene : numpy.ndarray
        Sky (with the scattered light of `illumination`) and stars without noise,
        dark current, fringes, saturation, cosmic rays or trail, in electrons at
        a flat of 1, of type float32. A perfect reduction, illumination
        corrected and fringes subtracted, gives it.
    saturated, bled, cosmic, trail : numpy.ndarray
        Masks. `saturated` pixels are full; `bled` ones took in charge of full
        ones; `trail` is where the satellite left more than half of the noise.
    cosmic_electrons, trail_electrons : numpy.ndarray
        What cosmic rays deposited, in electrons, and what the satellite left at a
        flat of 1.
    trail_ends : numpy.ndarray
        `[[x, y], [x, y]]` where the trail leaves the CCD, of shape `(2, 2)`, or
        `(0, 2)` where there is none.
    stars : numpy.ndarray
        Of type `awe.simulate.scene.STAR`: place, magnitude, flux and peak in
        electrons at a flat of 1, and whether it is saturated. Stars beyond the
        edge, whose wings may reach the CCD, are among them.
    """

    filename: str
    sky: float
    scene: np.ndarray
    saturated: np.ndarray
    bled: np.ndarray
    cosmic: np.ndarray
    trail: np.ndarray
    cosmic_electrons: np.ndarray
    trail_electrons: np.ndarray
    trail_ends: np.ndarray
    stars: np.ndarray

    @property
    def scene_adu(self):
        """The scene in ADU: what a perfect reduction gives, `(ny, nx)`."""
        return self.scene / np.float32(self.gain)

    @property
    def bad(self):
        """Mask of all pixels that a reduction should not trust, `(ny, nx)`."""
        static = self.hot | self.cold | self.warm
        return static | self.saturated | self.bled | self.cosmic | self.trail

    @property
    def trail_peak(self):
        """Electrons at a flat of 1 in the brightest pixel of the trail; 0 without one."""
        return float(self.trail_electrons.max())


def chip_path(folder, ccd):
    """Give the file of what is the same in every exposure of a CCD.

    Parameters
    ----------
    folder : pathlib.Path
        Folder of the night.
    ccd : awe.simulate.layout.Ccd
        The CCD.

    Returns
    -------
    pathlib.Path
        The file.
    """
    return folder / "truth" / f"{ccd.name}.npz"


def frame_path(folder, exposure, ccd):
    """Give the file of what is true of one CCD in one exposure.

    Parameters
    ----------
    folder : pathlib.Path
        Folder of the night.
    exposure : awe.simulate.exposures.Exposure
        The exposure.
    ccd : awe.simulate.layout.Ccd
        The CCD.

    Returns
    -------
    pathlib.Path
        The file.
    """
    return folder / "truth" / f"{exposure.stem}_{ccd.extension}.npz"


def chip_values(detector):
    """Give what a file keeps of a CCD.

    Parameters
    ----------
    detector : awe.simulate.detector.Detector
        The CCD.

    Returns
    -------
    dict of str to numpy.ndarray
        For `numpy.savez_compressed` and `chip_truth`.
    """
    values = {name: np.asarray(getattr(detector, name)) for name in _CHIP_NUMBERS + _CHIP_IMAGES}
    for name in ("illumination", "fringe"):
        image = getattr(detector, name)
        # Few nights have one: an empty array costs nothing.
        values[name] = np.zeros((0, 0), np.float32) if image is None else image
    return values


def frame_values(frame):
    """Give what a file keeps of one CCD in one exposure.

    Parameters
    ----------
    frame : awe.simulate.light.Frame
        The frame.

    Returns
    -------
    dict of str to numpy.ndarray
        For `numpy.savez_compressed` and `make_truth`.
    """
    flags = frame.saturated * np.uint8(_BITS["saturated"]) | frame.bled * np.uint8(_BITS["bled"])
    return {
        "sky": np.float64(frame.sky),
        "scene": frame.scene.astype(np.float32),
        "flags": flags,
        "cosmic_pixels": frame.cosmic[0],
        "cosmic_values": frame.cosmic[1],
        # Nearly all frames have no trail: an empty array costs nothing.
        "trail": frame.trail[0] if len(frame.trail[1]) else np.zeros((0, 0), np.float32),
        "trail_ends": frame.trail[1],
        "stars": frame.stars,
    }


def load(path, needed):
    """Read what a file keeps of a CCD or a frame.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    needed : str
        A name that it must hold.

    Returns
    -------
    dict of str to numpy.ndarray or None
        What was written; None where there is no file, or an older awe wrote it.
    """
    if not path.is_file():
        return None
    with np.load(path) as file:
        return dict(file) if needed in file else None


def chip_truth(values, chip):
    """Make the truth of a CCD.

    Parameters
    ----------
    values : dict of str to numpy.ndarray
        What `chip_values` gave.
    chip : str
        Name of the CCD.

    Returns
    -------
    ChipTruth
        All of it.
    """
    return ChipTruth(chip=chip, **_chip_attributes(values))


def _chip_attributes(values):
    shape = values["flat"].shape
    attributes = dict(values) | {name: float(values[name]) for name in _CHIP_NUMBERS}
    for name, blank in (("illumination", 1.0), ("fringe", 0.0)):
        if values[name].size == 0:
            attributes[name] = np.full(shape, blank, np.float32)
    return attributes


def make_truth(chip_values, frame_values, *, chip, filename):
    """Make the truth of one CCD in one exposure.

    Parameters
    ----------
    chip_values, frame_values : dict of str to numpy.ndarray
        What the functions of these names gave.
    chip : str
        Name of the CCD.
    filename : str
        Name of the raw file.

    Returns
    -------
    Truth
        All of it.
    """
    known, values = _chip_attributes(chip_values), frame_values
    shape = values["flags"].shape
    sky = float(values["sky"])
    cosmic = np.zeros(shape, np.float32)
    cosmic.flat[values["cosmic_pixels"]] = values["cosmic_values"]
    trail = values["trail"] if values["trail"].size else np.zeros(shape, np.float32)
    noise = np.sqrt(sky + known["read_noise"] ** 2)
    return Truth(
        chip=chip,
        filename=filename,
        **known,
        sky=sky,
        scene=values["scene"],
        saturated=(values["flags"] & _BITS["saturated"]) > 0,
        bled=(values["flags"] & _BITS["bled"]) > 0,
        cosmic=cosmic > 0,
        cosmic_electrons=cosmic,
        trail=trail > 0.5 * noise,
        trail_electrons=trail,
        trail_ends=values["trail_ends"],
        stars=values["stars"],
    )
