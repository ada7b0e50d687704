"""What is known of a simulated CCD frame, kept in files beside the night."""

from dataclasses import dataclass

import numpy as np

__all__ = ["Truth", "chip_path", "frame_path", "load_truth", "save_chip", "save_frame"]

_BITS = {"saturated": 1, "bled": 2}


@dataclass(frozen=True)
class Truth:
    """What is true of one CCD in one science exposure.

    All images are `(ny, nx)` of the light-sensitive area, as in a reduced
    frame: without prescan and overscan. Positions count from 0 there.

    Parameters
    ----------
    chip : str
        Name of the CCD.
    filename : str
        Name of the raw file.
    gain : float
        Electrons per ADU.
    read_noise : float
        Electrons.
    level : float
        Mean bias in the overscan, in ADU.
    saturation : float
        ADU of the raw frame at which a pixel is saturated.
    sky : float
        Sky in electrons per pixel, at a flat of 1.
    scene : numpy.ndarray
        Sky and stars without noise, saturation, cosmic rays or trail, in
        electrons at a flat of 1, of type float32.
    structure : numpy.ndarray
        Bias above the level, without hot pixels, in ADU.
    flat : numpy.ndarray
        Flat field, of mean 1 over the good pixels.
    hot, cold, saturated, bled, cosmic, trail : numpy.ndarray
        Masks. `saturated` pixels are full; `bled` ones took in charge of full
        ones; `trail` is where the satellite left more than half of the noise.
    hot_bias : numpy.ndarray
        What hot pixels hold at zero exposure, in electrons.
    cosmic_electrons, trail_electrons : numpy.ndarray
        What cosmic rays left, and what the satellite left at a flat of 1.
    trail_ends : numpy.ndarray
        `[[x, y], [x, y]]` where the trail leaves the CCD, of shape `(2, 2)`, or
        `(0, 2)` where there is none.
    stars : numpy.ndarray
        Of type `awe.simulate.scene.STAR`: place, magnitude and flux in
        electrons at a flat of 1. Stars beyond the edge, whose wings may reach the
        CCD, are among them.
    """

    chip: str
    filename: str
    gain: float
    read_noise: float
    level: float
    saturation: float
    sky: float
    scene: np.ndarray
    structure: np.ndarray
    flat: np.ndarray
    hot: np.ndarray
    cold: np.ndarray
    saturated: np.ndarray
    bled: np.ndarray
    cosmic: np.ndarray
    trail: np.ndarray
    hot_bias: np.ndarray
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
        static = self.hot | self.cold | self.saturated
        return static | self.bled | self.cosmic | self.trail


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
    exposure : awe.simulate.settings.Exposure
        The exposure.
    ccd : awe.simulate.layout.Ccd
        The CCD.

    Returns
    -------
    pathlib.Path
        The file.
    """
    return folder / "truth" / f"{exposure.stem}_{ccd.extension}.npz"


def save_chip(path, detector):
    """Write what is the same in every exposure of a CCD.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    detector : awe.simulate.detector.Detector
        The CCD.
    """
    np.savez_compressed(
        path,
        gain=detector.gain,
        read_noise=detector.read_noise,
        level=detector.level,
        saturation=detector.saturation,
        structure=detector.structure,
        flat=detector.flat,
        hot=detector.hot,
        cold=detector.cold,
        hot_bias=detector.hot_bias,
    )


def save_frame(path, *, sky, scene, saturated, bled, cosmic, trail, stars):
    """Write what is true of one CCD in one exposure.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    sky : float
        Electrons per pixel at a flat of 1.
    scene : numpy.ndarray
        Electrons at a flat of 1, `(ny, nx)`.
    saturated, bled : numpy.ndarray
        Masks, `(ny, nx)`.
    cosmic : tuple of numpy.ndarray
        Indices into the flattened image and electrons.
    trail : tuple of numpy.ndarray
        Electrons at a flat of 1, `(ny, nx)`, and ends, `(2, 2)` or `(0, 2)`.
    stars : numpy.ndarray
        The stars.
    """
    flags = saturated * np.uint8(_BITS["saturated"]) | bled * np.uint8(_BITS["bled"])
    np.savez_compressed(
        path,
        sky=sky,
        scene=scene.astype(np.float32),
        flags=flags,
        cosmic_pixels=cosmic[0],
        cosmic_values=cosmic[1],
        # Nearly all frames have no trail: an empty array costs nothing.
        trail=trail[0] if len(trail[1]) else np.zeros((0, 0), np.float32),
        trail_ends=trail[1],
        stars=stars,
    )


def load_truth(chip_path, frame_path, *, chip, filename):
    """Read what is true of one CCD in one exposure.

    Parameters
    ----------
    chip_path, frame_path : pathlib.Path
        Files written by `save_chip` and `save_frame`.
    chip : str
        Name of the CCD.
    filename : str
        Name of the raw file.

    Returns
    -------
    Truth
        All of it.
    """
    with np.load(chip_path) as file:
        values = dict(file)
    with np.load(frame_path) as file:
        values |= dict(file)
    scalars = ("gain", "read_noise", "level", "saturation", "sky")
    values |= {name: float(values[name]) for name in scalars}
    flags = values.pop("flags")
    cosmic = np.zeros(flags.shape, np.float32)
    cosmic.flat[values.pop("cosmic_pixels")] = values.pop("cosmic_values")
    trail = values.pop("trail")
    if trail.size == 0:
        trail = np.zeros(flags.shape, np.float32)
    noise = np.sqrt(values["sky"] + values["read_noise"] ** 2)
    return Truth(
        chip=chip,
        filename=filename,
        **values,
        saturated=(flags & _BITS["saturated"]) > 0,
        bled=(flags & _BITS["bled"]) > 0,
        cosmic=cosmic > 0,
        cosmic_electrons=cosmic,
        trail=trail > 0.5 * noise,
        trail_electrons=trail,
    )
