"""What the files of a MUSE exposure say: each kind as attributes of the exposure."""

import numpy as np
from awe.recipes.muse_nightlog import condition_at, read_nightlog, seconds_of_night

from awe.base.errors import AweError, AweValueError
from awe.base.utc import to_utc
from awe.fits import FitsError, HeaderText, TableBytes, read_parts
from awe.model.sources import SourcesKind, join_sources

__all__ = ["READERS", "TABLES", "identity", "primary_header", "read_sky", "start_of"]

TABLES = ("SGS_DATA", "AG_DATA", "ASM_DATA", "SPARTA_ATM_DATA", "SPARTA_CN2_DATA")
_METRES = 1e9


def primary_header(path):
    """Read the primary header of a file and nothing else.

    Parameters
    ----------
    path : str or os.PathLike
        A FITS file.

    Returns
    -------
    HeaderText
        The header.

    Raises
    ------
    FitsError
        The file is not FITS, or ends in it.
    """
    for _, text, _ in read_parts(path):
        return HeaderText(text)
    msg = f"{path} has no header."
    raise FitsError(msg)


def identity(headers):
    """Give what an exposure must have, from the first header that says it.

    Parameters
    ----------
    headers : list of mapping
        The header of the cube, then that of the raw file.

    Returns
    -------
    found : dict
        Target, obs_id, ins_mode and EXPTIME by the names of the exposure's attributes; the
        target as its name.
    lacking : list of str
        The keys that the first header does not have.

    Raises
    ------
    AweValueError
        None of the headers says one of them.
    """
    rules = (
        ("target", "OBJECT", str), ("obs_id", "ESO OBS ID", int),
        ("ins_mode", "ESO INS MODE", str), ("EXPTIME", "EXPTIME", (int, float)),
    )  # fmt: skip
    found, lacking = {}, []
    for name, key, types in rules:
        values = [h.get(key) for h in headers]
        usable = [v for v in values if isinstance(v, types) and not isinstance(v, bool) and v != ""]
        if usable:
            found[name] = float(usable[0]) if name == "EXPTIME" else usable[0]
            if usable[0] is not values[0]:
                lacking.append(key)
        elif name != "EXPTIME":
            msg = f"No header of the exposure has a usable {key}, which a MUSE exposure needs."
            raise AweValueError(msg)
    return found, lacking


def _read_single(path):
    """Read a reduced cube: its primary header; of the rest only whether it is all there."""
    header, problems = None, []
    try:
        for hdu, text, _ in read_parts(path):
            if hdu.index == 0:
                header = HeaderText(text)
    except FitsError as err:
        if header is None:
            raise
        problems.append(_reason(err, path))
    if not isinstance(header.get("PROV1"), str):
        problems.append("no PROV1: its header does not name the raw file")
    return {"datacube_header": header}, problems + _wrong_date(header)


def start_of(header):
    """Give when an exposure began.

    Parameters
    ----------
    header : mapping
        A primary header.

    Returns
    -------
    str
        In the form of ISO 8601.

    Raises
    ------
    AweError
        DATE-OBS is missing, or no time.
    """
    stated = header.get("DATE-OBS")
    if stated is None:
        msg = "no DATE-OBS"
        raise AweValueError(msg)
    return to_utc(stated).isoformat()


def _wrong_date(header):
    try:
        start_of(header)
    except AweError as err:
        return [str(err).splitlines()[0]]
    return []


def _read_raw(path):
    """Read a raw file: headers of file and channels, and the tables."""
    header, data, problems = None, {}, []
    try:
        for hdu, text, content in read_parts(path, lambda hdu: hdu.name in TABLES):
            if hdu.index == 0:
                header = HeaderText(text)
            elif "CHAN" in hdu.name:
                data[hdu.name] = HeaderText(text)
            elif content is not None:
                try:
                    data[hdu.name] = TableBytes(text, content)
                except FitsError as err:
                    problems.append(f"{hdu.name}: {err}")
    except FitsError as err:
        if header is None:
            raise
        problems.append(_reason(err, path))
    # Without adaptive optics there is nothing that would write them.
    if "-AO-" in str(header.get("ESO INS MODE")):
        told = " ".join(problems)
        problems += [f"no {name}" for name in TABLES if name not in data and name not in told]
    problems += _wrong_date(header)
    return {"raw_exposure_header": header, "raw_exposure_data": data}, problems


