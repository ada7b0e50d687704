"""What a window shows of an object: its pixels, names, mask, world coordinates, companions."""

import functools

import numpy as np

from awe.base.errors import AweError, AweTypeError, AweValueError

__all__ = ["ArraySource", "Source", "stem_of", "value_at"]

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
    def fixed_limits(self):
        """Limits of the greys where they are known beforehand, or None."""
        return None

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
        if not hasattr(type(obj), "data"):
            msg = f"{obj!r} has no pixels to show."
            raise AweTypeError(msg, remedy="obj.info() prints what is known of it.")
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
    def fixed_limits(self):
        """Limits of the greys where they are known beforehand, or None."""
        return (-0.25, 1.0) if self._is_map else None

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
            found.append(_alike(other, self.data.shape))
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


def _alike(obj, shape):
    """Give a frame for blinking with one of some shape: a raw one without pre- and overscan."""
    source = Source(obj)
    if source.data.shape != shape and hasattr(obj, "arrays") and obj.amplifiers:
        from awe.pixels import assemble

        data = assemble([a[:] for a in obj.arrays()], obj.pixel_amplifiers())
        return ArraySource(data, f"{source.head}, trimmed", source.unit, obj)
    return source


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
    name = value_at(obj, "filename") or value_at(obj, "name") or obj.object_id[:8]
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
    name = value_at(obj, "filename") or f"{type(obj).__name__}_{obj.object_id[:12]}"
    name = name.replace("\\", "/").rsplit("/", 1)[-1]
    return name.removesuffix(".fz").removesuffix(".gz").removesuffix(".fits")
