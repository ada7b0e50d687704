"""Maps of pixels: 1 where a pixel is good, 0 where it is bad."""

import numpy as np

from awe.model.calibrations import FrameProduct
from awe.store import persistent

__all__ = ["PixelMap"]


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
        object.__setattr__(self, "_bits", (np.packbits(bad), bad.shape))
        self.keep((~bad).astype(np.uint8))
        self.count = int(np.count_nonzero(bad))

    @property
    def bad(self):
        """The bad pixels, shape ``(ny, nx)``, bool."""
        # One bit for each pixel is kept: several steps of a reduction ask for the same map.
        kept = getattr(self, "_bits", None)
        if kept is None:
            bad = np.asarray(self.data) == 0
            object.__setattr__(self, "_bits", (np.packbits(bad), bad.shape))
            return bad
        bits, shape = kept
        return np.unpackbits(bits, count=shape[0] * shape[1]).view(bool).reshape(shape)
