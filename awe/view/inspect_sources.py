"""What a window shows of an object: its pixels, names, mask, world coordinates, companions."""

import functools

import numpy as np

from awe.base.errors import AweError, AweTypeError, AweValueError
from awe.view.inspect_pixels import brightest, limits, statistics_text

__all__ = [
    "ArraySource",
    "Source",
    "Trimmed",
    "light_sensitive",
    "stem_of",
    "trimmed_wcs",
    "value_at",
]

_MAP_BITS = {"HotPixelMap": "hot", "ColdPixelMap": "cold", "SaturatedPixelMap": "saturated",
             "CosmicMap": "cosmic_ray", "SatelliteMap": "satellite"}  # fmt: skip
_LINKED_BITS = {"hot": "hot", "cold": "cold", "saturated": "saturated", "cosmic": "cosmic_ray",
                "satellite": "satellite"}  # fmt: skip


class ArraySource:
    """Pixels in memory, with what a window says of them.

    Parameters
    ----------
    data : numpy.ndarray
        Shape (ny, nx).
    head : str
        The first lines of the title.
    unit : str, optional
        Unit of the pixels. By default none.
    obj : object, optional
        The object they belong to.
    """

    pool = "mean"
    pyramid = None

    def __init__(self, data, head, unit="", obj=None):
        self._data = data
        self.head = head
        self.unit = unit
        self.obj = obj

    @property
    def data(self):
        """The pixels, shape (ny, nx)."""
        return self._data

    @functools.cached_property
    def mask(self):
        """Bits of `awe.pixels.MASK_BITS`."""
        from awe.pixels import MASK_BITS

        return (~np.isfinite(self.data)) * np.uint8(MASK_BITS["no_data"])

    @property
    def wcs(self):
        """The world coordinates, or None."""
        return None

    @property
    def title(self):
        """What a window says above its picture: the head, and the statistics of the pixels."""
        return f"{self.head}\n{statistics_text(self.data)}"

    @functools.cached_property
    def limits(self):
        """Black and white: of zscale."""
        return limits(self.data)

    @functools.cached_property
    def brightest(self):
        """White where the stretch is not linear."""
        return brightest(self.data, *self.limits)

    def companions(self):
        """Give what the key for blinking shows in turn with this.

        Returns
        -------
        list of ArraySource
            The raw frame and the previous version, as far as there are any.
        """
        return []


class Source(ArraySource):
    """The pixels of an object of the store.

    Parameters
    ----------
    obj : DBObject
        Something with ``data``.

    Raises
    ------
    AweTypeError
        It has no image.
    AweValueError
        No pixel is finite.
    """

    def __init__(self, obj):
        if not hasattr(obj, "_attributes"):
            msg = f"{type(obj).__name__} is no frame of the store: inspect cannot show it."
            raise AweTypeError(msg)
        if not hasattr(type(obj), "data"):
            msg = f"{obj!r} has no pixels to show."
            mosaic = hasattr(type(obj), "frames")
            raise AweTypeError(msg, remedy="An exposure is shown alone: inspect(exposure)" if mosaic
                               else "obj.info() prints what is known of it.")  # fmt: skip
        super().__init__(_checked(obj), head_of(obj), getattr(obj, "unit", "adu") or "", obj)
        kinds = {cls.__name__ for cls in type(obj).__mro__}
        self._is_map = "PixelMap" in kinds
        # A bad pixel has to be seen where many share one of the screen.
        self.pool = "min" if self._is_map or "WeightFrame" in kinds else "mean"
        self.unit = {"1": "", "adu-2": "adu$^{-2}$"}.get(self.unit, self.unit)

    @functools.cached_property
    def wcs(self):
        """The world coordinates, or None."""
        from awe.model.looking import world_coordinates

        return world_coordinates(self.obj) if hasattr(self.obj, "astrom") else None

    @property
    def title(self):
        """What a window says above its picture; of a map how many pixels are bad."""
        if not self._is_map:
            return super().title
        ny, nx = self.data.shape
        bad = self.data.size - np.count_nonzero(self.data)
        share = 100 * bad / self.data.size
        return f"{self.head}\n{nx} x {ny}, {bad} pixels are bad (0), {share:.3g} per cent"

    @functools.cached_property
    def limits(self):
        """Black and white: of zscale, those of a map 0 and 1."""
        return (0.0, 1.0) if self._is_map else super().limits

    @functools.cached_property
    def brightest(self):
        """White where the stretch is not linear."""
        return 1.0 if self._is_map else super().brightest

    @functools.cached_property
    def mask(self):
        """Bits of `awe.pixels.MASK_BITS`, shape (ny, nx); 0 where nothing is known."""
        return mask_of(self.obj, self.data)

    def companions(self):
        """Give what the key for blinking shows in turn with this.

        Returns
        -------
        list of ArraySource
            The raw frame, assembled as this is, and the previous version; the frame of a map.
        """
        found = []
        for name in ("raw", "prev", "frame"):
            other = value_at(self.obj, name)
            # A map's raw frame or frame, a product's raw frame; what is not visible is left out.
            if other is None or not hasattr(type(other), "data"):
                continue
            source = Source(other)
            is_raw = getattr(other, "amplifiers", None)
            # A raw frame lies on its product without pre- and overscan.
            alike = source.data.shape == self.data.shape or not is_raw
            found.append(source if alike else Trimmed(other))
        return found


def _checked(obj):
    data = np.asarray(obj.data)
    if data.ndim != 2 or not data.size:
        msg = f"{obj!r} is no image: its data have the shape {data.shape}."
        raise AweTypeError(msg)
    # Most frames are finite everywhere, and one look at the sum tells.
    if data.dtype.kind == "f" and not np.isfinite(data).any():
        msg = f"{obj!r} cannot be shown: none of its {data.size} pixels has a finite value."
        raise AweValueError(msg)
    return data


