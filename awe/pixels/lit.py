"""The part of a read-out that light falls on, found from frames that are lit."""

import numpy as np

from awe.base.errors import AweValueError
from awe.pixels.stats import MAD_TO_SIGMA

__all__ = ["lit_section"]

_MINIMUM_WIDTH = 4
_WIDEST_SHARE = 6
_CONTRAST = 8.0
_SHARPNESS = 0.8
_SIGNIFICANCE = 16.0
_LEVEL_SHARE = 0.2


def lit_section(images):
    """Find where frames of one read-out geometry are lit.

    Pre- and overscan are strips along the edges of a frame that are level and
    end in a sharp step up to the lit pixels. For each edge the frames' mean
    profile across it (mean of the middle half of the pixels of each line, over
    the inner half of the frame) is walked from outside inward. The strip ends
    at the first line that

    - rises above the strip's level by at least 8 times the greatest deviation
      within the strip, of which the first two lines, often odd, and the last,
      which may be lit in part or undershoot, do not count, and by 16 times
      the noise; and the three lines behind it do so too;
    - has at least 0.8 of the height of the lines behind it: the edge of a slit
      or of an optical field is not so sharp.

    The strip's level must agree with that of the darkest strip within a fifth
    of the step. An edge where no strip of at least 4 lines ends within a sixth
    of the frame is lit.

    Parameters
    ----------
    images : sequence of array
        Flats or science frames of equal shape ``(ny, nx)``, raw, in ADU.

    Returns
    -------
    tuple of int
        Lit section ``(y0, y1, x0, x1)``, counted from 0, half-open.

    Raises
    ------
    AweValueError
        There is no frame, or their shapes differ.
    """
    images = [np.asarray(image) for image in images]
    if not images:
        msg = "The lit section cannot be found without a frame, but none was given."
        raise AweValueError(msg)
    for k, image in enumerate(images):
        if image.ndim != 2 or image.shape != images[0].shape:
            msg = (
                f"Frame {k + 1} of {len(images)} has shape {image.shape}, the first has "
                f"{images[0].shape}: frames of one read-out have the same shape (ny, nx)."
            )
            raise AweValueError(msg)
    edges = []
    for axis in (0, 1):
        profile, noise = _profile(images, axis)
        edges.append(_strips(profile, noise))
        edges.append(_strips(profile[::-1], noise[::-1]))
    lowest = min((level for strips in edges for _, level, _ in strips), default=np.nan)
    widths = [_first_unlit(strips, lowest) for strips in edges]
    ny, nx = images[0].shape
    return widths[0], ny - widths[1], widths[2], nx - widths[3]


def _profile(images, axis):
    """Compute the mean profile along an axis and the noise of each of its lines."""
    total = square = 0.0
    for image in images:
        lines = np.moveaxis(image, axis, 0)
        width = lines.shape[1]
        lines = np.sort(lines[:, width // 4 : width - width // 4], axis=1).astype(np.float64)
        n = lines.shape[1]
        middle = lines[:, n // 4 : n - n // 4]
        total = total + middle.mean(axis=1)
        # Half the width between the quartiles is the median absolute deviation.
        sigma = MAD_TO_SIGMA * 0.5 * (middle[:, -1] - middle[:, 0])
        square = square + (sigma**2 + 1 / 12) / middle.shape[1]
    return total / len(images), np.sqrt(square) / len(images)


def _strips(profile, noise):
    """List the strips at the start of a profile that end in a step: width, level, height."""
    level = np.median(profile[1:_MINIMUM_WIDTH])
    rise = profile - level
    found = []
    for edge in range(_MINIMUM_WIDTH, len(profile) // _WIDEST_SHARE):
        behind = np.median(rise[edge + 1 : edge + 4])
        height = min(rise[edge], behind)
        limit = _CONTRAST * np.abs(rise[2 : edge - 1]).max()
        significant = height > max(limit, _SIGNIFICANCE * noise[1:edge].max())
        if significant and rise[edge] > _SHARPNESS * behind:
            found.append((edge, float(level), float(height)))
    return found


def _first_unlit(strips, lowest):
    """Give the width of the first strip that is as dark as the darkest of all edges."""
    for width, level, height in strips:
        if level - lowest < _LEVEL_SHARE * height:
            return width
    return 0
