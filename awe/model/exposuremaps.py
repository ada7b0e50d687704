"""Maps of what is bad in one exposure: saturated pixels, cosmic rays, satellite trails."""

import numpy as np

from awe.base.errors import AweValueError
from awe.model.detector import masks_of, noise_maps, pixels_of
from awe.model.pixelmaps import PixelMap
from awe.model.quality import COSMICS_MANY, MAP_DIFFERENCE, SATELLITE_TRAIL, SATURATED
from awe.model.raw import RawScienceFrame
from awe.model.stacks import overscan_zeros
from awe.model.vocabulary import Chip, Filter
from awe.process import ProcessParameters, parameter
from awe.store import persistent

__all__ = [
    "CosmicMap",
    "CosmicMapParameters",
    "ExposureMap",
    "SatelliteMap",
    "SatelliteMapParameters",
    "SaturatedPixelMap",
    "SaturatedPixelMapParameters",
]


class ExposureMap(PixelMap):
    """A map of one exposure of a CCD."""

    abstract = True
    chip = persistent("The CCD", Chip)
    filter = persistent("Filter in the beam", Filter)
    prev = persistent("The map of the same exposure that it was compared with", "ExposureMap")
    count_diff = persistent("Absolute change of the number of bad pixels since `prev`", int)

    def take_from(self, frame):
        """Take instrument, CCD and filter from the frame that the map is of.

        Parameters
        ----------
        frame : RawScienceFrame or ReducedScienceFrame
            The frame.
        """
        for name in ("instrument", "chip", "filter"):
            setattr(self, name, getattr(frame, name))

    def missing_maps(self):
        """Give the static maps that there are none of, as steps that were not done.

        Returns
        -------
        list of str
            Empty where hot and cold pixels are known.
        """
        return [
            f"{name} pixels: there is no map of them"
            for name in ("hot", "cold")
            if getattr(self, name) is None
        ]

    def previous(self):
        """Find the map that this one is compared with.

        Returns
        -------
        ExposureMap or None
            The latest valid one of its class of the same raw frame.
        """
        raise NotImplementedError

    def compare(self):
        """Compute the flag of the change since the previous map of the exposure.

        Returns
        -------
        int
            MAP_DIFFERENCE where the count changed by more than the limit, else 0.
        """
        return self.change_flag(self.process_params.MAXIMUM_COUNT_DIFFERENCE, MAP_DIFFERENCE)


# Then the cores of stars may be full and keep their weights.
_NOT_MEASURED = "no pair of flats was saturated; the header's is taken, a full well may lie below"


def _share_of(count, levels):
    """Give how many of the amplifiers something holds for, in words; nothing for all."""
    return f" of {count} of {len(levels)} amplifiers" if count < len(levels) else ""


def _latest(cls, condition):
    return (condition & (cls.is_valid > 0)).max("creation_date")


class SaturatedPixelMapParameters(ProcessParameters):
    """When a pixel is saturated."""

    THRESHOLD_HIGH = parameter("Raw level from which a pixel is saturated; by default that of the "
                               "amplifier", float, None, unit="adu", low=0)  # fmt: skip
    THRESHOLD_LOW = parameter("Raw level below which a pixel is dead, less than THRESHOLD_HIGH; "
                              "by default none", float, None, unit="adu", low=0)  # fmt: skip
    SATURATION_GROW = parameter("Saturated pixels are grown by so many", int, 1, low=0, high=50,
                                unit="pix")  # fmt: skip
    MAXIMUM_SATURATED_FRACTION = parameter("Limit of the share of the pixels that are in the map",
                                           float, 0.5, low=0, high=1, critical=False)  # fmt: skip
    MAXIMUM_COUNT_DIFFERENCE = parameter("Limit of the change since the previous map", int, 1000,
                                         unit="pix", low=0, critical=False)  # fmt: skip


