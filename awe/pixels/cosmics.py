"""Cosmic rays on a single frame: the pixels that are sharper than any star."""

import functools
from typing import NamedTuple

import numpy as np

from awe.base.errors import AweValueError
from awe.pixels import ref_cosmics
from awe.pixels.backend import kernels
from awe.pixels.masks import MASK_BITS, grow_mask, same_shape

__all__ = ["CosmicRays", "find_cosmics"]

# Of the neighbours of a cosmic ray, part of what is asked of itself: else the core of a star
# beside it, whose light is bent by the hole that is left, would be taken for its tail.
_RELAXED = 0.2
# A star in the wing of a brighter one has little fine structure but much light.
_CONTRAST = 1.0
# Stars narrower than this look like cosmic rays, the narrower the more; broad ones do not, and
# where they need less protection, hits whose charge has spread are found as well.
_SHARP_STARS, _BROAD_STARS = 2.2, 3.0
_LEAST_PROTECTION = 0.4
_UNKNOWN_FWHM = 2.0
_SAMPLE = 1 << 16


class CosmicRays(NamedTuple):
    """The cosmic rays of a frame.

    Parameters
    ----------
    mask : array of bool
        True where a cosmic ray left charge, shape ``(ny, nx)``.
    count : int
        Number of hits: groups of pixels that touch by a side or a corner.
    pixels : int
        Number of pixels that are True in `mask`.
    """

    mask: np.ndarray
    count: int
    pixels: int


def find_cosmics(
    data,
    *,
    gain,
    read_noise,
    flat=None,
    illumination=None,
    background=0.0,
    mask=None,
    saturated=None,
    fwhm=None,
    sigclip=5.0,
    sigfrac=0.6,
    objlim=5.0,
    iterations=4,
    grow=0,
):
    """Find the cosmic rays on a single frame.

    The method is L.A.Cosmic (van Dokkum 2001, PASP 113, 1420) with separable
    medians; the image goes on as its mirror image beyond the edges. A pixel is
    a cosmic ray where its Laplacian exceeds the noise `sigclip` times, the fine
    structure of objects around `objlim` times, and the light above the sky once.
    A neighbour of one needs only `sigfrac` of the first and a fifth of the
    others. What is found is replaced by the median around, and the search
    repeated.

    Parameters
    ----------
    data : array
        Assembled CCD of shape ``(ny, nx)``, in ADU, flat-fielded or not, with
        its sky. NaN and infinite values are bad pixels.
    gain : float or array
        Electrons per ADU; an array must broadcast to ``(ny, nx)``, such as one
        of shape ``(1, nx)`` for amplifiers side by side.
    read_noise : float or array
        In electrons, likewise.
    flat, illumination : float or array, optional
        What the data were divided by, likewise: where little light fell, the
        noise was divided as well. Pixels where it is not above 0 are bad. By
        default 1.
    background : float or array, optional
        ADU that were subtracted from the data, likewise: their photons are part
        of the noise. The default is 0.
    mask : array, optional
        Static bad pixels: bits of `awe.pixels.MASK_BITS`, or bool. They are
        replaced by the median around before the search and never marked. The
        bit ``saturated`` counts as `saturated`. By default none is bad.
    saturated : array of bool, optional
        Saturated and bled pixels. They are not replaced, and nothing within 2
        pixels of them is marked. By default none is.
    fwhm : float, optional
        Full width at half maximum of the stars in pixels. The limits that
        protect stars (`objlim`, and the light above the sky) rise below 2.2 with
        ``(2.2 / fwhm)^3`` and fall from 3 on with ``(3 / fwhm)^2`` to 0.4 of
        theirs; those of neighbours do not fall. By default unknown: the limits
        are those of 2.
    sigclip : float, optional
        Least height of a cosmic ray, in units of the noise. The default is 5.
    sigfrac : float, optional
        Part of `sigclip` that is asked of neighbours of one. The default is 0.6.
    objlim : float, optional
        Least contrast between a cosmic ray and the fine structure of the object
        that it lies on. The default is 5.
    iterations : int, optional
        How often to search at most, 1 to 100. The default is 4.
    grow : int, optional
        How many pixels around those found are marked as well. The default is 0.

    Returns
    -------
    CosmicRays
        Mask, number of hits, number of pixels.

    Raises
    ------
    AweValueError
        Shapes that do not fit, a gain or read noise that is not positive, or
        a parameter out of its range.
    """
    data = np.asarray(data, dtype=np.float32)
    _check(data, fwhm, sigclip, sigfrac, objlim, iterations, grow)
    gain = _model(gain, data.shape, "gain", positive=True)
    read_noise = _model(read_noise, data.shape, "read noise", positive=True)
    background = _model(background, data.shape, "background", positive=False)
    light = _light(flat, illumination, data.shape)
    bad, full = _masks(data, mask, saturated)
    bad |= ~(light > 0)
    sky = _sky(data, ~(bad | full))
    if sky is None:
        return CosmicRays(np.zeros(data.shape, dtype=bool), 0, 0)
    limits = _limits(fwhm, sigclip, sigfrac, objlim)
    form = _by_definition if kernels() is None else _by_kernel
    model = gain, read_noise, background, light
    found, count = form(data, bad, full, sky, model, limits, iterations)
    if grow:
        found = grow_mask(found, grow) & ~(bad | full)
    return CosmicRays(found, count, int(np.count_nonzero(found)))


