"""Gain, linearity and saturation level of a CCD, from pairs of dome flats."""

import dataclasses

import numpy as np

from awe.base.errors import AweValueError
from awe.model.calibrations import BiasFrame
from awe.model.dependencies import BIAS
from awe.model.quality import GAIN_DIFFERENCE, GAIN_RANGE
from awe.model.raw import RawBiasFrame, RawDomeFlatFrame
from awe.model.stacks import RawStack, check_alike, overscan_zeros
from awe.model.validity import Calibration, valid_nights
from awe.process import ProcessParameters, parameter
from awe.store import persistent

__all__ = ["GainLinearity", "GainLinearityParameters", "pairs_of"]


class GainLinearityParameters(ProcessParameters):
    """How the gain is measured, and its limits."""

    OVERSCAN_CORRECTION = parameter("Overscan method", int, 6, low=0, high=10)
    REJECTION_THRESHOLD = parameter("Clip of the differences", float, 5.0, unit="sigma", low=1.0)
    MAXIMUM_ITERATIONS = parameter("Clips at most", int, 5, low=1, high=100)
    MINIMUM_LEVELS = parameter("Least number of different levels, that of biases among them", int,
                               2, low=1, critical=False)  # fmt: skip
    MINIMUM_GAIN = parameter("Least gain of an amplifier", float, 0.1, unit="electron/adu", low=0,
                             critical=False)  # fmt: skip
    MAXIMUM_GAIN = parameter("Greatest gain of an amplifier", float, 20.0, unit="electron/adu",
                             low=0, critical=False)  # fmt: skip
    MAXIMUM_GAIN_DIFFERENCE = parameter("Limit of the change of the mean gain", float, 0.1,
                                        unit="electron/adu", low=0, critical=False)  # fmt: skip
    VALID_NIGHTS_BEFORE, VALID_NIGHTS_AFTER = valid_nights(90)


