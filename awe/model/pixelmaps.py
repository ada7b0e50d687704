"""Maps of pixels: 1 where a pixel is good, 0 where it is bad."""

import numpy as np

from awe.model.calibrations import FrameProduct
from awe.store import persistent

__all__ = ["PixelMap", "joined"]


class PixelMap(FrameProduct):
    """A map of the good pixels of a CCD: 1 good, 0 bad; stored tile-compressed."""

    abstract = True
    compress = "PLIO_1"
    unit = "1"
    count = persistent("Number of bad pixels", int)

    def keep_map(self, bad):
        """Keep the map until it is written, and count its bad pixels.

        Parameters
        ----------
        bad : array of bool
            True where a pixel is bad, shape ``(ny, nx)``.
        """
        bad = np.asarray(bad, dtype=bool)
        object.__setattr__(self, "_bits", np.packbits(bad))
        self.keep((~bad).view(np.uint8))
        self.count = int(np.count_nonzero(bad))

    @property
    def bad(self):
        """The bad pixels, shape ``(ny, nx)``, bool."""
        return joined([self])

    def bits(self):
        """Give the bad pixels as bits: several steps of a reduction ask for the same map.

        Returns
        -------
        array of uint8
            As `numpy.packbits` gives them for the flattened map.
        """
        kept = getattr(self, "_bits", None)
        if kept is None:
            kept = np.packbits(np.asarray(self.data) == 0)
            object.__setattr__(self, "_bits", kept)
        return kept

    def change_flag(self, limit, bit):
        """Compare with the previous map; give a bit where the count has changed too much.

        Parameters
        ----------
        limit : int
            Such a change is accepted.
        bit : int
            The bit of `quality_flags`.

        Returns
        -------
        int
            The bit or 0; `prev` and `count_diff` are set where there is a previous map.
        """
        self.prev = self.previous()
        if self.prev is None:
            return 0
        self.count_diff = abs(self.count - self.prev.count)
        return bit if self.count_diff > limit else 0


def joined(maps):
    """Give the pixels that are bad in any of some maps of a CCD.

    Parameters
    ----------
    maps : sequence of PixelMap
        At least one.

    Returns
    -------
    array of bool
        Shape ``(ny, nx)``.
    """
    bits = maps[0].bits()
    for other in maps[1:]:
        bits = bits | other.bits()
    shape = (maps[0].NAXIS2, maps[0].NAXIS1)
    return np.unpackbits(bits, count=shape[0] * shape[1]).view(bool).reshape(shape)
