"""The side of ccdproc, astroscrappy and acstools in the benchmark of the reduction."""

import functools
import warnings

import numpy as np
from reduce_frames import GAIN, READ_NOISE, SATURATION, amplifiers

__all__ = ["NaiveSide"]


class NaiveSide:
    """The pixel chain and the combination by ccdproc, astroscrappy and acstools.

    Parameters
    ----------
    folder : pathlib.Path
        Of the frames.
    """

    def __init__(self, folder):
        import astroscrappy
        import ccdproc
        from acstools import findsat_mrt
        from astropy import units
        from astropy.io import fits
        from astropy.nddata import CCDData

        # Their warnings are on cards and divisions, not on speed.
        warnings.simplefilter("ignore")
        self.folder = folder
        self._ccdproc, self._astroscrappy, self._findsat = ccdproc, astroscrappy, findsat_mrt
        self._units, self._fits, self._kind = units, fits, CCDData

    def _image(self, name):
        return self._kind.read(self.folder / f"{name}.fits", unit="adu")

    def load(self):
        """Read the calibrations, which serve many frames."""
        self.bias, self.flat, self.illumination = (
            self._image(name) for name in ("bias", "flat", "illumination")
        )
        maps = np.load(self.folder / "maps.npz")
        self.hot, self.cold = maps["hot"], maps["cold"]
        (self.amplifier,) = amplifiers(self.bias.shape)

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
        self.ccd = self._image("raw")

    def _calibrate(self):
        process, units = self._ccdproc, self._units
        raw, (y0, y1, x0, x1) = self.ccd, self.amplifier.data
        scan = self.amplifier.overscan_x
        saturated = raw.data[y0:y1, x0:x1] >= SATURATION
        ccd = process.subtract_overscan(
            raw, overscan=raw[:, scan[2] : scan[3]], median=True, overscan_axis=1
        )
        ccd = process.trim_image(ccd[y0:y1, x0:x1])
        ccd = process.subtract_bias(ccd, self.bias)
        ccd = process.create_deviation(
            ccd, gain=GAIN * units.electron / units.adu, readnoise=READ_NOISE * units.electron,
            disregard_nan=True,
        )  # fmt: skip
        ccd = process.flat_correct(ccd, self.flat, norm_value=1.0)
        self.ccd = process.flat_correct(ccd, self.illumination, norm_value=1.0)
        self.mask = saturated | self.hot | self.cold

    def _cosmics(self):
        self.cosmics, _ = self._astroscrappy.detect_cosmics(
            self.ccd.data.astype(np.float32), inmask=self.mask, gain=GAIN, readnoise=READ_NOISE,
            sigclip=5.0, sigfrac=0.6, objlim=5.0, satlevel=np.inf, niter=4, sepmed=True,
        )  # fmt: skip
        self.mask = self.mask | self.cosmics

    def _trail(self):
        size = 8
        image = np.where(self.mask, np.nan, self.ccd.data)
        ny, nx = (n // size for n in image.shape)
        image = image[: ny * size, : nx * size].reshape(ny, size, nx, size)
        image = np.nanmean(image, axis=(1, 3))
        image -= np.nanmedian(image)
        spread = 1.4826 * np.nanmedian(np.abs(image))
        image[np.abs(image) > 5 * spread] = np.nan
        finder = self._findsat.TrailFinder(image, processes=1, min_length=25, max_width=75,
                                           check_persistence=False)  # fmt: skip
        finder.run_mrt()
        finder.find_mrt_sources()
        finder.filter_sources()
        finder.make_mask()
        if finder.mask is not None:
            found = np.kron(finder.mask, np.ones((size, size), dtype=bool))
            self.mask[: ny * size, : nx * size] |= found

    def _weight(self):
        self.weight = np.where(self.mask, 0.0, 1 / self.ccd.uncertainty.array**2)

    def _statistics(self):
        from astropy.stats import sigma_clipped_stats

        data = self.ccd.data
        self.statistics = (data.min(), data.max(), *sigma_clipped_stats(data, sigma=3, maxiters=5))

    def _write(self, out):
        for name, image in (("science", self.ccd.data), ("weight", self.weight)):
            hdu = self._fits.PrimaryHDU(image.astype(np.float32))
            hdu.writeto(out / f"{name}.fits", checksum=True, overwrite=True)

    def result(self):
        """Give some numbers of the result, to compare.

        Returns
        -------
        dict
            Median of the image, and how many pixels were found.
        """
        count = int(np.count_nonzero(self.cosmics))
        return {"median": float(self.statistics[3]), "cosmic_ray": count}

    def combine(self, count):
        """Combine raw biases as they are, without overscan correction.

        Parameters
        ----------
        count : int
            How many.

        Returns
        -------
        array
            The master bias.
        """
        from astropy.stats import mad_std

        paths = [str(self.folder / f"bias_{k:02d}.fits") for k in range(count)]
        return self._ccdproc.combine(
            paths, method="average", unit="adu", mem_limit=2e9, sigma_clip=True,
            sigma_clip_low_thresh=3, sigma_clip_high_thresh=3, sigma_clip_func=np.ma.median,
            sigma_clip_dev_func=mad_std,
        ).data  # fmt: skip