class GainLinearity(Calibration):
    """Gain and read noise of the amplifiers of a CCD, its linearity and saturation level."""

    abstract = False
    pixel_version = "1.1"
    inputs = ("raw_domeflat_frames", "raw_bias_frames", "bias")
    dependencies = (dataclasses.replace(BIAS, required=False),)
    raw_domeflat_frames = persistent("The flats, pairs of equal exposure", [RawDomeFlatFrame])
    raw_bias_frames = persistent("Biases, which tell the read noise", [RawBiasFrame])
    bias = persistent("The bias that was subtracted", BiasFrame)
    process_params = persistent("Parameters", GainLinearityParameters)
    prev = persistent("The gain that it was compared with", "GainLinearity")
    gain = persistent("Electrons per ADU, mean of the amplifiers", float, unit="electron/adu")
    read_noise = persistent("Read noise, mean of the amplifiers", float, unit="adu")
    amplifier_gains = persistent("Electrons per ADU of each amplifier", [float],
                                 unit="electron/adu")  # fmt: skip
    amplifier_gain_errors = persistent("Their standard errors", [float], unit="electron/adu")
    amplifier_read_noises = persistent("Read noise of each amplifier", [float], unit="adu")
    exptimes = persistent("Exposure time of each pair", [float], unit="s")
    explevels = persistent("Mean level of each pair above bias", [float], unit="adu")
    median_sum = persistent("Median of the sum of each pair", [float], unit="adu")
    rms_diff = persistent("RMS of the difference of each pair", [float], unit="adu")
    linearity_curve = persistent(
        "Level over exposure time of each pair, relative to the straight line, minus 1; NaN where "
        "saturated", [float],
    )  # fmt: skip
    linearity = persistent("Largest absolute value of that of all amplifiers", float)
    amplifier_linearity = persistent("Largest absolute value of that of each amplifier; NaN where "
                                     "it is not known", [float])  # fmt: skip
    saturation_level = persistent("Least of amplifier_saturation_levels, where one was reached",
                                  float, unit="adu")  # fmt: skip
    amplifier_saturation_levels = persistent(
        "Level above the overscan from which a pixel of each amplifier is full; NaN where it was "
        "not reached", [float], unit="adu",
    )  # fmt: skip
    gain_diff = persistent("Absolute change of the mean gain since `prev`", float,
                           unit="electron/adu")  # fmt: skip
    read_noise_diff = persistent("Absolute change of the mean read noise since `prev`", float,
                                 unit="adu")  # fmt: skip

    def names(self):
        """Give the names on which the defaults of parameters depend.

        Returns
        -------
        dict
            'instrument', 'filter' and 'chip', as far as it has them.
        """
        return {
            "instrument": self.instrument.name, "chip": self.chip.name,
            "overscan_methods": self.readout.overscan_methods(),
        }  # fmt: skip

    def take_from(self, frames):
        """Take what stays the same from the flats; a gain does not depend on their filter.

        Parameters
        ----------
        frames : sequence of RawDomeFlatFrame
            At least one.
        """
        super().take_from(frames)
        self.filter = None

    def make(self):
        """Measure gain, read noise, linearity and saturation level."""
        flats, biases = self.raw_domeflat_frames, self.raw_bias_frames
        check_alike(flats, ("instrument", "chip", "readout", "filter", "lamp"))
        pairs = pairs_of(flats)
        self._check_levels(pairs, biases)
        self.steps_not_done = [
            f"{name}: there is none" for name, there in (
                ("bias", self.bias is not None), ("pairs of biases", len(biases) > 1),
            ) if not there
        ]  # fmt: skip
        self.exptimes = [float(first.EXPTIME or 0) for first, _ in pairs]
        zeros = self._measure(pairs_of(biases), lit=False)
        offsets = [0.0] * len(flats[0].amplifiers)
        if self.bias is None and zeros:
            by_amplifier = zip(*zeros, strict=True)
            offsets = [float(np.mean([z.median_sum / 2 for z in each])) for each in by_amplifier]
        lit = self._measure(pairs, lit=True, offsets=offsets)
        curves = self._take_transfer(lit, zeros)
        self._take_saturation(curves, pairs)
        self.set_validity(getattr(self, "_validity", None))

    def _check_levels(self, pairs, biases):
        levels = len({first.EXPTIME for first, _ in pairs}) + (len(biases) > 1)
        least = self.process_params.MINIMUM_LEVELS
        if not pairs or levels < least:
            found = len(self.raw_domeflat_frames)
            msg = (
                f"The gain needs pairs of dome flats of equal exposure time at MINIMUM_LEVELS = "
                f"{least} levels (two biases are one); {self.chip.name} has {len(pairs)} pairs of "
                f"{found} flats and {len(biases)} biases: {levels} levels."
            )
            raise AweValueError(msg, cause="fewer pairs of flats than the gain needs")
        no_zero = self.bias is None and len(biases) < 2
        if self.process_params.OVERSCAN_CORRECTION == 0 and no_zero:
            msg = f"{self.chip.name} has no overscan correction and no bias: no level is known."
            raise AweValueError(msg, remedy="Make a BiasFrame first.")

    def _measure(self, pairs, *, lit, offsets=None):
        """Measure each amplifier of each pair: a list of pairs of lists of amplifiers."""
        from awe.pixels import measure_pair

        parameters = self.process_params
        bias = None if self.bias is None else self.bias.data
        measured = []
        for pair in pairs:
            stack = RawStack(pair, parameters.OVERSCAN_CORRECTION, bias)
            first, second = stack.frame(0), stack.frame(1)
            each = []
            for i, amplifier in enumerate(pair[0].pixel_amplifiers()):
                offset = np.float32(0 if offsets is None else offsets[i])
                each.append(measure_pair(
                    first[amplifier.place] - offset, second[amplifier.place] - offset, lit=lit,
                    threshold=parameters.REJECTION_THRESHOLD,
                    max_iterations=parameters.MAXIMUM_ITERATIONS,
                ))  # fmt: skip
            measured.append(each)
        return measured

    def _take_transfer(self, lit, zeros):
        """Take the photon transfer of each amplifier, and the averages over them; give it."""
        from awe.pixels import photon_transfer

        limits = self._saturation_limits()
        by_amplifier = list(zip(*lit, strict=True))
        dark = list(zip(*zeros, strict=True)) or [()] * len(by_amplifier)
        noises = self._overscan_noises() if not zeros else [None] * len(by_amplifier)
        curves = [
            photon_transfer(pairs, zero, read_noise=noise, exptimes=self.exptimes, saturation=limit)
            for pairs, zero, noise, limit in zip(by_amplifier, dark, noises, limits, strict=True)
        ]
        self.amplifier_gains = [c.gain for c in curves]
        self.amplifier_gain_errors = [c.gain_error for c in curves]
        self.amplifier_read_noises = [self._known(c.read_noise, i) for i, c in enumerate(curves)]
        self.gain = float(np.mean(self.amplifier_gains))
        self.read_noise = float(np.mean(self.amplifier_read_noises))
        self.explevels = [float(np.mean([p.level for p in each])) for each in lit]
        self.median_sum = [float(np.mean([p.median_sum for p in each])) for each in lit]
        self.rms_diff = [float(np.sqrt(np.mean([p.variance for p in each]))) for each in lit]
        self.linearity_curve = np.mean([c.linearity for c in curves], axis=0).tolist()
        deviations = [np.abs(c.linearity[np.isfinite(c.linearity)]) for c in curves]
        self.amplifier_linearity = [float(d.max()) if d.size else np.nan for d in deviations]
        self.linearity = _finite(max, self.amplifier_linearity)
        return curves

    def _take_saturation(self, curves, pairs):
        """Take the level from which the pixels of each amplifier are full."""
        self.amplifier_saturation_levels = [
            _full_level(curve, pairs, number) for number, curve in enumerate(curves)
        ]
        self.saturation_level = _finite(min, self.amplifier_saturation_levels)

    def _known(self, noise, i):
        """Give the read noise of an amplifier, that of its header where none was measured."""
        amplifier = self.raw_domeflat_frames[0].amplifiers[i]
        if not np.isfinite(noise) and amplifier.read_noise is not None:
            noise = amplifier.read_noise / (amplifier.gain or 1.0)
        if np.isfinite(noise):
            return noise
        msg = f"The read noise of {self.chip.name} is not known, neither from biases nor flats."
        raise AweValueError(msg, remedy="Take raw biases of the night into the store.")

    def _first_levels(self):
        from awe.pixels import overscan_levels

        first = self.raw_domeflat_frames[0]
        method = self.process_params.OVERSCAN_CORRECTION
        return overscan_levels(first.arrays(), first.pixel_amplifiers(), method)

    def _overscan_noises(self):
        noises = [level.noise for level in self._first_levels()]
        return [noise if np.isfinite(noise) else None for noise in noises]

    def _saturation_limits(self):
        """Give what the headers call saturated as levels above the overscan, or None."""
        amplifiers = self.raw_domeflat_frames[0].amplifiers
        if self.process_params.OVERSCAN_CORRECTION == 0:
            return [None] * len(amplifiers)
        return [
            None if a.saturation is None else a.saturation - level.level
            for a, level in zip(amplifiers, self._first_levels(), strict=True)
        ]

    def verify(self):
        """Compute the flag of the gains.

        Returns
        -------
        int
            GAIN_RANGE where that of an amplifier is outside the limits, else 0.
        """
        limits = self.process_params
        low, high = limits.MINIMUM_GAIN, limits.MAXIMUM_GAIN
        return 0 if all(low <= g <= high for g in self.amplifier_gains) else GAIN_RANGE

    def compare(self):
        """Compute the flag of the change since the previous gain.

        Returns
        -------
        int
            GAIN_DIFFERENCE or 0.
        """
        self.prev = self.previous()
        if self.prev is None:
            return 0
        self.gain_diff = abs(self.gain - self.prev.gain)
        self.read_noise_diff = abs(self.read_noise - self.prev.read_noise)
        limit = self.process_params.MAXIMUM_GAIN_DIFFERENCE
        return GAIN_DIFFERENCE if self.gain_diff > limit else 0

    def summary(self):
        """Give the words for `repr`.

        Returns
        -------
        str
            What tells the object from others of its class.
        """
        return f"{self.instrument.name} {self.chip.name} {self.gain:.4g} e-/ADU"


