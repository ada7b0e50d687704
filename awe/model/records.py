"""Records that live inside their owner: statistics, world coordinates, amplifiers."""

import numpy as np

from awe.store import OwnedRecord, persistent

__all__ = [
    "Amplifier",
    "Astrom",
    "IlluminationRecord",
    "Imstat",
    "OverscanStat",
    "amplifier_of_header",
    "imstat_of",
]


class Imstat(OwnedRecord):
    """Statistics of an image; mean, median and stdev after iterated clipping."""

    min = persistent("Least value", float, unit="adu")
    max = persistent("Greatest value", float, unit="adu")
    mean = persistent("Mean of the pixels kept", float, unit="adu")
    median = persistent("Median of the pixels kept", float, unit="adu")
    stdev = persistent("Standard deviation of the pixels kept", float, unit="adu")
    npix = persistent("Number of pixels kept", int)
    minx = persistent("Column of the least value, from 0", int, unit="pix")
    miny = persistent("Row of the least value, from 0", int, unit="pix")
    maxx = persistent("Column of the greatest value, from 0", int, unit="pix")
    maxy = persistent("Row of the greatest value, from 0", int, unit="pix")


class OverscanStat(OwnedRecord):
    """Statistics of a prescan or overscan region, all amplifiers together."""

    mean = persistent("Mean of the pixels kept", float, unit="adu")
    median = persistent("Median of the pixels kept", float, unit="adu")
    stdev = persistent("Standard deviation of the pixels kept", float, unit="adu")
    npix = persistent("Number of pixels kept", int)


class Astrom(OwnedRecord):
    """Linear world coordinates."""

    CTYPE1 = persistent("Projection of axis 1", str)
    CTYPE2 = persistent("Projection of axis 2", str)
    CRVAL1 = persistent("Right ascension of the reference pixel", float, unit="deg")
    CRVAL2 = persistent("Declination of the reference pixel", float, unit="deg")
    CRPIX1 = persistent("Column of the reference pixel, from 1", float, unit="pix")
    CRPIX2 = persistent("Row of the reference pixel, from 1", float, unit="pix")
    CD1_1 = persistent("Matrix", float, unit="deg/pix")
    CD1_2 = persistent("Matrix", float, unit="deg/pix")
    CD2_1 = persistent("Matrix", float, unit="deg/pix")
    CD2_2 = persistent("Matrix", float, unit="deg/pix")


class Amplifier(OwnedRecord):
    """One amplifier of a CCD; sections are (y0, y1, x0, x1), from 0, half-open, or empty."""

    name = persistent("Name", str)
    hdu = persistent("HDU of the frame's file", int)
    data = persistent("Section of the light-sensitive pixels", [int])
    prescan_x = persistent("Section of the prescan in x", [int])
    overscan_x = persistent("Section of the overscan in x", [int])
    prescan_y = persistent("Section of the prescan in y", [int])
    overscan_y = persistent("Section of the overscan in y", [int])
    flip_x = persistent("Whether the data are mirrored in x", bool, False)
    flip_y = persistent("Whether the data are mirrored in y", bool, False)
    x = persistent("Column on the assembled CCD, from 0", int, 0, unit="pix")
    y = persistent("Row on the assembled CCD, from 0", int, 0, unit="pix")
    gain = persistent("Electrons per ADU", float, unit="electron/adu")
    read_noise = persistent("Read noise", float, unit="electron")
    saturation = persistent("Level from which a pixel is saturated", float, unit="adu")

    def for_pixels(self, position):
        """Give the amplifier as the pixel functions take it.

        Parameters
        ----------
        position : int
            Which of the frame's arrays has its pixels.

        Returns
        -------
        awe.pixels.Amplifier
            The amplifier.
        """
        from awe.pixels.geometry import Amplifier as PixelAmplifier

        sections = {
            name: tuple(getattr(self, name)) or None
            for name in ("prescan_x", "overscan_x", "prescan_y", "overscan_y")
        }
        return PixelAmplifier(
            hdu=position, data=tuple(self.data), flip_x=self.flip_x, flip_y=self.flip_y,
            x=self.x, y=self.y, gain=self.gain, read_noise=self.read_noise,
            name=self.name or "", **sections,
        )  # fmt: skip


class IlluminationRecord(OwnedRecord):
    """The illumination correction of one CCD."""

    chip_name = persistent("Name of the CCD", str)
    NAXIS1 = persistent("Columns of the CCD", int, unit="pix")
    NAXIS2 = persistent("Rows of the CCD", int, unit="pix")
    fit_coeffs = persistent("Chebyshev coefficients over the CCD, by powers of y and then of x",
                            [float], unit="mag")  # fmt: skip
    number_of_stars = persistent("Number of its stars that were kept", int)
    max_error = persistent("Largest standard error of the fit on the CCD", float, unit="mag")

    def coefficients(self):
        """Give the coefficients as a matrix.

        Returns
        -------
        array of float
            As `awe.pixels.evaluate_illumination` takes them.
        """
        size = round(np.sqrt(len(self.fit_coeffs)))
        return np.array(self.fit_coeffs).reshape(size, size)

    def on_grid(self, points):
        """Evaluate the correction at points all over the CCD.

        Parameters
        ----------
        points : int
            Points along each axis.

        Returns
        -------
        array of float
            In magnitudes, of mean 0.
        """
        nodes = np.linspace(-1, 1, points)
        image = np.polynomial.chebyshev.chebgrid2d(nodes, nodes, self.coefficients())
        return image - image.mean()


def amplifier_of_header(values, hdu):
    """Make the record of an amplifier from what its header says.

    Parameters
    ----------
    values : dict
        As in `awe.instruments.CcdFrame.amplifiers`.
    hdu : int
        The HDU of the frame's own file.

    Returns
    -------
    Amplifier
        The record.
    """
    known = {n: v for n, v in values.items() if n in Amplifier._attributes and v is not None}
    return Amplifier(**{**known, "hdu": hdu})


def imstat_of(stat, cls=Imstat):
    """Make the record of the statistics of an image.

    Parameters
    ----------
    stat : awe.pixels.Imstat
        The statistics.
    cls : type, optional
        `Imstat` or `OverscanStat`. The default is `Imstat`.

    Returns
    -------
    Imstat or OverscanStat
        The record.
    """
    values = stat._asdict()
    kinds = {"npix": int, "minx": int, "miny": int, "maxx": int, "maxy": int}
    return cls(**{n: kinds.get(n, float)(values[n]) for n in cls._attributes})
