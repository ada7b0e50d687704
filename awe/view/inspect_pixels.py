"""Arrays for the screen: averages over blocks, limits of the greys, statistics."""

import itertools

import numpy as np

__all__ = ["Pyramid", "brightest", "halved", "limits", "statistics_text"]

_SAMPLE = 300_000
_BRIGHT = 10.0


class Pyramid:
    """An image at full resolution and averaged over blocks of 2, 4, 8 ... pixels.

    Parameters
    ----------
    load : callable
        Gives the array (ny, nx); called again where the pyramid is frugal.
    pool : str, optional
        What becomes of a block: 'mean', 'min' (so that no bad pixel is lost) or 'or' (bits).
        The default is 'mean'.
    """

    def __init__(self, load, pool="mean"):
        self._load = load
        self._pool = pool
        self._levels = {}
        self._kept = None
        self.shape = self.level(1).shape

    def level(self, step):
        """Give the image with blocks of some pixels.

        Parameters
        ----------
        step : int
            Side of a block: 1, 2, 4, ...

        Returns
        -------
        numpy.ndarray
            Blocks that reach beyond the edge hold what there is.
        """
        if step == 1 and self._kept is not None:
            return self._load()
        if step not in self._levels:
            made = self._load() if step == 1 else halved(self.level(step // 2), self._pool)
            self._levels[step] = made
        return self._levels[step]

    def be_frugal(self, keep):
        """Keep full resolution no longer, and finer levels only until `forget`.

        Parameters
        ----------
        keep : int
            The side of the finest blocks that are kept.
        """
        self.level(keep)
        self._kept = keep
        self.forget()

    def forget(self):
        """Drop the fine levels of an image that is frugal."""
        keep = self._kept
        if keep is not None:
            self._levels = {step: each for step, each in self._levels.items() if step >= keep}

    def step_for(self, pixels):
        """Give the level for a scale of the screen.

        Parameters
        ----------
        pixels : float
            Pixels of the image for each of the screen.

        Returns
        -------
        int
            For means the greatest block that is not larger than a pixel of the screen; for
            others the least that is not smaller, since the screen shows not all smaller ones.
        """
        exponent = np.log2(max(pixels, 1.0))
        exponent = np.floor(exponent) if self._pool == "mean" else np.ceil(exponent)
        most = max(int(np.log2(max(self.shape))), 0)
        return 2 ** min(int(exponent), most)

    def part(self, box, step):
        """Give a part of the image.

        Parameters
        ----------
        box : tuple of float
            ``(x0, x1, y0, y1)`` in pixels from 0.
        step : int
            Side of a block.

        Returns
        -------
        values : numpy.ndarray
            The blocks that touch the box; at least one.
        extent : tuple of float
            Their edges ``(x0, x1, y0, y1)``; the centre of the first pixel is 0.
        """
        whole = self.level(step)
        ny, nx = whole.shape
        x0, x1 = _range(box[0], box[1], step, nx)
        y0, y1 = _range(box[2], box[3], step, ny)
        extent = (x0 * step - 0.5, x1 * step - 0.5, y0 * step - 0.5, y1 * step - 0.5)
        return whole[y0:y1, x0:x1], extent


def _range(low, high, step, count):
    first = min(max(int(np.floor((low + 0.5) / step)), 0), count - 1)
    last = max(min(int(np.ceil((high + 0.5) / step)), count), first + 1)
    return first, last


def halved(data, pool="mean"):
    """Reduce an image to blocks of 2 x 2 pixels.

    Parameters
    ----------
    data : numpy.ndarray
        Shape (ny, nx).
    pool : str, optional
        'mean' over the finite pixels, 'min' (NaN where any is) or 'or'. The default is 'mean'.

    Returns
    -------
    numpy.ndarray
        float32 for means; odd edges count twice.
    """
    ny, nx = data.shape
    if ny % 2 or nx % 2:
        data = np.pad(data, ((0, ny % 2), (0, nx % 2)), mode="edge")
    corners = [data[dy::2, dx::2] for dy in (0, 1) for dx in (0, 1)]
    if pool != "mean":
        join = np.minimum if pool == "min" else np.bitwise_or
        return join(join(corners[0], corners[1]), join(corners[2], corners[3]))
    with np.errstate(invalid="ignore", over="ignore"):
        total = corners[0].astype(np.float32)
        for each in corners[1:]:
            total += each
        total *= np.float32(0.25)
    lost = ~np.isfinite(total)
    if lost.any():
        values = np.stack([c[lost] for c in corners]).astype(np.float64)
        values[~np.isfinite(values)] = np.nan
        count = np.isfinite(values).sum(axis=0)
        total[lost] = np.where(count, np.nansum(values, axis=0) / np.maximum(count, 1), np.nan)
    return total


def limits(data):
    """Give the limits of zscale, apart from each other even where most pixels are alike.

    Parameters
    ----------
    data : numpy.ndarray
        Any shape; of a large image a regular sample is taken.

    Returns
    -------
    tuple of float
        Lowest and highest.
    """
    good = _sample(data)
    if not good.size:
        return 0.0, 1.0
    low, high = float(good.min()), float(good.max())
    if low == high:
        margin = abs(low) * 1e-3 or 0.5
        return low - margin, low + margin
    black, white = _zscale(good)
    # Where nearly all pixels are alike, zscale has no width.
    return (black, white) if black < white else (low, high)


def brightest(data, low, high):
    """Give white for a curved stretch: bright pixels are seen, and the sky is not crushed.

    Parameters
    ----------
    data : numpy.ndarray
        Any shape; of a large image a regular sample is taken.
    low, high : float
        The limits of zscale.

    Returns
    -------
    float
        What one of 5000 pixels exceeds, between `high` and 10 times as far from `low`.
    """
    good = _sample(data)
    peak = float(np.percentile(good, 99.98)) if good.size else high
    return min(max(peak, high), low + _BRIGHT * (high - low))


def _sample(data):
    """Give finite values of an image, regularly taken; all of them where that finds none."""
    step = max(1, int(np.sqrt(data.size / _SAMPLE))) if data.ndim == 2 else 1
    good = data[::step, ::step] if data.ndim == 2 else data
    good = good[np.isfinite(good)]
    return good if good.size else data[np.isfinite(data)]


def _zscale(values, contrast=0.25, count=1000):
    """Give the limits of IRAF's zscale for finite values.

    The slope of the sorted values, without the outliers, says how far from the median black and
    white lie. Done here since astropy's, which a test compares, imports all units: a fifth of the
    time in which a window may open.
    """
    values = np.sort(values[:: max(1, values.size // count)][:count].astype(np.float64))
    low, high, size = values[0], values[-1], values.size
    least, place = max(5, size // 2), np.arange(size)
    good = np.ones(size, dtype=bool)
    before, slope = size + 1, None
    for _ in range(5):
        number = np.count_nonzero(good)
        if number >= before or number < least:
            break
        slope, level = np.polyfit(place[good], values[good], 1)
        rest = values - (slope * place + level)
        bad = ~good | (np.abs(rest) > 2.5 * rest[good].std())
        # The neighbours of an outlier, a hundredth of all, go with it.
        bad = np.convolve(bad, np.ones(max(1, size // 100)), mode="same") > 0.5
        before, good = number, ~bad
    if slope is None or np.count_nonzero(good) < least:
        return float(low), float(high)
    slope, middle, centre = slope / contrast, np.median(values), (size - 1) // 2
    low = max(low, middle - (centre - 1) * slope)
    high = min(high, middle + (size - centre) * slope)
    return float(low), float(high)


def statistics_text(data):
    """Give the statistics of the finite pixels in words.

    Parameters
    ----------
    data : numpy.ndarray
        Shape (ny, nx).

    Returns
    -------
    str
        Size, median, mean, standard deviation, extremes, and how many are not finite.
    """
    good = data.ravel() if np.isfinite(data).all() else data[np.isfinite(data)]
    size = f"{data.shape[1]} x {data.shape[0]}"
    bad = data.size - good.size
    tail = f", {bad} not finite" if bad else ""
    if not good.size:
        return f"{size}, no pixel is finite"
    low, high = good.min(), good.max()
    if low == high:
        return f"{size}, every pixel is {low:.6g}{tail}"
    mean = good.mean(dtype=np.float64)
    return (
        f"{size}, median {_median(good):.6g}, mean {mean:.6g}, std {_spread(good, mean):.4g}, "
        f"min {low:.6g}, max {high:.6g}{tail}"
    )


def _median(values):
    """Give the median; of integers by counting, which takes a fifth of the time."""
    if values.dtype.kind in "ui" and values.dtype.itemsize <= 2 and values.min() >= 0:
        counts = np.bincount(values)
        below = np.cumsum(counts)
        half = (values.size - 1) / 2
        first = np.searchsorted(below, np.floor(half), side="right")
        second = np.searchsorted(below, np.ceil(half), side="right")
        return (first + second) / 2
    return np.median(values)


def _spread(values, mean):
    total = 0.0
    edges = [*range(0, values.size, 1 << 20), values.size]
    for first, last in itertools.pairwise(edges):
        rest = values[first:last] - mean
        total += float(np.dot(rest, rest))
    return np.sqrt(total / values.size)