def _finite(function, values):
    """Give the least or the greatest finite value, or None."""
    return function((v for v in values if np.isfinite(v)), default=None)


def _full_level(curve, pairs, number):
    """Give the level above the overscan from which pixels of an amplifier are full, or NaN."""
    from awe.pixels import full_level

    if not curve.saturated.any():
        return np.nan
    # Of the longest exposure most pixels are full.
    brightest = pairs[int(np.flatnonzero(curve.saturated)[-1])]
    values = []
    for frame in brightest:
        amplifier = frame.pixel_amplifiers()[number]
        y0, y1, x0, x1 = amplifier.data
        pixels = np.asarray(frame.arrays()[amplifier.hdu][y0:y1, x0:x1])
        # Raw, as in the frames where the level serves: the structure of the bias is part of it.
        values.append(pixels.ravel() - np.float32(overscan_zeros(frame)[number]))
    noise = np.hypot(curve.read_noise if np.isfinite(curve.read_noise) else 0.0,
                     np.sqrt(curve.saturation_level / curve.gain))  # fmt: skip
    level = full_level(np.concatenate(values), noise)
    return level if np.isfinite(level) else curve.saturation_level


def pairs_of(frames):
    """Pair frames of equal exposure time in the order of time.

    Parameters
    ----------
    frames : sequence of RawFrame
        Of one CCD.

    Returns
    -------
    list of (RawFrame, RawFrame)
        By exposure time, then time; what is left over of an odd number is in none.
    """
    groups = {}
    for frame in sorted(frames, key=lambda f: f.DATE_OBS):
        groups.setdefault(frame.EXPTIME or 0.0, []).append(frame)
    pairs = []
    for _, group in sorted(groups.items()):
        pairs += zip(group[::2], group[1::2], strict=False)
    return pairs