class SaturatedPixelMap(ExposureMap):
    """The pixels that are saturated or bled, and their neighbours."""

    abstract = False
    file_kind = ("Sci", "Saturated")
    pixel_version = "1.1"
    inputs = ("raw", "gain_linearity")
    raw = persistent("The raw frame", RawScienceFrame)
    gain_linearity = persistent("Tells where the CCD was measured to saturate", "GainLinearity")
    levels = persistent("Raw level of each amplifier from which a pixel counts as saturated; NaN "
                        "where it is not known", [float], unit="adu")  # fmt: skip
    process_params = persistent("Parameters", SaturatedPixelMapParameters)

    def make(self):
        """Find the saturated pixels of the raw frame."""
        from awe.pixels import ccd_shape, saturated_mask

        raw, parameters = self.raw, self.process_params
        amplifiers = raw.pixel_amplifiers()
        arrays = [a[:] for a in raw.arrays()]
        levels, measured = self._saturation(arrays)
        self.levels = [np.nan if level is None else level for level in levels]
        self._check_order(parameters.THRESHOLD_LOW)
        unknown = levels.count(None)
        self.steps_not_done = [
            f"{what}{_share_of(count, levels)}: {why}"
            for what, count, why in (
                ("saturated pixels", unknown, "the saturation level is not known"),
                ("measured saturation level", measured.count(None) - unknown, _NOT_MEASURED),
            )
            if count > 0
        ]
        if unknown == len(levels) and parameters.THRESHOLD_LOW is None:
            self.keep_map(np.zeros(ccd_shape(amplifiers), dtype=bool))
            return
        self.keep_map(
            saturated_mask(
                arrays, amplifiers, levels, parameters.THRESHOLD_LOW, parameters.SATURATION_GROW
            )
        )

    def _check_order(self, low):
        """Refuse a level of dead pixels that is not below those of saturated ones."""
        reached = [] if low is None else [level for level in self.levels if level <= low]
        if reached:
            msg = (
                f"THRESHOLD_LOW = {low:g} ADU is not below THRESHOLD_HIGH, which is "
                f"{min(reached):.0f} ADU for {self.raw!r}: every pixel would be dead or saturated."
            )
            raise AweValueError(msg, remedy="Give a lower THRESHOLD_LOW, or leave it out.")

    def _saturation(self, arrays):
        """Give of each amplifier the user's level, or the lower one of header and measurement.

        The levels that were measured come second.
        """
        given, amplifiers = self.process_params.THRESHOLD_HIGH, self.raw.amplifiers
        if given is not None:
            return [given] * len(amplifiers), [given] * len(amplifiers)
        measured = self._measured(arrays)
        known = zip([a.saturation for a in amplifiers], measured, strict=True)
        return [min((v for v in both if v is not None), default=None) for both in known], measured

    def _measured(self, arrays):
        """Give the raw level at which each amplifier was measured to saturate, or None."""
        if self.gain_linearity is None:
            return [None] * len(self.raw.amplifiers)
        # The overscan may be higher than that of the flats, but no number exceeds the greatest.
        kind = arrays[0].dtype
        top = float(np.iinfo(kind).max) if kind.kind in "iu" else np.inf
        levels = self.gain_linearity.amplifier_saturation_levels
        zeros = overscan_zeros(self.raw, arrays)
        return [
            min(level + zero, top) if np.isfinite(level) else None
            for level, zero in zip(levels, zeros, strict=True)
        ]

    def verify(self):
        """Compute the flag of the number of saturated pixels.

        Returns
        -------
        int
            SATURATED where more than the limit of the pixels are in the map, else 0.
        """
        limit = self.process_params.MAXIMUM_SATURATED_FRACTION
        return SATURATED if self.count > limit * self.NAXIS1 * self.NAXIS2 else 0

    def previous(self):
        """Find the map that this one is compared with.

        Returns
        -------
        SaturatedPixelMap or None
            The latest valid one of the same raw frame.
        """
        return _latest(SaturatedPixelMap, SaturatedPixelMap.raw == self.raw)


class CosmicMapParameters(ProcessParameters):
    """How cosmic rays are found."""

    DETECTION_THRESHOLD = parameter("Least Laplacian significance of a hit", float, 5.0,
                                    unit="sigma", low=1.0)  # fmt: skip
    NEIGHBOUR_FRACTION = parameter("Share of DETECTION_THRESHOLD that its neighbours need", float,
                                   0.6, low=0.0, high=1.0)  # fmt: skip
    OBJECT_CONTRAST = parameter("Least contrast of the Laplacian to the fine structure of stars",
                                float, 5.0, low=0.0)  # fmt: skip
    ITERATIONS = parameter("Searches at most", int, 4, low=1, high=20)
    MAXIMUM_COSMIC_COUNT = parameter("Limit of the number of hits", int, 100000, low=0,
                                     critical=False)  # fmt: skip
    MAXIMUM_COUNT_DIFFERENCE = parameter("Limit of the change since the previous map", int, 10000,
                                         unit="pix", low=0, critical=False)  # fmt: skip


