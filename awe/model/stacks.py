"""Stacks of raw frames: blocks of rows of calibrated CCDs, read from the files as needed."""

import operator

import numpy as np

from awe.base.errors import AweValueError

__all__ = ["RawStack", "check_alike", "check_common", "level_method", "noise_of",
           "overscan_zeros", "pair_noise"]  # fmt: skip

# macOS lets a process have 256 files open.
_OPEN_FILES = 100
# Medians of overscan and prescan in x and in y, or nothing.
_LEVEL_REGIONS = {2: "overscan_x", 1: "prescan_x", 4: "overscan_y", 3: "prescan_y", 0: None}
# A median of so many pixels is known to a hundredth of their noise.
_LEVEL_SAMPLES = 1 << 14


def level_method(readout):
    """Give the overscan method that measures one level for each amplifier.

    Parameters
    ----------
    readout : Readout
        How the CCD was read out.

    Returns
    -------
    int
        The overscan in x before the others; 0 where there is none.
    """
    possible = readout.overscan_methods()
    return next(method for method in _LEVEL_REGIONS if method in possible)


def overscan_zeros(frame, arrays=None):
    """Measure the raw level without light of each amplifier of a frame.

    Parameters
    ----------
    frame : RawFrame
        The frame.
    arrays : sequence of array, optional
        Its raw arrays, where they are at hand. By default they are read.

    Returns
    -------
    list of float
        Medians of the overscan in ADU; 0 where there is none.
    """
    region = _LEVEL_REGIONS[level_method(frame.readout)]
    if region is None:
        return [0.0] * len(frame.amplifiers)
    arrays, zeros = frame.arrays() if arrays is None else arrays, []
    for amplifier in frame.pixel_amplifiers():
        y0, y1, x0, x1 = getattr(amplifier, region)
        pixels = np.asarray(arrays[amplifier.hdu][y0:y1, x0:x1]).ravel()
        # Odd, so that the sample does not stay in some columns of an even number of them.
        zeros.append(float(np.nanmedian(pixels[:: (pixels.size // _LEVEL_SAMPLES) | 1])))
    return zeros


def check_alike(frames, names=("instrument", "chip", "readout", "filter")):
    """Check that frames can be combined.

    Parameters
    ----------
    frames : sequence of RawFrame
        The frames.
    names : tuple of str, optional
        Attributes that must be equal.

    Raises
    ------
    AweValueError
        There is none, or one differs; the message names it.
    """
    if not frames:
        msg = "There is no frame to combine."
        raise AweValueError(msg)
    first = frames[0]
    readers = {name: operator.attrgetter(name) for name in names}
    check_common(frames, readers, "frames of different kinds cannot be combined")
    if not first.amplifiers:
        msg = f"{first!r} has no amplifiers: it is not known where its pixels lie."
        raise AweValueError(msg)


def check_common(frames, readers, why, remedy=None):
    """Check that frames have all in common that they need to.

    Parameters
    ----------
    frames : sequence of DBObject
        The frames; the others are compared with the first.
    readers : dict of str to callable
        What must be equal, and how to read it from a frame.
    why : str
        End of the message, such as 'frames of different kinds cannot be combined'.
    remedy : str, optional
        What to do then. By default it is not said.

    Raises
    ------
    AweValueError
        One differs; the message names it, the first frame, and what both have.
    """
    first = frames[0]
    for frame in frames[1:]:
        for name, read in readers.items():
            mine, others = read(first), read(frame)
            if mine is not others and mine != others:
                msg = (
                    f"{frame!r} has {name} {others!r}, the first frame {first!r} has {mine!r}; "
                    f"{why}."
                )
                raise AweValueError(msg, cause=f"frames of different {name}", remedy=remedy)


class RawStack:
    """Raw frames of one CCD as a stack of overscan-corrected images.

    Parameters
    ----------
    frames : sequence of RawFrame
        Of one CCD in one read-out mode.
    method : int
        Overscan method.
    bias : array, optional
        Image of shape ``(ny, nx)`` to subtract. By default none.
    """

    def __init__(self, frames, method, bias=None):
        from awe.pixels import ccd_shape, overscan_levels

        self._amplifiers = frames[0].pixel_amplifiers()
        self.shape = ccd_shape(self._amplifiers)
        self._arrays = [frame.arrays() for frame in frames]
        self.levels = [overscan_levels(a, self._amplifiers, method) for a in self._arrays]
        self._bias = bias
        # Not all files of a large stack may stay open at once.
        keep_open = sum(len(a) for a in self._arrays) <= _OPEN_FILES
        stored = [[a.stored(keep_open) for a in arrays] for arrays in self._arrays]
        self._stored = None if any(s is None for a in stored for s in a) else stored
        self._buffer = np.empty(0, dtype=np.uint16)
        if bias is not None and bias.shape != self.shape:
            msg = f"The bias has shape {bias.shape}, the frames have {self.shape}."
            raise AweValueError(msg)

    def __len__(self):
        return len(self._arrays)

    def rows(self, k, y0, y1):
        """Give a block of rows of one frame.

        Parameters
        ----------
        k : int
            Number of the frame, counted from 0.
        y0, y1 : int
            The rows, half-open.

        Returns
        -------
        array of float32
            Shape ``(y1 - y0, nx)``, in ADU.
        """
        from awe.pixels import assemble

        block = assemble(self._arrays[k], self._amplifiers, self.levels[k], rows=(y0, y1))
        if self._bias is not None:
            block -= self._bias[y0:y1]
        return block

    def fill(self, block, y0, y1):
        """Fill a block with rows of all frames.

        Parameters
        ----------
        block : array of float32
            Shape ``(n, y1 - y0, nx)``.
        y0, y1 : int
            The rows, half-open.
        """
        from awe.pixels import assemble_stored, kernel_name

        if self._stored is None or kernel_name() == "numpy":
            for k, target in enumerate(block):
                target[...] = self.rows(k, y0, y1)
            return
        size = (y1 - y0) * max(stored.shape[1] for stored in self._stored[0])
        if self._buffer.size < size:
            self._buffer = np.empty(size, dtype=np.uint16)
        for stored, levels, target in zip(self._stored, self.levels, block, strict=True):
            assemble_stored(
                stored, self._amplifiers, levels, (y0, y1), target, self._buffer, self._bias
            )

    def frame(self, k):
        """Give one whole frame.

        Parameters
        ----------
        k : int
            Number of the frame, counted from 0.

        Returns
        -------
        array of float32
            Shape ``(ny, nx)``, in ADU.
        """
        return self.rows(k, 0, self.shape[0])


def noise_of(frame, read_noise=None, gain_linearity=None):
    """Give read noise and gain of a CCD as the clip of a stack takes them.

    Parameters
    ----------
    frame : RawFrame
        One of the frames.
    read_noise : float, optional
        Read noise in ADU that was measured. By default that of the headers.
    gain_linearity : GainLinearity, optional
        Gains that were measured, and read noises where none is given. By default those of the
        headers.

    Returns
    -------
    read_noise : float or array or None
        In ADU, per amplifier where they differ; None where nothing is known.
    gain : float or array or None
        In electrons per ADU; None where it is not known.
    """
    from awe.pixels import amplifier_map

    def spread(values):
        return values[0] if len(set(values)) == 1 else amplifier_map(amplifiers, values)

    amplifiers = frame.pixel_amplifiers()
    if gain_linearity is not None:
        if read_noise is None:
            read_noise = spread(gain_linearity.amplifier_read_noises)
        return read_noise, spread(gain_linearity.amplifier_gains)
    gains = [a.gain for a in amplifiers]
    if any(g is None for g in gains):
        return read_noise, None
    if read_noise is not None:
        return read_noise, spread(gains)
    noises = [a.read_noise for a in amplifiers]
    if any(n is None for n in noises):
        return None, spread(gains)
    return spread([n / g for n, g in zip(noises, gains, strict=True)]), spread(gains)


def pair_noise(stack, threshold, iterations):
    """Measure the read noise from the differences of pairs of frames.

    The level of each row of a difference is subtracted, so that one that drifts during the
    read-out does not count as noise of the pixels.

    Parameters
    ----------
    stack : RawStack
        Biases.
    threshold : float
        Pixels further than so many standard deviations from the mean are left out.
    iterations : int
        How often at most.

    Returns
    -------
    read_noise : float
        RMS of the differences over the square root of 2, in ADU; median of the pairs.
    mean_difference, median_difference : float
        Of the last pair, in ADU.
    """
    from awe.pixels import measure_pair

    noises, mean, median = [], 0.0, 0.0
    for k in range(0, len(stack) - 1, 2):
        first, second = stack.frame(k), stack.frame(k + 1)
        difference = first - second
        mean = float(np.nanmean(difference, dtype=np.float64))
        median = float(np.nanmedian(difference))
        pair = measure_pair(
            first, second, lit=False, threshold=threshold, max_iterations=iterations
        )
        noises.append(np.sqrt(pair.variance / 2))
    return float(np.median(noises)), mean, median
