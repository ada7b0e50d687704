"""A trail followed on the pixels: its exact line, where it ends, how wide and how bright it is."""

from typing import NamedTuple

import numpy as np

from awe.pixels import ref_trails
from awe.pixels.stats import MAD_TO_SIGMA

__all__ = ["Followed", "Line", "follow"]

# Pixels: half of the strip that is cut out about a line, of that in which the line is made exact,
# and of what is summed up along it; how far its ends may be shifted.
_HALF = 32
_NEAR = 12
_CORE = 2
_REACH = 8.0
# Clip in standard deviations.
_CLIP = 2.5
# Into how many parts, of how many rows at least, a strip is cut; how many rows are enough for a
# profile.
_PARTS = 128
_SHORTEST_PART = 16
_ENOUGH = 1024
# Full width at half maximum in pixels of a trail, and of one that is faint or has both ends on the
# CCD; up to which brightness a trail is faint, in standard deviations of a pixel.
_WIDEST = 24.0
_WIDEST_FAINT = 9.0
_FAINT = 2.0
# Least significance on the pixels, in the noise of lines beside; parts of a trail that flashes.
_LEAST = 7.0
_FLASHES = 8
# Pixels: least length of a trail that ends on the CCD, what is longer than any spike of a star,
# and how far a trail moves across.
_SHORTEST_INNER = 128
_LONG = 600
_ACROSS = 8.0


class Line(NamedTuple):
    """A straight line on a CCD.

    Parameters
    ----------
    steep : bool
        Whether it runs over the rows, not over the columns.
    offset, slope : float
        Column over row, or row over column: ``offset + slope * u``, pixels counted from 0.
    """

    steep: bool
    offset: float
    slope: float

    def at(self, u):
        """Give the place across.

        Parameters
        ----------
        u : float or array
            Row of a steep line, else column.

        Returns
        -------
        float or array
            Column of a steep line, else row.
        """
        return self.offset + self.slope * u


class Followed(NamedTuple):
    """What a line turned out to be.

    Parameters
    ----------
    line : Line
        The exact line.
    begin, end : float
        Where it begins and ends, in rows for a steep line, else columns.
    peak : float
        Brightness on the middle line over the noise of a pixel.
    width : float
        Full width in pixels of what is to be masked.
    accepted : bool
        Whether it is a trail.
    slanted : bool
        Whether it runs across rows and columns, not along one of them.
    """

    line: Line
    begin: float
    end: float
    peak: float
    width: float
    accepted: bool
    slanted: bool


def follow(frame, line, shortest, compiled):
    """Follow a line on the pixels of a frame.

    Parameters
    ----------
    frame : object
        With `data`, `bad` (not 0 where a pixel is), `level` (of squares of `binning` pixels),
        `sigma` (noise of a pixel) and `binning`.
    line : Line
        Where the search found it, to a few pixels.
    shortest : float
        Length in pixels of the shortest trail.
    compiled : module or None
        The kernels, or None where the definitions are to run.

    Returns
    -------
    Followed
        What it is.
    """
    line, bright = _straightened(frame, line, compiled)
    run = _run(frame, line, shortest, compiled)
    if run is not None and run.inner_ends:
        # Beyond its ends there was nothing to fit.
        rows = slice(run.begin, run.end)
        near = run.strip[rows, _HALF - _NEAR : _HALF + _NEAR + 1]
        line = _refined(line, run.u[rows], np.clip(near, -_CLIP, bright))
        run = _run(frame, line, shortest, compiled)
    size = max(frame.data.shape)
    if run is None:
        return Followed(line, 0.0, float(size), 0.0, 0.0, False, True)
    return _judged(line, run, shortest, size)


class _Run(NamedTuple):
    """A strip of pixels along a line, and where in it the trail is."""

    u: np.ndarray
    strip: np.ndarray
    core: np.ndarray
    spread: float
    begin: int
    end: int
    inner_ends: int


def _run(frame, line, shortest, compiled):
    """Find where on a line a trail runs; None where the line hardly touches the frame."""
    u, strip = _strip(frame, line, _HALF, compiled)
    if len(u) < _SHORTEST_PART:
        return None
    core, base, spread, edges = _along(strip)
    first, last = _extent(core, spread, shortest / len(u))
    # What is left over after equal parts belongs to the last one.
    edges[-1] = len(u)
    begin, end = edges[first], edges[last]
    on = core[first:last]
    level = np.median(on)
    if first > 0:
        begin = len(u) - _end_near(strip[::-1], len(u) - begin, edges[1], base[first], level)
    if last < len(core):
        end = _end_near(strip, end, edges[1], base[last - 1], level)
    if end - begin < _SHORTEST_PART:
        begin, end = edges[first], edges[last]
    inner_ends = int(first > 0) + int(last < len(core))
    return _Run(u, strip, on, spread, int(begin), int(end), inner_ends)


