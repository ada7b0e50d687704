"""Weights of reduced frames."""

import numpy as np

from awe.model.calibrations import FrameProduct
from awe.model.detector import amplifiers_of, masks_of, pixels_of
from awe.model.exposuremaps import CosmicMap, SatelliteMap, SaturatedPixelMap
from awe.model.flats import MasterFlatFrame
from awe.model.quality import WEIGHT_DIFFERENCE, WEIGHT_ZEROS
from awe.model.vocabulary import Chip, Filter
from awe.process import ProcessParameters, parameter
from awe.store import persistent

__all__ = ["WeightFrame", "WeightFrameParameters"]


class WeightFrameParameters(ProcessParameters):
    """Limits of the weights, and of their change since the previous ones of the same exposure."""

    MAXIMUM_BAD_FRACTION = parameter("Limit of the share of the pixels that have weight 0", float,
                                     0.5, low=0, high=1, critical=False)  # fmt: skip
    MAXIMUM_WEIGHT_DIFFERENCE = parameter("Limit of the change of the median weight, as a share "
                                          "of it", float, 0.05, low=0,
                                          critical=False)  # fmt: skip
    MAXIMUM_COUNT_DIFFERENCE = parameter("Limit of the change of the number of pixels of weight 0",
                                         int, 10000, unit="pix", low=0,
                                         critical=False)  # fmt: skip


class WeightFrame(FrameProduct):
    """The inverse variance of each pixel of a reduced frame; 0 for every bad pixel."""

    abstract = False
    file_kind = ("Sci", "Weight")
    unit = "adu-2"
    pixel_version = "1.1"
    inputs = ("frame", "flat", "illumination", "hot", "cold", "saturated", "cosmic", "satellite")
    frame = persistent("The reduced frame that it belongs to", "ReducedScienceFrame")
    flat = persistent("The flat that the frame was divided by", MasterFlatFrame)
    illumination = persistent("The illumination correction", "IlluminationCorrectionFrame")
    hot = persistent("Map of the hot pixels", "HotPixelMap")
    cold = persistent("Map of the cold pixels", "ColdPixelMap")
    saturated = persistent("Map of the saturated pixels", SaturatedPixelMap)
    cosmic = persistent("Map of the cosmic rays", CosmicMap)
    satellite = persistent("Map of the satellite trails", SatelliteMap)
    chip = persistent("The CCD", Chip)
    filter = persistent("Filter in the beam", Filter)
    bad_count = persistent("Number of pixels of weight 0", int)
    prev = persistent("The weights of the same exposure that they were compared with",
                      "WeightFrame")  # fmt: skip
    weight_diff = persistent("Change of the median weight since `prev`, as a share of it", float)
    count_diff = persistent("Absolute change of the number of pixels of weight 0 since `prev`",
                            int, unit="pix")  # fmt: skip
    process_params = persistent("Parameters", WeightFrameParameters)

    def take_from(self, frame):
        """Take from the reduced frame what it was made with.

        Parameters
        ----------
        frame : ReducedScienceFrame
            The frame.
        """
        self.frame = frame
        for name in ("instrument", "chip", "filter", "flat", "illumination", "hot", "cold"):
            setattr(self, name, getattr(frame, name))

    def make(self):
        """Compute the weights: noise of the detector, of the light and of the calibrations."""
        from awe.pixels import weight_map

        frame = self.frame
        amplifiers = amplifiers_of(frame)
        if any(a.gain is None for a in amplifiers):
            self.steps_not_done = ["photon noise: the gain is not known, 1 is taken"]
        amplifiers = [a if a.gain is not None else a._replace(gain=1.0) for a in amplifiers]
        weights = weight_map(
            frame.data, amplifiers, flat=self.flat.data, illumination=pixels_of(self.illumination),
            dark=pixels_of(frame.dark), dark_scale=frame.EXPTIME or 0.0,
            fringe=pixels_of(frame.fringe), fringe_scale=frame.scale_factor or 0.0,
            mask=self.bad_pixels(), levels=frame.overscan_levels(),
            bias_error=frame.bias.extra_image("ERROR"), flat_error=self.flat.extra_image("ERROR"),
        )  # fmt: skip
        self.keep(weights)
        self.bad_count = int(np.count_nonzero(weights == 0))

    def verify(self):
        """Compute the flag of the number of pixels of weight 0.

        Returns
        -------
        int
            WEIGHT_ZEROS where more than the limit of the pixels have none, else 0.
        """
        limit = self.process_params.MAXIMUM_BAD_FRACTION
        return WEIGHT_ZEROS if self.bad_count > limit * self.NAXIS1 * self.NAXIS2 else 0

    def previous(self):
        """Find the weights that these are compared with.

        Returns
        -------
        WeightFrame or None
            The latest valid ones of the same raw frame.
        """
        cls = type(self)
        return ((cls.frame.raw == self.frame.raw) & (cls.is_valid > 0)).max("creation_date")

    def compare(self):
        """Compute the flag of the change since the previous weights of the exposure.

        Returns
        -------
        int
            WEIGHT_DIFFERENCE where the median weight or the number of pixels of weight 0 changed
            by more than its limit, else 0.
        """
        self.prev = self.previous()
        if self.prev is None:
            return 0
        limits, before = self.process_params, self.prev.imstat.median
        self.count_diff = abs(self.bad_count - self.prev.bad_count)
        self.weight_diff = abs(self.imstat.median / before - 1) if before else np.inf
        differs = self.weight_diff > limits.MAXIMUM_WEIGHT_DIFFERENCE
        differs |= self.count_diff > limits.MAXIMUM_COUNT_DIFFERENCE
        return WEIGHT_DIFFERENCE if differs else 0

    def bad_pixels(self):
        """Give the bad pixels by cause.

        Returns
        -------
        array of uint8
            Bits of `awe.pixels.MASK_BITS`, shape ``(ny, nx)``.
        """
        from awe.pixels import MASK_BITS

        mask = np.zeros(self.frame.data.shape, dtype=np.uint8)
        for name, bit in (
            ("hot", "hot"), ("cold", "cold"), ("saturated", "saturated"),
            ("cosmic", "cosmic_ray"), ("satellite", "satellite"),
        ):  # fmt: skip
            bad = masks_of(self, name)
            if bad is not None:
                mask |= bad * np.uint8(MASK_BITS[bit])
        return mask
