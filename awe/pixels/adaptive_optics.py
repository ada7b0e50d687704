"""Image quality behind adaptive optics: formulas on turbulence parameters and PSF fits."""

import dataclasses
import itertools

import numpy as np

from awe.base.errors import AweValueError

__all__ = [
    "AOMUSE_2022",
    "ImageQuality",
    "end_point_means",
    "ground_layer_gain",
    "is_notched",
    "line_of_sight_seeing",
    "valid_lasers",
    "window_edges",
    "window_means",
]

_REFERENCE = 500.0
_ARCSEC = 3600.0 * 180.0 / np.pi


@dataclasses.dataclass(frozen=True)
class ImageQuality:
    """The image quality that turbulence of a finite outer scale leaves.

    Seeing of r0: Roddier (1981). Outer scale: Tokovinin (2002), PASP 114, 1156, with the
    correction of Kolb for the diameter of the telescope.

    Attributes
    ----------
    seeing_coefficient : float
        FWHM of an infinite outer scale in units of wavelength over r0.
    has_unit_in_kolb : bool
        Whether the 1 stands in the denominator of the correction for the diameter, as it must.
    instrument_fwhm : float
        FWHM that the instrument adds, arcsec.
    diameter : float
        Diameter of the telescope, m.
    """

    seeing_coefficient: float = 0.976
    has_unit_in_kolb: bool = True
    instrument_fwhm: float = 0.3
    diameter: float = 8.0

    def seeing(self, r0):
        """Give the seeing of an infinite outer scale at 500 nm.

        Parameters
        ----------
        r0 : float
            Fried's parameter at 500 nm along the line of sight, m.

        Returns
        -------
        float
            FWHM, arcsec.
        """
        return self.seeing_coefficient * _ARCSEC * _REFERENCE * 1e-9 / r0

    def outer_scale_factor(self, r0, outer_scale):
        """Give by which factor the finite outer scale makes images sharper.

        Parameters
        ----------
        r0 : float
            Fried's parameter at 500 nm, m.
        outer_scale : float
            The outer scale L0, m.

        Returns
        -------
        float
            0 to 1.
        """
        ratio = 300.0 * self.diameter / outer_scale
        kolb = 1.0 / (self.has_unit_in_kolb + ratio) - 1.0
        return float(np.sqrt(max(0.0, 1.0 + 2.183 * kolb * (r0 / outer_scale) ** 0.356)))

    def at_500nm(self, r0, outer_scale, gain=1.0):
        """Give the image quality at 500 nm along the line of sight.

        Parameters
        ----------
        r0, outer_scale : float
            Fried's parameter at 500 nm and the outer scale L0, m.
        gain : float, optional
            What ground-layer correction gains, see `ground_layer_gain`. The default is 1: none.

        Returns
        -------
        float
            FWHM without the instrument, arcsec.

        Raises
        ------
        AweValueError
            r0 or L0 is not above 0.
        """
        if not (r0 > 0 and outer_scale > 0):
            msg = f"Fried's parameter and outer scale are above 0 m, not {r0} and {outer_scale}."
            raise AweValueError(msg)
        return self.seeing(r0) * self.outer_scale_factor(r0, outer_scale) / gain

    def at(self, wavelength, fwhm):
        """Give the image quality at other wavelengths, with the instrument.

        Parameters
        ----------
        wavelength : array_like
            Wavelengths, nm.
        fwhm : float
            Image quality at 500 nm without the instrument, arcsec.

        Returns
        -------
        numpy.ndarray
            FWHM, arcsec.
        """
        scaled = fwhm * (_REFERENCE / np.asarray(wavelength, float)) ** 0.2
        return np.hypot(scaled, self.instrument_fwhm)


# The constants of the AOMUSE of 2022: the coefficient is that of diffraction.
AOMUSE_2022 = ImageQuality(1.028, False, 0.35)


