"""Satellite trails: their search by a fast discrete Radon transform, and their mask."""

from typing import NamedTuple

import numpy as np

from awe.base.errors import AweValueError
from awe.pixels import ref_trails as ref
from awe.pixels.backend import kernels
from awe.pixels.stats import MAD_TO_SIGMA
from awe.pixels.trails_fit import Line, follow

__all__ = ["SMALLEST_SIDE", "Trail", "find_trails", "trail_mask"]

# Side of the cells of the local median, and every so manieth row and column of them is read.
_CELL = 32
_CELL_STEP = 6
# Clips of pixels and of squares in standard deviations; squares above `_STAR` are left out at last.
_PIXEL_CLIP = 2.5
_SQUARE_CLIP = 3.0
_STAR = 5.0
# Squares to the side of the smallest CCD.
_FEWEST = 16
_BINNING = 4
SMALLEST_SIDE = _FEWEST * _BINNING
"""Pixels to a side of the smallest CCD that `find_trails` searches, by its default."""
# Spikes of bright stars are rarely longer, in pixels.
_LONGEST_SPIKE = 200
# After so many lines that are no trails the search ends.
_REFUSALS = 8


class Trail(NamedTuple):
    """A satellite trail on a CCD.

    Parameters
    ----------
    x0, y0, x1, y1 : float
        Where it enters and leaves the CCD, or ends on it: pixels counted from 0, ``x0 <= x1``.
    angle : float
        Direction from the x axis towards the y axis in degrees, above -90, at most 90.
    significance : float
        Height above the sums along all other lines, in their standard deviations.
    peak : float
        Brightness on its middle line over the noise of a pixel of sky.
    width : float
        Full width in pixels of what is to be masked.
    """

    x0: float
    y0: float
    x1: float
    y1: float
    angle: float
    significance: float
    peak: float
    width: float


class _Frame(NamedTuple):
    """A CCD made ready: pixels, level and noise, the squares that are searched, and memory."""

    data: np.ndarray
    bad: np.ndarray
    level: np.ndarray
    sigma: float
    image: np.ndarray
    starless: np.ndarray
    binning: int
    work: np.ndarray


def find_trails(data, *, mask=None, threshold=7.0, binning=_BINNING, shortest=0.3, most=8):
    """Find the satellite trails on a reduced CCD.

    The pixels are clipped at 2.5 standard deviations about the local median (cells
    of 32 x 32 pixels) and averaged in squares; from those the local median is subtracted
    again, they are clipped at 3 standard deviations and freed of the means of their
    columns and rows. The sums of these along all lines (`awe.pixels.ref_trails.radon`), over
    the square root of the length, are compared with their own median absolute deviation
    among the directions of an eighth of the circle. The highest, if above `threshold`, is
    followed on the pixels: a trail is narrow, about as bright on one part as on the other,
    and moves by 8 pixels across rows and columns (a 32nd of the longer side on small CCDs).
    It is taken out, and the search goes on, at last on squares without those far above the
    level, where stars hide faint trails. The method is that of Nir, Zackay and Ofek (2018,
    AJ 156, 229) with an empirical noise.

    Parameters
    ----------
    data : array of float32
        Shape ``(ny, nx)``, in ADU, with the sky. NaN and infinite values do not count.
    mask : array of uint8 or bool, optional
        Same shape, not 0 where a pixel does not count: bad, saturated, bled, hit by a
        cosmic ray. None by default: all do.
    threshold : float, optional
        Least significance. The default is 7: frames without a trail reach about 5.
    binning : int, optional
        Side of the squares in pixels, about the full width at half maximum of a star. The
        default is 4.
    shortest : float, optional
        Length of the shortest trail over the shorter side of the CCD. Less than 200 pixels
        count for so much only if they are twice that share, and less than 16 squares never;
        one that ends on the CCD must be 1.5 times as long, and 128 pixels. The default is 0.3.
    most : int, optional
        How many trails are looked for at most. The default is 8.

    Returns
    -------
    list of Trail
        The most significant first. Empty too where there is nothing to be searched: all
        pixels are bad, or have the same value, or the CCD has fewer than 16 squares to a side.

    Raises
    ------
    AweValueError
        The array is not an image, the mask has another shape, or a number is out of its range.
    """
    data, bad = _checked(data, mask)
    _check_numbers(threshold, binning, shortest, most)
    if min(data.shape) < _FEWEST * binning:
        return []
    frame = _prepare(data, bad, binning)
    found = []
    refused = 0
    side = min(data.shape)
    length = max(shortest * side, min(_LONGEST_SPIKE, 2 * shortest * side), _FEWEST * binning)
    while frame is not None and len(found) < most and refused < _REFUSALS:
        line, significance = _strongest(frame, frame.image, length)
        if not significance >= threshold:
            line, significance = _strongest(frame, frame.starless, length)
        if not significance >= threshold:
            break
        trail = follow(frame, line, length, kernels("trails"))
        if trail.accepted:
            found.append(_trail(trail, significance))
        else:
            refused += 1
        _take_out(frame, line, trail)
    return sorted(found, key=lambda trail: -trail.significance)