class Trimmed(Source):
    """The light-sensitive pixels of a raw frame, in the places that a reduced frame has them in.

    Parameters
    ----------
    obj : RawFrame
        The frame.
    """

    def __init__(self, obj):
        super().__init__(obj)
        self._data = light_sensitive(obj, self._data)
        self.head = f"{self.head}, trimmed"

    @functools.cached_property
    def wcs(self):
        """The world coordinates of the light-sensitive pixels, or None."""
        return trimmed_wcs(self.obj)


def light_sensitive(frame, data):
    """Give the pixels of a raw frame without pre- and overscan.

    Parameters
    ----------
    frame : BaseFrame
        A frame; of one that is not raw all pixels are light-sensitive.
    data : numpy.ndarray
        Its pixels, shape (ny, nx).

    Returns
    -------
    numpy.ndarray
        Shape (ny, nx) of the CCD.
    """
    amplifiers = getattr(frame, "amplifiers", ())
    if len({a.hdu for a in amplifiers}) != 1:
        # The data of several HDUs are assembled, and trimmed thereby.
        return data
    if len(amplifiers) == 1 and not (amplifiers[0].flip_x or amplifiers[0].flip_y):
        y0, y1, x0, x1 = amplifiers[0].data
        return data[y0:y1, x0:x1]
    from awe.pixels import assemble

    return assemble([a[:] for a in frame.arrays()], frame.pixel_amplifiers())


def trimmed_wcs(frame):
    """Give the world coordinates of the light-sensitive pixels of a frame, or None.

    Parameters
    ----------
    frame : BaseFrame
        Any frame.

    Returns
    -------
    astropy.wcs.WCS or None
        For pixels counted from 0 as in `light_sensitive`; None where they are not known.
    """
    from awe.model.looking import world_coordinates

    wcs = world_coordinates(frame) if value_at(frame, "astrom") is not None else None
    amplifiers = getattr(frame, "amplifiers", ())
    if wcs is not None and len({a.hdu for a in amplifiers}) == 1:
        first = amplifiers[0]
        if first.flip_x or first.flip_y:
            return None
        wcs.wcs.crpix -= (first.data[2] - first.x, first.data[0] - first.y)
    return wcs


def mask_of(obj, data):
    """Give the bad pixels of an object by cause.

    Parameters
    ----------
    obj : object
        A frame, map or weight frame.
    data : numpy.ndarray
        Its pixels, shape (ny, nx).

    Returns
    -------
    numpy.ndarray
        Bits of `awe.pixels.MASK_BITS`, uint8.
    """
    from awe.pixels import MASK_BITS

    bits = np.zeros(data.shape, dtype=np.uint8)
    weight = value_at(obj, "weight")
    if weight is not None and hasattr(type(obj), "mask"):
        bits |= obj.mask
    elif hasattr(type(obj), "bad_pixels"):
        bits |= obj.bad_pixels()
        bits[(data == 0) & (bits == 0)] = MASK_BITS["no_data"]
    elif type(obj).__name__ in _MAP_BITS:
        bits[obj.bad] |= MASK_BITS[_MAP_BITS[type(obj).__name__]]
    else:
        for name, bit in _LINKED_BITS.items():
            linked = value_at(obj, name)
            bad = getattr(linked, "bad", None)
            if bad is not None and bad.shape == data.shape:
                bits[bad] |= MASK_BITS[bit]
    level = getattr(obj, "saturation", None)
    if isinstance(level, (int, float)):
        bits[data >= level] |= MASK_BITS["saturated"]
    bits[~np.isfinite(data)] |= MASK_BITS["no_data"]
    return bits


def head_of(obj):
    """Give the first lines of a title.

    Parameters
    ----------
    obj : DBObject
        What is shown.

    Returns
    -------
    str
        Class and name; filter, CCD, date, exposure time, verdict.
    """
    words = [value_at(obj, "OBJECT"), value_at(obj, "filter.name"), value_at(obj, "chip.name")]
    when, exposed = value_at(obj, "DATE_OBS"), value_at(obj, "EXPTIME")
    if when is None:
        when = value_at(obj, "creation_date")
    if when is not None:
        words.append(f"{when:%Y-%m-%d %H:%M:%S}")
    if exposed is not None:
        words.append(f"{exposed:g} s")
    valid = value_at(obj, "is_valid")
    if valid == 0:
        words.append("NOT VALID")
    name = value_at(obj, "filename") or value_at(obj, "name") or obj.object_id[-8:]
    second = ", ".join(str(w) for w in words if w)
    return f"{type(obj).__name__} {name}" + (f"\n{second}" if second else "")


def value_at(obj, path):
    """Give what lies at the end of a dotted path, None where a step is missing or hidden.

    Parameters
    ----------
    obj : object
        Where the path begins.
    path : str
        Names of attributes.

    Returns
    -------
    object or None
        The value.
    """
    for name in path.split("."):
        if name not in getattr(obj, "_attributes", ()):
            return None
        try:
            obj = getattr(obj, name)
        except AweError:
            return None
    return obj


def stem_of(obj):
    """Give a name for the file of a picture.

    Parameters
    ----------
    obj : DBObject
        What is shown.

    Returns
    -------
    str
        Without folder and ending.
    """
    name = value_at(obj, "filename") or f"{type(obj).__name__}_{obj.object_id[-12:]}"
    name = name.replace("\\", "/").rsplit("/", 1)[-1]
    return name.removesuffix(".fz").removesuffix(".gz").removesuffix(".fits")
