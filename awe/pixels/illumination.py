"""Illumination correction: a polynomial over the field, by what standard stars seem too faint."""

from typing import NamedTuple

import numpy as np

from awe.base.errors import AweValueError
from awe.pixels.stats import MAD_TO_SIGMA

__all__ = ["IlluminationFit", "chip_coefficients", "evaluate_illumination", "fit_illumination"]


class IlluminationFit(NamedTuple):
    """A polynomial over the field, in magnitudes.

    Parameters
    ----------
    coefficients : array of float64
        Factors of the products ``T_j(v) T_k(u)`` of Chebyshev polynomials, of shape
        ``(order + 1, order + 1)``, 0 where ``j + k`` is 0 or exceeds the order; u and v are x
        and y, mapped from the limits to -1 to 1.
    limits : tuple of float
        Least x, greatest x, least y, greatest y.
    zero_points : dict
        Constant of each group in magnitudes.
    rms : float
        Standard deviation of the stars kept about the fit, in magnitudes.
    kept : array of bool
        Which stars were not clipped.
    covariance : array of float64
        Of the coefficients that are not 0, row by row, from the scatter of the stars kept.
    """

    coefficients: np.ndarray
    limits: tuple
    zero_points: dict
    rms: float
    kept: np.ndarray
    covariance: np.ndarray

    @property
    def number(self):
        """Number of stars kept."""
        return int(np.count_nonzero(self.kept))

    def errors(self, x, y):
        """Give the standard errors of the polynomial, relative to its mean over some points.

        Parameters
        ----------
        x, y : array
            The points, in the unit of the stars.

        Returns
        -------
        array of float64
            In magnitudes.
        """
        design = _design(np.ravel(x), np.ravel(y), self.limits, len(self.coefficients) - 1)
        design = design - design.mean(axis=0)
        return np.sqrt(np.einsum("ij,jk,ik->i", design, self.covariance, design))


def fit_illumination(
    x, y, residuals, *, limits, order=3, groups=None, errors=None, sigma_clip=3.0,
    max_iterations=10,
):  # fmt: skip
    """Fit a polynomial to the residuals of stars by their places.

    The polynomial of total degree `order` is common to all stars; each group (an exposure of a
    CCD) has a constant of its own, so that clouds and the zero points of CCDs do not count.
    Stars further than `sigma_clip` standard deviations (1.4826 times the median absolute
    deviation) from the fit are left out, until none is.

    Parameters
    ----------
    x, y : array
        Places of the stars, in any one unit.
    residuals : array
        Measured minus true magnitude, to within the constants.
    limits : tuple of float
        Least x, greatest x, least y, greatest y of the field.
    order : int, optional
        Total degree of the polynomial. The default is 3.
    groups : array, optional
        What each star belongs to. By default all to one.
    errors : array, optional
        Standard errors of the residuals. By default all are equal.
    sigma_clip : float, optional
        Limit in standard deviations. The default is 3.
    max_iterations : int, optional
        How often to clip at most. The default is 10.

    Returns
    -------
    IlluminationFit
        Coefficients, constants, rms and stars kept.

    Raises
    ------
    AweValueError
        There are too few stars, they do not fix the polynomial, or an argument is out of its
        range.
    """
    x, y, residuals = (np.asarray(a, dtype=np.float64) for a in (x, y, residuals))
    _check(x, y, residuals, limits, order, sigma_clip)
    groups = np.zeros(len(x), dtype=int) if groups is None else np.asarray(groups)
    names, member = np.unique(groups, return_inverse=True)
    terms = _terms(order)
    constant = (member[:, None] == np.arange(len(names))).astype(float)
    design = np.hstack([_design(x, y, limits, order), constant])
    errors = np.ones(len(x)) if errors is None else np.asarray(errors, dtype=np.float64)
    kept = np.isfinite(x) & np.isfinite(y) & np.isfinite(residuals)
    kept &= np.isfinite(errors) & (errors > 0)
    for _ in range(max_iterations + 1):
        solution = _solve(design[kept], residuals[kept], errors[kept])
        rest = residuals - design @ solution
        spread = MAD_TO_SIGMA * np.median(np.abs(rest[kept] / errors[kept]))
        inside = kept & (np.abs(rest) <= sigma_clip * max(spread, 1e-9) * errors)
        if np.array_equal(inside, kept):
            break
        kept = inside
    coefficients = np.zeros((order + 1, order + 1))
    for (j, k), value in zip(terms, solution, strict=False):
        coefficients[j, k] = value
    constants = {_plain(n): float(c) for n, c in zip(names, solution[len(terms) :], strict=True)}
    covariance = _covariance(design[kept], rest[kept], errors[kept])[: len(terms), : len(terms)]
    limits = tuple(map(float, limits))
    rms = float(np.std(rest[kept]))
    return IlluminationFit(coefficients, limits, constants, rms, kept, covariance)


def _design(x, y, limits, order):
    """Give the products of polynomials at points, one column each, without the constant."""
    terms = _terms(order)
    down, along = (
        _chebyshev(_scaled(values, *ends), order)
        for values, ends in ((y, limits[2:]), (x, limits[:2]))
    )
    return down[:, [j for j, _ in terms]] * along[:, [k for _, k in terms]]