def _read_prm(path):
    """Read PSF parameters: arrays along wavelength."""
    problems, params, spectra = [], None, None
    for hdu, text, content in read_parts(path, lambda hdu: hdu.name == "PSFPARS"):
        if hdu.name == "SPECTRA":
            spectra = HeaderText(text)
        elif content is not None:
            params = _parameters(TableBytes(text, content))
    if params is None:
        msg = "no extension PSFPARS"
        raise AweValueError(msg)
    for name, values in params.items():
        if not np.isfinite(values).all():
            problems.append(f"{np.count_nonzero(~np.isfinite(values))} values of {name} are NaN")
    wavelength = None if spectra is None else _wavelength(spectra)
    if wavelength is None:
        problems.append("no wavelengths in the header of SPECTRA")
    else:
        count = {len(values) for values in params.values()}
        if count - {len(wavelength)}:
            problems.append(f"{len(wavelength)} wavelengths for {sorted(count)} values")
        params["wavelength"] = wavelength
    return {"pampelmuse_params": params}, problems


def _parameters(table):
    try:
        names, values = table.column("name"), table.column("polyfit")
        values = np.asarray(values, float)
    except (KeyError, TypeError, ValueError) as err:
        msg = f"PSFPARS has no usable columns name and polyfit ({err})"
        raise AweValueError(msg) from err
    return {str(name).strip(): np.atleast_1d(row) for name, row in zip(names, values, strict=True)}


def _wavelength(header):
    """Give the wavelengths in nm; the header counts in metres."""
    values = [header.get(key) for key in ("CRVAL3", "CDELT3", "NAXIS3")]
    if not all(isinstance(v, (int, float)) for v in values) or values[2] < 1:
        return None
    first, step, count = values
    return (first + np.arange(int(count)) * step) * _METRES


def _read_psf(path):
    """Read the fits of the PSF stars."""
    tables = {}
    for hdu, text, content in read_parts(path, lambda hdu: "PM_" in hdu.name):
        if content is not None:
            table = TableBytes(text, content)
            tables[hdu.name] = {name: table.column(name) for name in table.names}
    if not tables:
        msg = "no extension PM_<source id>"
        raise AweValueError(msg)
    sources = SourcesKind().coerce(join_sources(tables), "sources")
    return {"sources": sources}, []


def _read_catalog(path):
    """Read a catalogue of detections."""
    from astropy.table import Table

    try:
        return {"pampelmuse_catalog": Table.read(path, format="ascii.ecsv")}, []
    except (ValueError, TypeError, KeyError, IndexError, UnicodeDecodeError) as err:
        msg = f"it is no table in the form ECSV ({' '.join(str(err).split())[:80]})"
        raise AweValueError(msg) from err


def _read_raman(path):
    """Read a Raman image: its primary header."""
    return {"raman_image_header": primary_header(path)}, []


def read_sky(path, header):
    """Read the sky condition before and after an exposure from the night log.

    Parameters
    ----------
    path : str or os.PathLike
        The night log.
    header : mapping
        The primary header of the raw file, or else of the cube.

    Returns
    -------
    values : dict
        The six attributes of the exposure.
    problems : list of str
        What the log or the header does not say.
    """
    entries = read_nightlog(path)
    start, duration = header.get("UTC"), header.get("EXPTIME")
    if isinstance(start, bool) or not isinstance(start, (int, float)):
        start = _time_of_day(header)
    if start is None or isinstance(duration, bool) or not isinstance(duration, (int, float)):
        msg = "the header has no UTC and EXPTIME that the night log could be compared with"
        raise AweValueError(msg)
    begin, end = seconds_of_night(start), seconds_of_night(start + duration)
    # An exposure over noon would end before it began.
    end = max(begin, end)
    values, problems = {}, []
    for name, when in (("start", begin), ("end", end)):
        entry = condition_at(entries, when)
        if entry is None:
            problems.append(f"no entry before the {name} of the exposure")
        values[f"sky_condition_{name}_time"] = None if entry is None else entry.time
        values[f"sky_condition_{name}"] = None if entry is None else entry.condition
        values[f"sky_comment_{name}"] = None if entry is None else entry.comment
    return values, problems


def _time_of_day(header):
    try:
        when = to_utc(header.get("DATE-OBS"))
    except AweError:
        return None
    return when.hour * 3600 + when.minute * 60 + when.second + when.microsecond / 1e6


def _reason(err, path):
    """Give the reason without the path, which is told beside it."""
    return str(err).splitlines()[0].replace(f"{path} is ", "").replace(f"{path}: ", "").rstrip(".")


READERS = {
    "single": _read_single,
    "raw": _read_raw,
    "prm": _read_prm,
    "psf": _read_psf,
    "catalog": _read_catalog,
    "raman": _read_raman,
}