def trail_mask(shape, trails):
    """Mark the pixels of trails.

    Parameters
    ----------
    shape : tuple of int
        Shape ``(ny, nx)`` of the CCD.
    trails : sequence of Trail
        What `find_trails` gives.

    Returns
    -------
    array of bool
        True where a pixel lies within half the width of a trail.
    """
    marked = np.zeros(shape, dtype=bool)
    for trail in trails:
        steep = abs(trail.y1 - trail.y0) > abs(trail.x1 - trail.x0)
        _mark(marked.T if steep else marked, trail, steep)
    return marked


def _mark(marked, trail, steep):
    """Mark a trail on an image whose columns it crosses one by one."""
    ends = np.array([[trail.x0, trail.y0], [trail.x1, trail.y1]])
    if steep:
        ends = ends[:, ::-1]
    if ends[0, 0] > ends[1, 0]:
        ends = ends[::-1]
    nv, nu = marked.shape
    (u0, v0), (u1, v1) = ends
    length = np.hypot(u1 - u0, v1 - v0)
    if length == 0:
        return
    along, across = (u1 - u0) / length, (v1 - v0) / length
    reach = int(np.ceil(trail.width / 2 / along)) + 1
    u = np.arange(nu)[:, None]
    v = np.rint(v0 + (u - u0) * across / along).astype(int) + np.arange(-reach, reach + 1)
    distance = (v - v0) * along - (u - u0) * across
    place = (u - u0) * along + (v - v0) * across
    # A trail that runs over the edge goes on there: its end is no end.
    outside = [_at_edge(*end, nu, nv) for end in ends]
    chosen = (np.abs(distance) <= trail.width / 2) & (v >= 0) & (v < nv)
    chosen &= (place >= -trail.width / 2) | outside[0]
    chosen &= (place <= length + trail.width / 2) | outside[1]
    marked[v[chosen], np.broadcast_to(u, v.shape)[chosen]] = True


def _at_edge(u, v, nu, nv):
    """Tell whether a point lies on the edge of an image."""
    return min(u, v) < 1 or u > nu - 2 or v > nv - 2


def _checked(data, mask):
    """Give the pixels as float32 and what is bad as uint8."""
    data = np.ascontiguousarray(data, dtype=np.float32)
    if data.ndim != 2:
        msg = f"Trails are looked for on an image (ny, nx), but the array has shape {data.shape}."
        raise AweValueError(msg)
    if mask is None:
        return data, np.zeros(data.shape, dtype=np.uint8)
    mask = np.ascontiguousarray(mask)
    if mask.shape != data.shape:
        msg = f"The mask has shape {mask.shape}, the CCD {data.shape}: they must be equal."
        raise AweValueError(msg)
    return data, mask.view(np.uint8) if mask.itemsize == 1 else (mask != 0).view(np.uint8)


def _check_numbers(threshold, binning, shortest, most):
    """Refuse numbers out of their range."""
    for name, value, good, expected in (
        ("threshold", threshold, threshold > 0, "above 0 (7, say)"),
        ("binning", binning, binning == int(binning) and 1 <= binning <= 8, "1 to 8 (4, say)"),
        ("shortest", shortest, 0 < shortest <= 1, "above 0, at most 1 (0.3, say)"),
        ("most", most, most == int(most) and most >= 0, "a whole number, not negative (8, say)"),
    ):
        if not good:
            msg = f"The trail search cannot run with {name}={value!r}: expected {expected}."
            raise AweValueError(msg)


