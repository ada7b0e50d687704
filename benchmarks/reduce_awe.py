"""The side of awe in the benchmark of the reduction."""

import functools

import numpy as np
from reduce_frames import GAIN, READ_NOISE, SATURATION, amplifiers

from awe.fits import StoredRows, find_hdu, read_image, read_rows, write_image
from awe.pixels import (
    MASK_BITS,
    assemble_stored,
    calibrate_ccd,
    combine,
    find_cosmics,
    find_trails,
    imstat,
    overscan_levels,
    trail_mask,
    weight_map,
)

__all__ = ["AweSide"]


class AweSide:
    """The pixel chain and the combination by awe.

    Parameters
    ----------
    folder : pathlib.Path
        Of the frames.
    """

    def __init__(self, folder):
        self.folder = folder

    def load(self):
        """Read the calibrations, which serve many frames."""
        self.bias, self.flat, self.illumination = (
            read_image(self.folder / f"{name}.fits", 0) for name in ("bias", "flat", "illumination")
        )
        maps = np.load(self.folder / "maps.npz")
        self.hot, self.cold = maps["hot"], maps["cold"]
        self.amplifiers = amplifiers(self.bias.shape)

    def steps(self, out):
        """Give the steps of the chain in their order, each a name and a function.

        Parameters
        ----------
        out : pathlib.Path
            Folder for the results.

        Returns
        -------
        list of (str, callable)
            They work on the attributes of this object.
        """
        return [
            ("read", self._read), ("calibrate", self._calibrate), ("cosmic rays", self._cosmics),
            ("trail", self._trail), ("weight", self._weight), ("statistics", self._statistics),
            ("write", functools.partial(self._write, out)),
        ]  # fmt: skip

    def _read(self):
        self.raw = read_image(self.folder / "raw.fits", 0)

    def _calibrate(self):
        self.data, self.mask, self.levels = calibrate_ccd(
            [self.raw], self.amplifiers, 6, self.bias, self.flat, illumination=self.illumination,
            hot=self.hot, cold=self.cold, saturation=SATURATION,
        )  # fmt: skip

    def _cosmics(self):
        found = find_cosmics(
            self.data, gain=GAIN, read_noise=READ_NOISE, flat=self.flat,
            illumination=self.illumination, mask=self.mask, fwhm=3.6,
        )  # fmt: skip
        self.mask |= found.mask * np.uint8(MASK_BITS["cosmic_ray"])

    def _trail(self):
        self.trails = find_trails(self.data, mask=self.mask)
        if self.trails:
            marked = trail_mask(self.data.shape, self.trails)
            self.mask |= marked * np.uint8(MASK_BITS["satellite"])

    def _weight(self):
        self.weight = weight_map(
            self.data, self.amplifiers, flat=self.flat, illumination=self.illumination,
            mask=self.mask, levels=self.levels, bias_error=0.3, flat_error=0.002,
        )  # fmt: skip

    def _statistics(self):
        self.statistics = imstat(self.data)

    def _write(self, out):
        write_image(out / "science.fits", self.data)
        write_image(out / "weight.fits", self.weight)

    def result(self):
        """Give some numbers of the result, to compare.

        Returns
        -------
        dict
            Median of the image, and how many pixels were found.
        """
        count = {n: int(np.count_nonzero(self.mask & b)) for n, b in MASK_BITS.items()}
        return {"median": self.statistics.median, **count}

    def combine(self, count):
        """Combine raw biases with overscan correction and the clip of the noise model.

        Parameters
        ----------
        count : int
            How many.

        Returns
        -------
        array
            The master bias.
        """
        shape = find_hdu(self.folder / "bias.fits", 0).shape
        paths = [self.folder / f"bias_{k:02d}.fits" for k in range(count)]
        stack = _Stack(paths, amplifiers(shape), shape)
        return combine(stack, read_noise=READ_NOISE / GAIN, gain=GAIN).data


class _Stack:
    """Raw frames, of which rows are read when they are needed."""

    def __init__(self, paths, amps, shape):
        self.shape = shape
        self._amplifiers = amps
        hdus = [find_hdu(path, 0) for path in paths]
        self._stored = [StoredRows(p, h) for p, h in zip(paths, hdus, strict=True)]
        self._levels = [
            overscan_levels([_Lazy(p, h)], amps) for p, h in zip(paths, hdus, strict=True)
        ]
        self._buffer = np.empty(0, dtype=np.uint16)

    def __len__(self):
        return len(self._stored)

    def fill(self, block, y0, y1):
        """Fill a block with rows of all frames."""
        size = (y1 - y0) * self._stored[0].shape[1]
        if self._buffer.size < size:
            self._buffer = np.empty(size, dtype=np.uint16)
        for stored, levels, target in zip(self._stored, self._levels, block, strict=True):
            assemble_stored([stored], self._amplifiers, levels, (y0, y1), target, self._buffer)


class _Lazy:
    """An image of which only what is sliced is read."""

    def __init__(self, path, hdu):
        self._path, self._hdu, self.shape = path, hdu, hdu.shape

    def __getitem__(self, key):
        rows, columns = (part.indices(n) for part, n in zip(key, self.shape, strict=True))
        return read_rows(self._path, self._hdu, *rows[:2], *columns[:2])