def ground_layer_gain(fraction):
    """Give by which factor ground-layer correction sharpens images at 500 nm.

    Parameters
    ----------
    fraction : float
        Fraction of the turbulence in the ground layer, as MASS and DIMM measure it, 0 to 1.

    Returns
    -------
    float
        The gain: a polynomial that was fitted to the wide-field mode of MUSE.

    Raises
    ------
    AweValueError
        The fraction is not between 0 and 1.
    """
    if not 0 <= fraction <= 1:
        msg = f"The ground-layer fraction is between 0 and 1, not {fraction:g}."
        raise AweValueError(msg)
    return 1.09 + 0.42 * fraction - 1.98 * fraction**2 + 2.95 * fraction**3


def line_of_sight_seeing(seeing, airmass):
    """Give the seeing along the line of sight.

    Parameters
    ----------
    seeing : float
        Seeing at the zenith, arcsec.
    airmass : float
        The airmass.

    Returns
    -------
    float
        The seeing, arcsec.

    Raises
    ------
    AweValueError
        The airmass is not above 0.
    """
    if not airmass > 0:
        msg = f"An airmass is above 0, not {airmass:g}."
        raise AweValueError(msg)
    return seeing * airmass**0.6


def valid_lasers(ground, outer_scale, least, greatest):
    """Tell in which rows the data of a laser guide star can be used.

    Parameters
    ----------
    ground : array_like
        Turbulence in the ground layer, shape (rows,).
    outer_scale : array_like
        The outer scale L0, m, shape (rows,).
    least, greatest : float
        Between which the outer scale must lie, m.

    Returns
    -------
    numpy.ndarray of bool
        Shape (rows,).
    """
    ground, outer_scale = np.asarray(ground, float), np.asarray(outer_scale, float)
    return (ground > 0) & (outer_scale > least) & (outer_scale < greatest)


def window_edges(count, windows):
    """Divide samples into windows of equal width.

    Parameters
    ----------
    count : int
        Number of samples.
    windows : int
        How many windows; of few samples fewer are made.

    Returns
    -------
    numpy.ndarray of int
        Places of the edges, one more than windows; neighbours share the sample at their edge.

    Raises
    ------
    AweValueError
        There are fewer than two samples.
    """
    if count < 2:
        msg = f"Windows need two samples at least, not {count}."
        raise AweValueError(msg)
    windows = min(windows, count - 1)
    return np.rint(np.linspace(0, count - 1, windows + 1)).astype(int)


def is_notched(low, high, notch, *, ends_only=False):
    """Tell of windows whether the notch of the laser light spoils them.

    Parameters
    ----------
    low, high : array_like
        Where the windows begin and end, nm.
    notch : tuple of float
        Where the notch begins and ends, nm.
    ends_only : bool, optional
        Whether only windows of which an end lies in the notch are meant: a wide window with the
        notch in its middle is not. The default is False: all that overlap with it.

    Returns
    -------
    numpy.ndarray of bool
        One for each window.
    """
    low, high = np.asarray(low, float), np.asarray(high, float)
    if ends_only:
        return _inside(low, notch) | _inside(high, notch)
    return (np.minimum(low, high) < notch[1]) & (np.maximum(low, high) > notch[0])


def _inside(values, notch):
    return (values > notch[0]) & (values < notch[1])


def window_means(values, edges):
    """Give the mean of all samples of each window, the edges with half their weight.

    Parameters
    ----------
    values : array_like
        Samples at equal distances; what is not finite does not count.
    edges : numpy.ndarray of int
        From `window_edges`.

    Returns
    -------
    numpy.ndarray
        One for each window; NaN where no sample is finite.
    """
    values = np.asarray(values, float)
    means = np.full(len(edges) - 1, np.nan)
    for at, (first, last) in enumerate(itertools.pairwise(edges)):
        part = values[first : last + 1]
        weights = np.where(np.isfinite(part), 1.0, 0.0)
        weights[[0, -1]] *= 0.5
        if weights.any():
            means[at] = np.average(np.where(weights > 0, part, 0.0), weights=weights)
    return means


def end_point_means(values, edges):
    """Give the mean of the first and last sample of each window, as the AOMUSE of 2022 did.

    Parameters
    ----------
    values : array_like
        Samples.
    edges : numpy.ndarray of int
        Places of the edges.

    Returns
    -------
    numpy.ndarray
        One for each window.
    """
    ends = np.asarray(values, float)[edges]
    return (ends[:-1] + ends[1:]) / 2
