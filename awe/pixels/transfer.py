"""Photon transfer: gain, read noise, linearity and saturation from pairs of flats."""

from typing import NamedTuple

import numpy as np

from awe.base.errors import AweValueError
from awe.pixels import ref_transfer
from awe.pixels.backend import kernels
from awe.pixels.stats import MAD_TO_SIGMA, sorted_median

__all__ = ["PairLevel", "Transfer", "full_level", "measure_pair", "photon_transfer"]

_CELL = 64
_SAMPLES = 1 << 18
_LEAST_SPREAD = 0.3
# A cell with less good pixels than this share tells nothing.
_LEAST_GOOD = 0.5
# A variance per level that is less than this share of what lower levels let expect, by 5
# standard errors, has collapsed; few levels do not tell yet how much it falls without.
_COLLAPSE_OF_FEW, _COLLAPSE = 0.85, 0.99
_MANY = 4
# A level per second below this share of that of shorter exposures has bent.
_BEND = 0.9
# Of a pair above this share of the saturation level some pixels may be saturated.
_CLEAR = 0.9
_SIGNIFICANT = 3.0
# A variance below so many times that of the read noise is not that of light.
_LEAST_LIGHT = 1.1
# Full pixels are all alike: at least a tenth of a frame, within half the noise of its light; they
# lie above their commonest level minus so many times their scatter.
_FULL_SHARE, _FULL_NOISE, _FULL_MARGIN = 0.1, 0.5, 5.0
# The level of the overscan changes a little from frame to frame; full pixels may be all equal.
_FULL_SPREAD = 1.0


class PairLevel(NamedTuple):
    """What a pair of equal exposures tells.

    Parameters
    ----------
    level : float
        Mean of the first frame in ADU.
    variance : float
        Variance of the difference of the first frame and the scaled second one,
        in ADU^2.
    scale : float
        What the second frame was multiplied by.
    npix : int
        Number of pixels that were kept.
    median_sum : float
        Median of the sum of both frames in ADU.
    """

    level: float
    variance: float
    scale: float
    npix: int
    median_sum: float


class Transfer(NamedTuple):
    """Photon transfer of one amplifier.

    Parameters
    ----------
    gain : float
        Electrons per ADU at low levels.
    gain_error : float
        Its standard error.
    read_noise : float
        Read noise in ADU; NaN where the flats do not tell it.
    slope : float
        Relative change of the variance per level, per ADU; 0 where it is not
        significant.
    saturated : array of bool
        Which pairs are saturated.
    saturation_level : float
        Mean level in ADU of the lowest saturated pair; NaN where none is. About
        half of its full pixels lie below it: `full_level` tells where they begin.
    linearity : array of float64
        Level over exposure time of each pair, relative to the straight line
        through all that are not saturated, minus 1; NaN where saturated, or
        where the exposure times are not known.
    """

    gain: float
    gain_error: float
    read_noise: float
    slope: float
    saturated: np.ndarray
    saturation_level: float
    linearity: np.ndarray


def measure_pair(first, second, *, lit=True, threshold=5.0, max_iterations=5, mask=None):
    """Measure level and noise of a pair of equal exposures of one amplifier.

    The second frame is scaled to the level of the first. In the difference the
    response of the pixels cancels; the mean of each row (a level that drifts
    while the amplifier is read), and then the mean of each cell of 64 x 64 pixels
    (a lamp that moves) are subtracted. Pixels further than `threshold` standard
    deviations of their cell from its mean are left out, again and again: cosmic
    rays, stars, bad pixels.

    Parameters
    ----------
    first, second : array
        Frames of shape ``(ny, nx)`` without overscan and bias, in ADU.
    lit : bool, optional
        Whether there is light; biases are not scaled. The default is True.
    threshold : float, optional
        Where to clip in standard deviations. The default is 5.
    max_iterations : int, optional
        How often to clip at most. The default is 5.
    mask : array, optional
        Same shape, not zero where a pixel is bad. By default none is.

    Returns
    -------
    PairLevel
        Level, variance, scale, number of pixels.

    Raises
    ------
    AweValueError
        The shapes differ, no pixel is good, or flats have no light.
    """
    first, second = (np.ascontiguousarray(a, dtype=np.float32) for a in (first, second))
    if first.shape != second.shape:
        msg = f"The frames of a pair have shapes {first.shape} and {second.shape}: not equal."
        raise AweValueError(msg)
    good = np.isfinite(first) & np.isfinite(second)
    if mask is not None:
        good &= np.asarray(mask) == 0
    if not good.any():
        raise AweValueError(f"The pair of frames of shape {first.shape} has no good pixel.")
    sample = good.ravel()[:: _step(good)]
    samples = [a.ravel()[:: _step(good)][sample] for a in (first, second)]
    if not sample.any():
        samples = [first[good], second[good]]
    scale = _ratio(*samples) if lit else 1.0
    difference = first - np.float32(scale) * second
    difference[~good] = 0
    steps = _steps()
    centre, spread = _centres(difference, good, 1, difference.shape[1])
    means = steps.row_means(difference, good, centre[:, 0], threshold * spread[:, 0])
    difference -= means.astype(np.float32)[:, None]
    centre, spread = _centres(difference, good, _CELL, _CELL)
    size = min(_CELL, first.shape[0]) * min(_CELL, first.shape[1])
    for least in (int(_LEAST_GOOD * size), 2):
        count, total, squares, freedom = steps.clip_cells(
            difference, first, good, centre, threshold * spread, threshold, max_iterations, least
        )
        if freedom > 0:
            break
    else:
        raise AweValueError("The pair of frames has no part where enough pixels are good.")
    # Each row has lost one degree of freedom to its mean.
    variance = squares / freedom / (1 - 1 / max(first.shape[1], 2))
    median_sum = float(np.median(samples[0].astype(np.float64) + samples[1]))
    return PairLevel(total / count, variance, scale, count, median_sum)