def _limits(fwhm, sigclip, sigfrac, objlim):
    """Give the limits of the search, in the order of `ref_cosmics.find`."""
    width = _UNKNOWN_FWHM if fwhm is None else fwhm
    if width < _SHARP_STARS:
        protection = (_SHARP_STARS / width) ** 3
    else:
        protection = min(1.0, max(_LEAST_PROTECTION, (_BROAD_STARS / width) ** 2))
    # A core that has lost its neighbour to a hit is as sharp in any seeing.
    relaxed = _RELAXED / min(1.0, protection)
    return sigclip, sigclip * sigfrac, objlim * protection, _CONTRAST * protection, relaxed


def _check(data, fwhm, sigclip, sigfrac, objlim, iterations, grow):
    """Refuse an image without two axes and parameters out of their range."""
    if data.ndim != 2 or data.size == 0:
        msg = f"Cosmic rays are looked for on an image (ny, nx), not on one of shape {data.shape}."
        raise AweValueError(msg)
    if fwhm is not None and not 0 < fwhm < np.inf:
        msg = f"fwhm is in pixels, a number above 0, not {fwhm!r}."
        raise AweValueError(msg, remedy="Leave it out where the seeing is not known.")
    for name, value in (("sigclip", sigclip), ("objlim", objlim)):
        if not value > 0:
            raise AweValueError(f"{name} is a number above 0, not {value!r}.")
    if not 0 < sigfrac <= 1:
        raise AweValueError(f"sigfrac is above 0 and at most 1, not {sigfrac!r}.")
    if iterations not in range(1, 101):
        raise AweValueError(f"iterations is a whole number from 1 to 100, not {iterations!r}.")
    if grow not in range(101):
        raise AweValueError(f"grow is a whole number of pixels from 0 to 100, not {grow!r}.")


def _plane(values, shape, name):
    """Give numbers as an array of two axes, each of length 1 or full."""
    values = np.array(values, dtype=np.float32, order="C", ndmin=2, copy=None)
    if values.ndim != 2 or any(
        n not in (1, full) for n, full in zip(values.shape, shape, strict=True)
    ):
        msg = f"The {name} has shape {values.shape}, which does not broadcast to {shape}."
        raise AweValueError(msg)
    return values


def _model(values, shape, name, *, positive):
    """Give one property of the amplifiers as an array of two axes, each of length 1 or full."""
    values = _plane(values, shape, name)
    if not np.isfinite(values).all() or (positive and not (values > 0).all()):
        kind = "a finite number above 0" if positive else "finite"
        msg = f"The {name} must be {kind} everywhere; its least value is {values.min()}."
        raise AweValueError(msg)
    return values


def _light(flat, illumination, shape):
    """Give what the data were divided by, as an array of two axes, each of length 1 or full."""
    given = (flat, "flat"), (illumination, "illumination")
    planes = [_plane(values, shape, name) for values, name in given if values is not None]
    return functools.reduce(np.multiply, planes) if planes else np.ones((1, 1), dtype=np.float32)


def _masks(data, mask, saturated):
    """Give the masks of the pixels that are bad and of those that are saturated."""
    bad = np.isfinite(data)
    np.logical_not(bad, out=bad)
    full = np.zeros(data.shape, dtype=bool)
    if mask is not None:
        mask = same_shape(mask, data.shape, "bad pixel mask")
        if mask.dtype != bool:
            mask = mask.astype(np.uint8, copy=False)
            full |= (mask & np.uint8(MASK_BITS["saturated"])) != 0
            mask = (mask & ~np.uint8(MASK_BITS["saturated"])) != 0
        bad |= mask
    if saturated is not None:
        full |= same_shape(saturated, data.shape, "mask of saturated pixels") != 0
    return bad, full


def _sky(data, usable):
    """Give the median of a sample of the usable pixels, or None where there are none."""
    step = max(1, int(np.sqrt(data.size / _SAMPLE)))
    for part in ((slice(None, None, step), slice(None, None, step)), ...):
        values = data[part][usable[part]]
        if values.size:
            return float(np.median(values))
    return None


def _by_definition(data, bad, saturated, sky, model, limits, iterations):
    """Search by the definition."""
    gain, read_noise, background, light = (values.astype(np.float64) for values in model)
    # An electron is worth so much more after the division. Bad pixels have no noise to know.
    gain = gain * np.where(light > 0, light, 1.0)
    found = ref_cosmics.find(
        data, bad, saturated, gain=gain, read_noise=read_noise, background=background,
        sky=sky, limits=limits, iterations=iterations,
    )  # fmt: skip
    return found, ref_cosmics.count_groups(found)


def _by_kernel(data, bad, saturated, sky, model, limits, iterations):
    """Search by the compiled kernels."""
    compiled = kernels("cosmics")
    image = np.array(data, dtype=np.float32, order="C")
    state = np.zeros(data.shape, dtype=np.uint8)
    holes = np.flatnonzero(bad)
    compiled.block(state, holes, np.flatnonzero(saturated))
    sky = np.float32(sky)
    compiled.fill(image, state, holes, sky)
    gain, read_noise, background, light = model
    # What makes the variance out of the level: 1 / gain, and the read noise in ADU.
    noise = 1 / gain, np.square(read_noise / gain), background
    least = tuple(np.float32(values.min()) for values in noise)
    limits = (*(np.float32(limit) for limit in limits), sky)
    places = compiled.search(image, state, (*noise, light), least, limits, iterations, sky)
    found = np.zeros(data.shape, dtype=bool)
    found.ravel()[places] = True
    return found, int(compiled.count_groups(state, places))
