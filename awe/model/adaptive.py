"""What headers, tables and PSF parameters of an exposure tell of adaptive optics."""

import numpy as np

from awe.base.errors import AweValueError

__all__ = ["Lasers", "flag_of", "is_degraded", "lasers_of", "table_of", "windowed"]

_NUMBERS = (1, 2, 3, 4)


def table_of(data, key, exposure):
    """Give a table of an exposure's raw file.

    Parameters
    ----------
    data : mapping
        Its `raw_exposure_data`.
    key : str
        Name of the table.
    exposure : Exposure
        Whose they are, for the message.

    Returns
    -------
    astropy.table.Table or None
        None where there is none.

    Raises
    ------
    AweValueError
        What stands there is no table.
    """
    from astropy.table import Table

    found = data.get(key)
    if found is None or isinstance(found, Table):
        return found
    try:
        return Table({name: found[name] for name in found})
    except (ValueError, TypeError) as err:
        msg = f"raw_exposure_data[{key!r}] of {exposure!r} is no table: {err}"
        raise AweValueError(msg, cause=f"{key} is no table") from err


class Lasers:
    """The turbulence that the four laser guide stars saw, row by row.

    Parameters
    ----------
    r0, outer_scale : numpy.ndarray
        Fried's parameter at 500 nm and the outer scale L0, m, shape (rows, 4).
    good : numpy.ndarray of bool
        Where the data can be used, shape (rows, 4).
    """

    def __init__(self, r0, outer_scale, good):
        self.r0, self.outer_scale, self.good = r0, outer_scale, good

    def lacks_one(self):
        """Tell whether a laser cannot be used in more than half of the rows.

        Returns
        -------
        bool
            True where the system worked with three lasers or fewer.
        """
        return bool(np.mean(self.good.sum(axis=1) < len(_NUMBERS)) > 0.5)

    def good_means(self, least):
        """Give the mean of what can be used.

        Parameters
        ----------
        least : int
            How many good lasers a row must have.

        Returns
        -------
        tuple of float or None
            r0 and L0, m; None where no row has so many.
        """
        use = self.good & (self.good.sum(axis=1) >= least)[:, None]
        if not use.any():
            return None
        return float(self.r0[use].mean()), float(self.outer_scale[use].mean())

    def plain_means(self):
        """Give the mean of everything, as the AOMUSE of 2022 did.

        Returns
        -------
        tuple of float or None
            r0 and L0, m; None where they are no positive numbers.
        """
        means = float(self.r0.mean()), float(self.outer_scale.mean())
        return means if min(means) > 0 else None


def lasers_of(table, least, greatest):
    """Read the turbulence from SPARTA_ATM_DATA.

    Parameters
    ----------
    table : astropy.table.Table or None
        The table.
    least, greatest : float
        Between which the outer scale of a good laser lies, m.

    Returns
    -------
    Lasers or None
        None where the table has no rows, or lacks R0, L0 or TUR_GND of a laser.
    """
    from awe.pixels import adaptive_optics as optics

    if table is None or not len(table):
        return None
    columns = {}
    for name in ("R0", "L0", "TUR_GND"):
        keys = [f"LGS{i}_{name}" for i in _NUMBERS]
        if any(k not in table.colnames or table[k].dtype.kind not in "iuf" for k in keys):
            return None
        masked = [np.ma.asarray(table[k].data, float) for k in keys]
        columns[name] = np.stack([np.ma.filled(m, np.nan) for m in masked], axis=1)
    r0, outer_scale = columns["R0"], columns["L0"]
    good = optics.valid_lasers(columns["TUR_GND"], outer_scale, least, greatest) & (r0 > 0)
    return Lasers(r0, outer_scale, good)


def flag_of(header, key):
    """Give a flag of a header.

    Parameters
    ----------
    header : mapping
        Of the cube or the raw file.
    key : str
        The keyword.

    Returns
    -------
    bool or None
        None where the header has no such keyword, or no flag there.
    """
    value = header.get(key)
    return bool(value) if isinstance(value, (bool, int)) and value in (0, 1) else None


def is_degraded(header, lasers):
    """Tell whether adaptive optics worked with fewer than four lasers.

    Parameters
    ----------
    header : mapping
        Of the cube or the raw file.
    lasers : Lasers or None
        What SPARTA_ATM_DATA has.

    Returns
    -------
    bool or None
        True where a laser was simulated or its data cannot be used, None where the header does
        not tell of all of them.
    """
    simulated = [flag_of(header, f"ESO LGS{i} LASR{i} SWSIM") for i in _NUMBERS]
    if any(simulated) or (lasers is not None and lasers.lacks_one()):
        return True
    return None if None in simulated else False


def windowed(psf, windows, notch):
    """Give PSF parameters in wavelength windows without those that the laser light spoils.

    Parameters
    ----------
    psf : mapping or None
        'wavelength' [nm] and parameters of the same length.
    windows : int or None
        Number of windows; None for those of the AOMUSE of 2022, with means of the end points and
        its test of the notch.
    notch : tuple of float
        Where the notch begins and ends, nm.

    Returns
    -------
    table : astropy.table.Table
        'wavelength', and '<name>_means' of each parameter.
    odd : list of str
        Parameters that are not as long as the wavelength.

    Raises
    ------
    AweValueError
        There are no parameters, or too few wavelengths.
    """
    from astropy.table import Table

    from awe.pixels import adaptive_optics as optics

    if psf is None or "wavelength" not in psf:
        what = "are no PSF parameters" if psf is None else "is no wavelength"
        raise AweValueError(f"there {what}")
    wavelength = np.asarray(psf["wavelength"], float)
    count = len(wavelength)
    if windows is None:
        if count < 10:
            raise AweValueError(f"AOMUSE of 2022 needs 10 wavelengths, not {count}")
        edges, mean = np.arange(0, count, count // 10), optics.end_point_means
    else:
        edges, mean = optics.window_edges(count, windows), optics.window_means
    low, high = wavelength[edges[:-1]], wavelength[edges[1:]]
    kept = ~optics.is_notched(low, high, notch, ends_only=windows is None)
    table, odd = Table({"wavelength": mean(wavelength, edges)[kept]}), []
    table["wavelength"].unit = "nm"
    for name in psf:
        values = np.asarray(psf[name])
        if name == "wavelength":
            continue
        if values.shape != wavelength.shape or values.dtype.kind not in "iuf":
            odd.append(name)
            continue
        table[f"{name}_means"] = mean(values, edges)[kept]
    return table, odd