def _steps():
    return kernels("transfer") or ref_transfer


def _step(array):
    # Odd, so that the sample does not stay in some columns of an even number of them.
    return (array.size // _SAMPLES) | 1


def _centres(difference, good, height, width):
    """Give median and scaled MAD of cells, each of a sample of its pixels."""
    ny, nx = difference.shape
    height, width = min(height, ny), min(width, nx)
    rows, columns = ny // height, nx // width
    step_y, step_x = max(1, height // 32), max(1, width // 32 if height > 1 else width // 512)
    cut = np.s_[: rows * height, : columns * width]
    blocks = [
        a[cut]
        .reshape(rows, height, columns, width)[:, ::step_y, :, ::step_x]
        .swapaxes(1, 2)
        .reshape(rows, columns, -1)
        for a in (difference, good)
    ]
    values = blocks[0] if blocks[1].all() else np.where(blocks[1], blocks[0], np.nan)
    centre = np.nan_to_num(sorted_median(values, -1))
    spread = MAD_TO_SIGMA * np.nan_to_num(sorted_median(np.abs(values - centre[..., None]), -1))
    # Of digital numbers more than half may be equal.
    return centre, np.maximum(spread, _LEAST_SPREAD)


def _ratio(first, second):
    """Give the ratio of the levels of two flats: of the medians, then of what is near it."""
    middle = float(np.median(first)), float(np.median(second))
    if not min(middle) > 0:
        msg = f"Flats of levels {middle[0]:.1f} and {middle[1]:.1f} ADU above bias are not lit."
        raise AweValueError(msg)
    ratio = middle[0] / middle[1]
    difference = first - np.float32(ratio) * second
    centre = np.median(difference)
    limit = 5 * MAD_TO_SIGMA * np.median(np.abs(difference - centre))
    near = np.abs(difference - centre) <= limit
    return float(first[near].mean(dtype=np.float64) / second[near].mean(dtype=np.float64))


def full_level(values, noise):
    """Find the level from which pixels are full in a saturated flat.

    Full pixels pile up at one level, within the read noise, the structure of the bias and the
    scatter of the wells. The commonest level is the middle of the shortest interval that holds
    a tenth of the values. What lies above it tells the scatter (MAD), since no pixel exceeds the
    full ones. All but a few of the full pixels lie above the commonest level minus 5 times that,
    while few others come so near.

    Parameters
    ----------
    values : array
        Pixels of one amplifier of a saturated flat in ADU, any shape.
    noise : float
        Noise of a pixel of that level that is not full, in ADU.

    Returns
    -------
    float
        The level in ADU; NaN where nothing piles up: the scatter is more than half of `noise`.

    Raises
    ------
    AweValueError
        There is no finite value.
    """
    values = np.ravel(values)
    values = values[:: _step(values)]
    values = np.sort(values[np.isfinite(values)]).astype(np.float64)
    if not values.size:
        raise AweValueError("A saturated flat needs finite values to tell where pixels are full.")
    width = int(_FULL_SHARE * (values.size - 1))
    start = int(np.argmin(values[width:] - values[: values.size - width]))
    peak = float(np.median(values[start : start + width + 1]))
    above = values[np.searchsorted(values, peak) :]
    spread = max(_FULL_SPREAD, float(MAD_TO_SIGMA * np.median(above - peak)))
    return peak - _FULL_MARGIN * spread if spread <= _FULL_NOISE * noise else np.nan


def photon_transfer(pairs, zeros=(), *, read_noise=None, exptimes=None, saturation=None):
    """Measure gain, read noise, linearity and saturation from pairs of rising level.

    With L the level of the first frame, s the scale of the second and N the read
    noise, the variance of the difference is ``(1 + s^2) N^2 + (1 + s) L / gain``.
    Where the charge of a pixel drives its neighbours' away or the read-out is not
    linear, the variance per level changes with the level: where three levels or
    more show that by 3 standard errors, a straight line is fitted, and the gain is
    that at level 0.

    A pair is saturated where its variance per level falls below 0.99 times what the
    lower ones (four or more, else 0.85 times) let expect by 5 standard errors, where
    its level per second is below 0.9 times that of the lower ones, or where it
    reaches the level given; and so are all above it.

    Parameters
    ----------
    pairs : sequence of PairLevel
        Pairs of flats.
    zeros : sequence of PairLevel, optional
        Pairs without light, which tell the read noise. By default none.
    read_noise : float, optional
        Read noise in ADU where there are no such pairs. By default it is fitted.
    exptimes : sequence of float, optional
        Exposure time of each pair in seconds, for the linearity.
    saturation : float, optional
        Level in ADU, as in the pairs, known to be saturated.

    Returns
    -------
    Transfer
        Gain and read noise include the noise of digitisation as the frames do.

    Raises
    ------
    AweValueError
        There is no pair, or none of them shows the noise of light: all pixels are
        saturated, or there is no light.
    """
    if not pairs:
        raise AweValueError("The gain needs at least one pair of flats, but there is none.")
    level, variance, scale, npix, _ = (np.array(v, dtype=float) for v in zip(*pairs, strict=True))
    if zeros:
        read_noise = float(np.sqrt(np.mean([z.variance / (1 + z.scale**2) for z in zeros])))
    elif read_noise is None:
        read_noise = _fitted_noise(level, variance, scale, saturation)
    dark = (1 + scale**2) * (0.0 if np.isnan(read_noise) else read_noise**2)
    light = (variance - dark) / ((1 + scale) * level)
    error = variance * np.sqrt(2 / npix) / ((1 + scale) * level)
    rate = None
    if exptimes is not None and min(exptimes, default=0) > 0:
        rate = level / np.asarray(exptimes, dtype=float)
    lit = variance > _LEAST_LIGHT * dark
    saturated = _saturated(level, light, error, rate, saturation, lit)
    good = ~saturated
    limit = float(level[saturated].min()) if saturated.any() else np.nan
    clear = good & ~(level > _CLEAR * limit)
    clear = clear if clear.any() else good
    inverse, inverse_error, slope = _fit(level[clear], light[clear], error[clear])
    linearity = np.full(len(level), np.nan)
    if rate is not None:
        linearity[good] = rate[good] / rate[good].mean() - 1
    return Transfer(
        1 / inverse, inverse_error / inverse**2, read_noise, slope, saturated, limit, linearity
    )


def _saturated(level, light, error, rate, limit, lit):
    """Tell which pairs are saturated, from the lowest level upwards."""
    order = np.argsort(level)
    shows = lit & (light > _SIGNIFICANT * error)
    if limit is not None:
        shows &= level < limit
    accepted = []
    for i in order:
        if shows[i] and accepted:
            shows[i] = light[i] + 5 * error[i] > _least_light(level, light, error, accepted, i)
            if rate is not None:
                shows[i] &= rate[i] > _BEND * np.median(rate[accepted])
        if not shows[i]:
            break
        accepted.append(i)
    if not accepted:
        msg = (
            f"No pair of flats shows the noise of light, at levels from {level.min():.0f} to "
            f"{level.max():.0f} ADU above bias: all pixels are saturated, or there is no light."
        )
        raise AweValueError(msg, cause="all pixels of the flats are saturated, or not lit")
    saturated = np.ones(len(level), dtype=bool)
    saturated[accepted] = False
    return saturated


def _least_light(level, light, error, accepted, i):
    """Give the least variance per level of a pair that is not saturated."""
    if len(accepted) < _MANY:
        return _COLLAPSE_OF_FEW * np.median(light[accepted])
    inverse, _, slope = _fit(level[accepted], light[accepted], error[accepted])
    return _COLLAPSE * inverse * (1 + slope * level[i])


def _fitted_noise(level, variance, scale, limit):
    """Give the read noise at which a straight line through the variances ends, or NaN."""
    use = np.argsort(level)
    if limit is not None:
        use = use[level[use] < limit]
    # The upper levels tell nothing of the read noise, and may be saturated.
    use = use[: max(2, len(use) // 2)]
    if len(use) < 2 or np.ptp(level[use]) == 0:
        return np.nan
    design = np.column_stack([1 + scale[use] ** 2, (1 + scale[use]) * level[use]])
    weight = 1 / variance[use]
    noise, _ = np.linalg.lstsq(design * weight[:, None], variance[use] * weight, rcond=None)[0]
    return float(np.sqrt(noise)) if noise > 0 else np.nan


def _fit(level, light, error):
    """Fit the variance per level; give it at level 0, its error and its relative slope."""
    weight = 1 / error**2
    mean = float(np.sum(weight * light) / weight.sum())
    mean_error = float(1 / np.sqrt(weight.sum()))
    if len(np.unique(level)) < 3:
        return mean, mean_error, 0.0
    centre = np.sum(weight * level) / weight.sum()
    moment = np.sum(weight * (level - centre) ** 2)
    slope = float(np.sum(weight * (level - centre) * light) / moment)
    rest = light - mean - slope * (level - centre)
    # What scatters more than its pixels let expect has larger errors.
    wider = max(1.0, float(np.sqrt(np.sum(weight * rest**2) / max(len(level) - 2, 1))))
    if abs(slope) < _SIGNIFICANT * wider / np.sqrt(moment):
        return mean, mean_error, 0.0
    zero = mean - slope * centre
    zero_error = wider * np.sqrt(mean_error**2 + centre**2 / moment)
    return float(zero), float(zero_error), float(slope / zero)
