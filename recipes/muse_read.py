"""What the files of a MUSE exposure say: each kind as attributes of the exposure."""

import numpy as np
from awe.recipes.muse_nightlog import condition_at, read_nightlog, seconds_of_night

from awe.base.errors import AweError, AweValueError
from awe.base.utc import to_utc
from awe.fits import FitsError, HeaderText, TableBytes, read_parts
from awe.model.sources import SourcesKind, join_sources
from awe.store.kinds_child import TableKind

__all__ = [
    "READERS",
    "TABLES",
    "UnidentifiedError",
    "identity",
    "primary_header",
    "read_sky",
    "reason_unread",
    "start_of",
]

TABLES = ("SGS_DATA", "AG_DATA", "ASM_DATA", "SPARTA_ATM_DATA", "SPARTA_CN2_DATA")
_METRES = 1e9


class UnidentifiedError(AweValueError):
    """Headers do not say what an exposure must have."""


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
    UnidentifiedError
        None of the headers says one of them.
    """
    rules = (
        ("target", "OBJECT", _is_text), ("obs_id", "ESO OBS ID", _is_count),
        ("ins_mode", "ESO INS MODE", _is_text), ("EXPTIME", "EXPTIME", _is_number),
    )  # fmt: skip
    found, lacking = {}, []
    for name, key, is_usable in rules:
        values = [h.get(key) for h in headers]
        usable = [v for v in values if is_usable(v)]
        if usable:
            found[name] = float(usable[0]) if name == "EXPTIME" else usable[0]
            if usable[0] is not values[0]:
                lacking.append(key)
        elif name != "EXPTIME":
            msg = f"No header of the exposure has a usable {key}, which a MUSE exposure needs."
            raise UnidentifiedError(msg)
    return found, lacking


def _is_text(value):
    return isinstance(value, str) and value.strip() != ""


def _is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_count(value):
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 32


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
                    table = TableBytes(text, content)
                    table.check()
                    data[hdu.name] = table
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
    if not all(map(_is_number, values)) or values[2] < 1:
        return None
    first, step, count = values
    with np.errstate(over="ignore"):
        found = (float(first) + np.arange(int(count)) * float(step)) * _METRES
    return found if np.isfinite(found).all() else None


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
    """Read a catalogue of detections; columns that the store cannot keep are left out."""
    from astropy.table import Table

    try:
        table = Table.read(path, format="ascii.ecsv")
    except (ValueError, TypeError, KeyError, IndexError, UnicodeDecodeError) as err:
        msg = f"it is no table in the form ECSV ({' '.join(str(err).split())[:80]})"
        raise AweValueError(msg) from err
    problems, kind = [], TableKind()
    try:
        kind.coerce(Table(meta=table.meta), "it")
    except AweError:
        problems.append("its remarks cannot be stored")
        table.meta.clear()
    for name in table.colnames:
        try:
            kind.coerce({name: table[name]}, "it")
        except AweError as err:
            problems.append(_reason(err, path).removeprefix("it: "))
            table.remove_column(name)
    return {"pampelmuse_catalog": table}, problems


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
    if not _is_number(start):
        start = _time_of_day(header)
    if start is None or not _is_number(duration):
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


def reason_unread(err, path):
    """Give the reason why the system did not let a file be read.

    Parameters
    ----------
    err : OSError
        The error.
    path : str
        The file, which is told beside it.

    Returns
    -------
    str
        Such as 'Permission denied'.
    """
    return err.strerror or _reason(err, path).removeprefix(f"{path} cannot be read: ")


READERS = {
    "single": _read_single,
    "raw": _read_raw,
    "prm": _read_prm,
    "psf": _read_psf,
    "catalog": _read_catalog,
    "raman": _read_raman,
}