def _judged(line, run, shortest, size):
    """Measure a trail, and tell whether it is one."""
    step = max(1, (run.end - run.begin) // _ENOUGH)
    peak, fwhm, width = _profile(run.strip[run.begin : run.end : step])
    begin, end = float(run.u[run.begin]), float(run.u[run.end - 1])
    stretch = np.hypot(1, line.slope)
    length = (end - begin) * stretch
    slanted = abs(line.slope) * (end - begin) >= min(_ACROSS, size / 32)
    free = run.inner_ends == 2
    accepted = (
        slanted
        and length >= (max(1.5 * shortest, _SHORTEST_INNER) if run.inner_ends else shortest)
        and fwhm <= min(_WIDEST_FAINT if free or peak < _FAINT else _WIDEST, length / 10)
        and _even(run.core, run.spread, 2 * _LEAST if free else _LEAST)
        and _lasting(run.core, length, run.inner_ends)
    )
    return Followed(line, begin, end, peak, float(width / stretch), bool(accepted), bool(slanted))


def _straightened(frame, line, compiled):
    """Find the exact line, and at how many standard deviations to clip what lies on it."""
    clip = _CLIP
    for _ in range(2):
        u, strip = _strip(frame, line, _NEAR, compiled)
        if len(u) < _SHORTEST_PART:
            break
        line = _refined(line, u, np.clip(strip, -_CLIP, clip))
        bright = _brightness(strip)
        if bright <= clip:
            break
        # The clip has cut the top off: once more without.
        clip = bright
    return line, clip


def _strip(frame, line, half, compiled):
    """Cut out the pixels about a line: level subtracted, over the noise; NaN where bad."""
    nu, nv = frame.data.shape if line.steep else frame.data.shape[::-1]
    u = np.arange(nu)
    middle = np.rint(line.at(u)).astype(np.int64)
    inside = (middle >= 0) & (middle < nv)
    u, middle = u[inside], middle[inside]
    if len(u) < _SHORTEST_PART:
        return u, np.empty((0, 2 * half + 1), dtype=np.float32)
    arguments = frame.data, frame.bad, frame.level, frame.binning, line.steep, u[0], middle
    if compiled is None:
        strip = ref_trails.cut_strip(*arguments, half)
    else:
        strip = np.empty((len(u), 2 * half + 1), dtype=np.float32)
        compiled.cut_strip(*arguments, strip)
    strip /= frame.sigma
    return u, strip


def _segments(strip, count):
    """Average a strip over equal parts of its length; 0 where nothing is good."""
    edges = np.linspace(0, len(strip), count + 1).round().astype(int)
    good = np.isfinite(strip)
    total = np.add.reduceat(np.where(good, strip, 0), edges[:-1], axis=0, dtype=np.float64)
    number = np.add.reduceat(good, edges[:-1], axis=0, dtype=np.int64)
    return total / np.maximum(number, 1), edges


def _refined(line, u, strip):
    """Shift both ends of a line to where the sum along it is highest."""
    count = max(2, min(32, len(u) // 8))
    parts, _ = _segments(strip, count)
    kernel = np.ones(3) / 3
    parts = np.stack([np.convolve(part, kernel, "same") for part in parts])
    shift = np.arange(-_REACH, _REACH + 0.25, 0.5)
    share = (np.arange(count) + 0.5) / count
    place = shift[:, None, None] * (1 - share) + shift[:, None] * share + _NEAR
    low = place.astype(int)
    weight = place - low
    k = np.arange(count)
    total = (parts[k, low] * (1 - weight) + parts[k, low + 1] * weight).sum(axis=-1)
    i, j = np.unravel_index(total.argmax(), total.shape)
    slope = (shift[j] - shift[i]) / (u[-1] - u[0] + 1)
    return Line(line.steep, line.offset + shift[i] - slope * (u[0] - 0.5), line.slope + slope)


def _brightness(strip):
    """Estimate how bright a trail is that runs over a good part of a strip, though askew."""
    rows = strip[:: max(1, len(strip) // _ENOUGH)]
    rows = np.sort(np.where(np.isfinite(rows), rows, -np.inf), axis=0)
    return float(rows[int(0.8 * len(rows))].max())


def _along(strip):
    """Compute the brightness along a line above that of lines beside it, theirs, and the noise.

    The median of the pixels of each part is not moved by the stars on it.
    """
    size = max(_SHORTEST_PART, len(strip) // _PARTS)
    count = len(strip) // size
    width = 2 * _CORE + 1
    strip = strip[: count * size].reshape(count, size, -1)
    tracks = []
    for centre in (0, 14, 21, 28, -14, -21, -28):
        start = _HALF + centre - _CORE
        tracks.append(_medians(strip[:, :, start : start + width].reshape(count, -1)))
    beside = np.array(tracks[1:])
    base = np.median(beside, axis=0)
    spread = 1.2 * MAD_TO_SIGMA * np.median(np.abs(beside - base))
    edges = np.arange(count + 1) * size
    return tracks[0] - base, base, float(spread), edges


def _medians(rows):
    """Compute the median of what is good in each row; 0 where nothing is."""
    # NaN is sorted behind all values.
    rows = np.sort(rows, axis=1)
    count = np.isfinite(rows).sum(axis=1)
    found = rows[np.arange(len(rows)), np.maximum(count - 1, 0) // 2]
    return np.where(count > 0, found, 0.0)


def _extent(core, spread, shortest):
    """Find the first and last part of a trail: the run that stands out most from the rest."""
    count = len(core)
    total = np.concatenate([[0.0], np.cumsum(np.clip(core, -_CLIP, _CLIP))])
    first, last = np.triu_indices(count + 1, max(1, int(min(shortest, 1) * count)))
    height = (total[last] - total[first]) / np.sqrt(last - first)
    best = height.argmax()
    first, last = int(first[best]), int(last[best])
    level = np.median(core[first:last])
    # What lies beyond is left out only where the trail would have been seen there.
    if not _absent(core[:first], level, spread):
        first = 0
    if not _absent(core[last:], level, spread):
        last = count
    return first, last


def _end_near(strip, end, size, base, level):
    """Find the row of a strip before which a trail ends, near the end of a part of `size` rows."""
    begin = max(end - 2 * size, 0)
    near = strip[begin : end + size, _HALF - _CORE : _HALF + _CORE + 1]
    rows = np.clip(_medians(near) - base, -level, 2 * level)
    # Above half of its level a row is rather on the trail than not.
    return begin + int(np.cumsum(rows - level / 2).argmax()) + 1


def _absent(parts, level, spread):
    """Tell whether a trail of a brightness would have been seen on parts where it was not."""
    if len(parts) == 0:
        return False
    return level * np.sqrt(len(parts)) > 5 * spread and np.median(parts) < 0.3 * level


def _even(core, spread, least):
    """Tell whether a trail stands out on the pixels too, and on most parts alike.

    The median does not mind stars, but a trail that flashes has parts without light: on a few
    long parts their mean will do as well.
    """
    clipped = np.clip(core, -_CLIP, _CLIP)
    for mean, values, groups in ((np.median, core, len(core)), (np.mean, clipped, _FLASHES)):
        level = mean(values)
        if level * np.sqrt(len(core)) > least * spread:
            size = max(1, int(np.ceil((3 * spread / level) ** 2)), len(core) // groups)
            parts = np.array_split(values, max(1, len(core) // size))
            if np.mean([mean(part) > level / 3 for part in parts]) >= 0.75:
                return True
    return False


def _lasting(core, length, inner_ends):
    """Tell whether no quarter is much fainter than another, as stars, galaxies and spikes are.

    What crosses the CCD may flash, and more so where it is longer than any spike.
    """
    share = 0.5 if inner_ends else 0.25 if length < _LONG else 0.05
    percent = 50 if inner_ends else 70
    quarters = [np.percentile(part, percent) for part in np.array_split(core, 4) if len(part)]
    return min(quarters) >= share * max(quarters)


def _profile(strip):
    """Measure the profile across: peak over the noise, full width at half maximum, mask."""
    known = np.isfinite(strip).any(axis=0)
    profile = _medians(strip.T)
    away = np.abs(np.arange(-_HALF, _HALF + 1)) > 20
    if not (known & away).any():
        return 0.0, np.inf, 2.0 * _HALF
    profile = profile - np.median(profile[known & away])
    profile[~known] = 0
    smooth = np.convolve(profile, np.ones(3) / 3, "same")
    noise = MAD_TO_SIGMA * np.median(np.abs(smooth[known & away]))
    centre = _HALF - 4 + int(smooth[_HALF - 4 : _HALF + 5].argmax())
    peak = float(max(profile[centre], smooth[centre]))
    if not smooth[centre] > 5 * noise:
        return peak, np.inf, 2.0 * _NEAR
    fwhm = _reach(smooth, centre, smooth[centre] / 2) * 2
    limit = max(0.25, 2 * noise)
    width = 2 * (_reach(smooth, centre, limit) + abs(centre - _HALF)) + 2
    width = max(width, 1.5 * fwhm)
    if peak < _FAINT:
        width = min(width, 3 * fwhm)
    return peak, float(fwhm), float(min(width, 2 * _HALF))


def _reach(profile, centre, limit):
    """Give how far from its centre a profile first falls below a limit, at most."""
    below = np.flatnonzero(profile < limit)
    right, left = below[below > centre], below[below < centre]
    far = len(profile)
    distances = [right[0] - centre if right.size else far, centre - left[-1] if left.size else far]
    return float(max(distances)) - 0.5