def _cell_medians(values, bad, cell, step):
    """Compute the medians of cells, and fill those that have none from the ones around."""
    compiled = kernels("trails")
    if compiled is None:
        medians = ref.cell_medians(values, bad, cell, step)
    else:
        shape = tuple(-(-size // cell) for size in values.shape)
        medians = np.empty(shape, dtype=np.float32)
        compiled.cell_medians(values, bad, cell, step, medians)
    unknown = np.isnan(medians)
    if unknown.all():
        return None
    while unknown.any():
        wide = np.pad(medians, 1, constant_values=np.nan)
        around = np.lib.stride_tricks.sliding_window_view(wide, (3, 3))[unknown].reshape(-1, 9)
        known = np.isfinite(around)
        count = known.sum(axis=1)
        total = np.where(known, around, 0).sum(axis=1)
        medians[unknown] = np.where(count > 0, total / np.maximum(count, 1), np.nan)
        unknown = np.isnan(medians)
    return medians


def _interpolated(cells, ratio, shape):
    """Interpolate between the centres of cells of `ratio` squares; level beyond the outer ones."""
    for axis in (0, 1):
        place = (np.arange(shape[axis]) + 0.5) / ratio - 0.5
        place = np.clip(place, 0, cells.shape[axis] - 1)
        first = np.minimum(place.astype(int), max(cells.shape[axis] - 2, 0))
        second = np.minimum(first + 1, cells.shape[axis] - 1)
        part = (place - first).astype(np.float32)
        part = part[:, None] if axis == 0 else part
        low, high = cells.take(first, axis=axis), cells.take(second, axis=axis)
        cells = low + part * (high - low)
    return cells


def _prepare(data, bad, binning):
    """Find level and noise, and make the squares; None where there is nothing to search."""
    coarse = _cell_medians(data, bad, _CELL, _CELL_STEP)
    if coarse is None:
        return None
    shape = tuple(size // binning for size in data.shape)
    level = _interpolated(coarse, _CELL / binning, shape)
    sigma = _noise(data[::8, ::16], bad[::8, ::16], coarse)
    if not sigma > 0:
        return None
    mean, share = _squares(data, bad, level, _PIXEL_CLIP * sigma, binning)
    rest = _cell_medians(mean, (share < 0.5).astype(np.uint8), 8, 1)
    if rest is None:
        return None
    rest = _interpolated(rest, 8, shape)
    image = (mean - rest) * share
    sample = image[::4, ::2][(share[::4, ::2] == 1) & (image[::4, ::2] < 0)]
    # Stars are above the level.
    noise = MAD_TO_SIGMA * np.median(-sample) if sample.size else 0.0
    if not noise > 0:
        return None
    image /= noise
    clipped = np.clip(image, -_SQUARE_CLIP, _SQUARE_CLIP)
    starless = _without_stars(clipped, image)
    for part in (clipped, starless):
        part -= part.mean(axis=0, dtype=np.float64).astype(part.dtype)
        part -= part.mean(axis=1, dtype=np.float64).astype(part.dtype)[:, None]
    # The memory of the sums is taken once: fresh pages cost as much as what is done on them.
    sizes = [2 * _lines(rows) * (_lines(rows) + m) for rows, m in (shape, shape[::-1])]
    work = np.empty(max(sizes), dtype=np.float32)
    return _Frame(data, bad, level + rest, float(sigma), clipped, starless, binning, work)


def _noise(sample, bad, coarse):
    """Compute the noise of a pixel from every 8th row and 16th column and the cells' medians."""
    ny, nx = sample.shape
    level = coarse.repeat(_CELL // 8, axis=0)[:ny].repeat(_CELL // 16, axis=1)[:, :nx]
    difference = np.abs(sample - level)[(bad == 0) & np.isfinite(sample)]
    return MAD_TO_SIGMA * np.median(difference) if difference.size else 0.0


def _squares(data, bad, level, limit, binning):
    """Average squares of clipped pixels."""
    compiled = kernels("trails")
    if compiled is None:
        return ref.bin_clipped(data, bad, level, limit, binning)
    mean, share = np.empty_like(level), np.empty_like(level)
    compiled.bin_clipped(data, bad, level, np.float32(limit), binning, mean, share)
    return mean, share


def _strongest(frame, squares, length):
    """Find the line that stands out most among all directions, and by how much."""
    best, line = -np.inf, None
    for steep in (True, False):
        image = squares if steep else squares.T
        n = _lines(image.shape[0])
        image = image[:n]
        size = 2 * n * (n + image.shape[1])
        work = frame.work[:size].reshape(2, n, -1)
        for mirrored in (False, True):
            turned = np.ascontiguousarray(image[:, ::-1] if mirrored else image)
            significance, d, s = _peak(turned, n, length / frame.binning, work)
            if significance > best:
                best = significance
                line = _pixel_line(d, s, n, image.shape[1], mirrored, steep, frame.binning)
    return line, best


def _lines(rows):
    """Choose the rows of the transform: few are rather left out than twice as many added."""
    n = 1 << (rows.bit_length() - 1)
    return n if rows <= 1.07 * n else 2 * n


def _peak(image, n, shortest, work):
    """Find the highest line of an eighth of the circle: significance, displacement, start."""
    rows, m = image.shape
    compiled = kernels("trails")
    if compiled is None:
        sums = ref.radon(image, n)
        score, start = ref.highest_lines(sums, n, rows, m, shortest)
    else:
        sums = compiled.radon(image, n, work[0], work[1])
        score, start = np.empty(n), np.empty(n)
        compiled.highest_lines(sums, n, rows, m, shortest, score, start)
    d = np.arange(0, n, max(1, n // 48))[:, None]
    column = np.arange(0, n + m, max(1, (n + m) // 384))
    lengths = ref.line_lengths(d, column - n, n, rows, m)
    usable = lengths * np.hypot(1, d / (n - 1)) >= shortest
    if not usable.any():
        return -np.inf, 0, 0
    sample = sums[d, column][usable] / np.sqrt(lengths[usable])
    centre = np.median(sample)
    spread = MAD_TO_SIGMA * np.median(np.abs(sample - centre))
    highest = int(score.argmax())
    if not spread > 0:
        return -np.inf, 0, 0
    return float((score[highest] - centre) / spread), highest, float(start[highest])


def _pixel_line(d, s, n, m, mirrored, steep, binning):
    """Turn a line over squares into one over pixels."""
    slope, offset = d / (n - 1), float(s)
    if mirrored:
        slope, offset = -slope, m - 1 - offset
    half = (binning - 1) / 2
    return Line(steep, binning * offset + half * (1 - slope), slope)


def _trail(followed, significance):
    """Give a trail its place on the CCD."""
    ends = [(u, followed.line.at(u)) for u in (followed.begin, followed.end)]
    if followed.line.steep:
        ends = [(x, y) for y, x in ends]
    (x0, y0), (x1, y1) = sorted(ends)
    angle = float(np.degrees(np.arctan2(y1 - y0, x1 - x0)))
    places = [float(place) for place in (x0, y0, x1, y1)]
    return Trail(
        *places,
        angle if angle > -90 else 90.0,
        significance,
        followed.peak,
        followed.width,
    )


def _take_out(frame, found, followed):
    """Set the squares on a line to 0, so that the next search does not find it again."""
    half = (frame.binning - 1) / 2
    for image in (frame.image, frame.starless):
        # As it was found too: it may lie beside what it turned out to be, and go on.
        for line, whole in ((followed.line, not followed.slanted), (found, not followed.accepted)):
            squares = image if line.steep else image.T
            u = np.arange(squares.shape[0])
            pixels = u * frame.binning + half
            if not whole:
                on = (pixels > followed.begin - _CELL) & (pixels < followed.end + _CELL)
                u, pixels = u[on], pixels[on]
            reach = int(np.ceil(followed.width / 2 / frame.binning)) + 2
            middle = (line.at(pixels) - half) / frame.binning
            v = np.rint(middle).astype(int)[:, None] + np.arange(-reach, reach + 1)
            inside = (v >= 0) & (v < squares.shape[1])
            squares[np.broadcast_to(u[:, None], v.shape)[inside], v[inside]] = 0


def _without_stars(image, height):
    """Set squares far above the level, and those beside them, to 0."""
    high = height > _STAR
    high[1:] |= high[:-1]
    high[:-1] |= high[1:]
    high[:, 1:] |= high[:, :-1]
    high[:, :-1] |= high[:, 1:]
    return np.where(high, 0, image)