def _covariance(design, rest, errors):
    """Give the covariance of a solution; the scatter tells how large the errors are."""
    scaled = design / errors[:, None]
    chi2 = np.sum((rest / errors) ** 2) / (len(design) - design.shape[1])
    return np.linalg.inv(scaled.T @ scaled) * chi2


def _plain(name):
    return name.item() if isinstance(name, np.generic) else name


def _check(x, y, residuals, limits, order, sigma_clip):
    if not (x.shape == y.shape == residuals.shape and x.ndim == 1):
        msg = (
            f"x, y and residuals need one axis of equal length, not {x.shape}, {y.shape} and "
            f"{residuals.shape}."
        )
        raise AweValueError(msg)
    if order < 1 or int(order) != order:
        msg = f"order is the degree of the polynomial: a whole number from 1, not {order!r}."
        raise AweValueError(msg)
    if not sigma_clip > 0:
        msg = f"sigma_clip is the limit in standard deviations: a number > 0, not {sigma_clip!r}."
        raise AweValueError(msg)
    if not (limits[0] < limits[1] and limits[2] < limits[3]):
        msg = f"limits are (least x, greatest x, least y, greatest y), not {tuple(limits)}."
        raise AweValueError(msg)


def _solve(design, values, errors):
    """Solve for polynomial and constants; refuse what the stars do not fix."""
    count, unknown = design.shape
    if count <= unknown:
        msg = (
            f"{count} stars cannot fix an illumination correction of {unknown} unknowns "
            "(polynomial and one constant for each exposure and CCD)."
        )
        raise AweValueError(msg, remedy="Give more stars, or a smaller ORDER.")
    solution, _, rank, _ = np.linalg.lstsq(design / errors[:, None], values / errors, rcond=1e-8)
    if rank < unknown:
        msg = (
            f"The places of the {count} stars do not fix an illumination correction of {unknown} "
            "unknowns."
        )
        raise AweValueError(msg, remedy="Give stars all over the field, or a smaller ORDER.")
    return solution


def chip_coefficients(coefficients, limits, place, shape):
    """Express a polynomial over the field in the pixels of one CCD; this is exact.

    Parameters
    ----------
    coefficients : array
        As in `IlluminationFit`, over the field.
    limits : tuple of float
        Of the field.
    place : array
        Shape (2, 3): ``x_field = p[0, 0] + p[0, 1] x + p[0, 2] y`` and likewise y, of pixels
        counted from 0.
    shape : tuple of int
        Of the CCD, ``(ny, nx)``.

    Returns
    -------
    array of float64
        Coefficients of the same order, with ``u = v = -1`` in the centre of the first pixel and 1
        in that of the last; that of the constant is 0.
    """
    coefficients, place = np.asarray(coefficients), np.asarray(place, dtype=np.float64)
    order = len(coefficients) - 1
    # A polynomial of degree n stays one under a linear map: n + 1 nodes an axis determine it.
    nodes = np.cos(np.pi * (np.arange(order + 1) + 0.5) / (order + 1))
    columns, rows = 0.5 * (nodes + 1) * (shape[1] - 1), 0.5 * (nodes + 1) * (shape[0] - 1)
    x, y = np.meshgrid(columns, rows)
    u = _scaled(place[0, 0] + place[0, 1] * x + place[0, 2] * y, *limits[:2])
    v = _scaled(place[1, 0] + place[1, 1] * x + place[1, 2] * y, *limits[2:])
    values = np.polynomial.chebyshev.chebval2d(v, u, coefficients)
    basis = np.linalg.inv(_chebyshev(nodes, order))
    result = basis @ values @ basis.T
    result[0, 0] = 0.0
    return result


def evaluate_illumination(coefficients, shape):
    """Make the image by which a reduced CCD is divided.

    Parameters
    ----------
    coefficients : array
        As `chip_coefficients` gives them, in magnitudes.
    shape : tuple of int
        Of the CCD, ``(ny, nx)``.

    Returns
    -------
    array of float32
        ``10^(-0.4 m)`` over its mean over the CCD: less than 1 where stars came out too faint.
        The zero point stays the CCD's own.
    """
    coefficients = np.asarray(coefficients, dtype=np.float64)
    order = len(coefficients) - 1
    along, down = (_chebyshev(np.linspace(-1, 1, n), order) for n in (shape[1], shape[0]))
    image = ((down @ coefficients) @ along.T).astype(np.float32)
    image *= np.float32(-0.4 * np.log(10))
    np.exp(image, out=image)
    image /= np.float32(image.mean(dtype=np.float64))
    return image


def _terms(order):
    """List the products of polynomials without the constant, which the groups have."""
    return [(j, k) for j in range(order + 1) for k in range(order + 1 - j) if j + k > 0]


def _scaled(values, low, high):
    return (2 * values - low - high) / (high - low)


def _chebyshev(values, order):
    return np.polynomial.chebyshev.chebvander(values, order)