class CosmicMap(ExposureMap):
    """The pixels hit by cosmic rays."""

    abstract = False
    file_kind = ("Sci", "Cosmic")
    pixel_version = "1.1"
    inputs = ("frame", "saturated", "hot", "cold")
    frame = persistent("The reduced frame in which they were found", "ReducedScienceFrame")
    saturated = persistent("Saturated pixels, left alone", SaturatedPixelMap)
    hot = persistent("Hot pixels, bridged before the search", "HotPixelMap")
    cold = persistent("Cold pixels, bridged before the search", "ColdPixelMap")
    cosmic_count = persistent("Number of hits", int)
    process_params = persistent("Parameters", CosmicMapParameters)

    def make(self):
        """Find the cosmic rays in the reduced frame."""
        from awe.pixels import find_cosmics

        frame, parameters = self.frame, self.process_params
        gain, read_noise = noise_maps(frame)
        self.steps_not_done = self.missing_maps() + [
            text
            for value, text in (
                (frame.gain, "photon noise: the gain is not known, 1 is taken"),
                (frame.fwhm, "limits by the seeing: it is not known, 2 pixels are taken"),
            )
            if value is None
        ]
        found = find_cosmics(
            frame.data, gain=gain, read_noise=read_noise, flat=frame.flat.data,
            illumination=pixels_of(frame.illumination), mask=masks_of(self, "hot", "cold"),
            saturated=self.saturated.bad, fwhm=frame.fwhm,
            sigclip=parameters.DETECTION_THRESHOLD, sigfrac=parameters.NEIGHBOUR_FRACTION,
            objlim=parameters.OBJECT_CONTRAST, iterations=parameters.ITERATIONS,
        )  # fmt: skip
        self.keep_map(found.mask)
        self.cosmic_count = int(found.count)

    def verify(self):
        """Compute the flag of the number of hits.

        Returns
        -------
        int
            COSMICS_MANY or 0.
        """
        many = self.cosmic_count > self.process_params.MAXIMUM_COSMIC_COUNT
        return COSMICS_MANY if many else 0

    def previous(self):
        """Find the map that this one is compared with.

        Returns
        -------
        CosmicMap or None
            The latest valid one of the same raw frame.
        """
        return _latest(CosmicMap, CosmicMap.frame.raw == self.frame.raw)


class SatelliteMapParameters(ProcessParameters):
    """How satellite trails are found."""

    HOUGH_THRESHOLD = parameter("Least significance of a line", float, 7.0, unit="sigma",
                                low=3.0)  # fmt: skip
    SHORTEST = parameter("Least length of a trail, as a share of the CCD's", float, 0.3, low=0.05,
                         high=1.0)  # fmt: skip
    MAXIMUM_COUNT_DIFFERENCE = parameter("Limit of the change since the previous map", int, 10000,
                                         unit="pix", low=0, critical=False)  # fmt: skip


class SatelliteMap(ExposureMap):
    """The pixels under the trails of satellites and aircraft."""

    abstract = False
    file_kind = ("Sci", "Satellite")
    pixel_version = "1.1"
    inputs = ("frame", "saturated", "hot", "cold", "cosmic")
    frame = persistent("The reduced frame in which they were found", "ReducedScienceFrame")
    saturated = persistent("Saturated pixels, left out", SaturatedPixelMap)
    hot = persistent("Hot pixels, left out", "HotPixelMap")
    cold = persistent("Cold pixels, left out", "ColdPixelMap")
    cosmic = persistent("Pixels hit by cosmic rays, left out", CosmicMap)
    trail_count = persistent("Number of trails", int)
    trail_x0 = persistent("Column of the first end of each trail, from 0", [float], unit="pix")
    trail_y0 = persistent("Row of the first end of each trail, from 0", [float], unit="pix")
    trail_x1 = persistent("Column of the other end of each trail, from 0", [float], unit="pix")
    trail_y1 = persistent("Row of the other end of each trail, from 0", [float], unit="pix")
    trail_significance = persistent("Significance of each trail", [float], unit="sigma")
    process_params = persistent("Parameters", SatelliteMapParameters)

    def make(self):
        """Find the trails in the reduced frame."""
        from awe.pixels import find_trails, trail_mask
        from awe.pixels.trails import SMALLEST_SIDE

        data, parameters = self.frame.data, self.process_params
        self.steps_not_done = self.missing_maps()
        if min(data.shape) < SMALLEST_SIDE:
            small = f"satellite trails: the CCD has fewer than {SMALLEST_SIDE} pixels to a side"
            self.steps_not_done = [*self.steps_not_done, small]
        bad = masks_of(self, "hot", "cold", "saturated", "cosmic")
        trails = find_trails(data, mask=bad, threshold=parameters.HOUGH_THRESHOLD,
                             shortest=parameters.SHORTEST)  # fmt: skip
        self.keep_map(trail_mask(data.shape, trails))
        self.trail_count = len(trails)
        for name in ("x0", "y0", "x1", "y1", "significance"):
            setattr(self, f"trail_{name}", [float(getattr(t, name)) for t in trails])

    def verify(self):
        """Compute the flag of a trail.

        Returns
        -------
        int
            SATELLITE_TRAIL or 0.
        """
        return SATELLITE_TRAIL if self.trail_count else 0

    def previous(self):
        """Find the map that this one is compared with.

        Returns
        -------
        SatelliteMap or None
            The latest valid one of the same raw frame.
        """
        return _latest(SatelliteMap, SatelliteMap.frame.raw == self.frame.raw)
