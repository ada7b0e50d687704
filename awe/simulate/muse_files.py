"""Files of a MUSE exposure as bytes: raw file, cube, PSF fits, catalogue, Raman image, log."""

import functools
import io

import numpy as np

__all__ = ["catalog", "cube", "nightlog", "prm", "psf", "raman", "raw"]

_BLOCK = 2880
# The golden exposure: its constants are those by which the formulas are checked.
_GLF, _TAU0, _ROWS = 0.7, 0.004, 5
_STREHL = 0.1
_LAST = "-" * 51


def _card(key, value):
    """Give a card of 80 characters; a long keyword is one of ESO's."""
    if isinstance(value, bool):
        text = "T" if value else "F"
    elif isinstance(value, str):
        text = "'" + value.replace("'", "''").ljust(8) + "'"
    else:
        text = repr(value).upper()
    if len(key) > 8 or " " in key:
        card = f"HIERARCH {key} = {text}"
    else:
        card = f"{key:<8}= {text:>20}" if text[0] != "'" else f"{key:<8}= {text}"
    return card.ljust(80)[:80]


def _hdu(cards, data=b"", fill=b"\0"):
    text = "".join(_card(*card) if isinstance(card, tuple) else card for card in cards)
    text += "END".ljust(80)
    size = -(-len(text) // _BLOCK) * _BLOCK
    padded = -(-len(data) // _BLOCK) * _BLOCK
    return text.ljust(size).encode("ascii") + data.ljust(padded, fill)


def _primary(cards):
    return [("SIMPLE", True), ("BITPIX", 8), ("NAXIS", 0), ("EXTEND", True), *cards]


def _image(name, shape, data, cards=(), bitpix=-32):
    axes = [(f"NAXIS{i}", n) for i, n in enumerate(reversed(shape), 1)]
    head = [("XTENSION", "IMAGE"), ("BITPIX", bitpix), ("NAXIS", len(shape)), *axes,
            ("PCOUNT", 0), ("GCOUNT", 1), ("EXTNAME", name), *cards]  # fmt: skip
    return _hdu(head, data)


_FORMS = {"f4": "E", "f8": "D", "i4": "J", "i8": "K", "b1": "L", "u1": "B", "i2": "I"}


def _table(name, columns, units=None):
    """Give a binary table of columns of equal length."""
    fields, cards = [], []
    for number, (key, values) in enumerate(columns.items(), 1):
        values = np.asarray(values)
        repeat = values.shape[1] if values.ndim > 1 else 1
        if values.dtype.kind == "U":
            width = max(1, values.dtype.itemsize // 4)
            form, field = f"{width}A", (key, f"S{width}")
        else:
            form = f"{repeat}{_FORMS[values.dtype.str[1:]]}"
            field = (key, values.dtype.newbyteorder(">").str, (repeat,) if repeat > 1 else ())
        fields.append(field)
        cards += [(f"TTYPE{number}", key), (f"TFORM{number}", form)]
        if units and key in units:
            cards.append((f"TUNIT{number}", units[key]))
    count = len(next(iter(columns.values())))
    rows = np.zeros(count, np.dtype(fields))
    for key, values in columns.items():
        values = np.asarray(values)
        rows[key] = np.char.encode(values, "ascii") if values.dtype.kind == "U" else values
    head = [("XTENSION", "BINTABLE"), ("BITPIX", 8), ("NAXIS", 2), ("NAXIS1", rows.itemsize),
            ("NAXIS2", count), ("PCOUNT", 0), ("GCOUNT", 1), ("TFIELDS", len(columns)),
            *cards, ("EXTNAME", name)]  # fmt: skip
    return _hdu(head, rows.tobytes())


@functools.cache
def _packed_image():
    """Give header cards and data of a small tile-compressed image."""
    from astropy.io import fits

    stream = io.BytesIO()
    pixels = (np.arange(32 * 32) % 251).astype(np.int16).reshape(32, 32)
    fits.HDUList([fits.PrimaryHDU(), fits.CompImageHDU(pixels, name="CHAN")]).writeto(stream)
    with fits.open(io.BytesIO(stream.getvalue()), disable_image_compression=True) as hdus:
        header = hdus[1].header
        cards = [str(c) for c in header.cards if c.keyword not in ("EXTNAME", "")]
        start = hdus[1].fileinfo()["datLoc"]
        size = header["NAXIS1"] * header["NAXIS2"] + header["PCOUNT"]
    return cards, stream.getvalue()[start : start + size]


@functools.cache
def _filler(prefix, count):
    """Give cards that only fill a header, as hundreds of real ones do."""
    kinds = ("value of %d", 7, 1.2345, True)
    made = []
    for i in range(count):
        value = kinds[i % 4]
        made.append(_card(f"ESO {prefix} PAR{i}", value % i if i % 4 == 0 else value))
    return tuple(made)


def header_cards(exposure, extra=0):
    """Give the cards that raw file and cube have in common.

    Parameters
    ----------
    exposure : MuseExposure
        The exposure.
    extra : int, optional
        How many cards without a meaning to add. The default is 0.

    Returns
    -------
    list
        Pairs of keyword and value, and whole cards.
    """
    start = exposure.observation_time
    seconds = start.hour * 3600 + start.minute * 60 + start.second + start.microsecond / 1e6
    cards = [
        ("ORIGIN", "ESO-PARANAL"), ("TELESCOP", "ESO-VLT-U4"), ("INSTRUME", "MUSE"),
        ("RA", 221.0), ("DEC", 19.1), ("EXPTIME", exposure.exptime),
        ("DATE-OBS", start.isoformat(timespec="milliseconds")), ("UTC", seconds),
        ("OBJECT", exposure.target),
        ("ESO OBS ID", exposure.obs_id), ("ESO OBS TARG NAME", exposure.target),
        ("ESO INS MODE", exposure.ins_mode),
        ("ESO TEL AIRM START", 1.1), ("ESO TEL AIRM END", 1.3),
        ("ESO TEL AMBI FWHM START", round(0.8 + exposure.worse, 4)),
        ("ESO TEL AMBI FWHM END", round(1.0 + exposure.worse, 4)),
        ("ESO TEL AMBI TAU0", _TAU0),
    ]  # fmt: skip
    if "-AO-" in exposure.ins_mode:
        cards += [("ESO OCS SGS ASM GL900 AVG", _GLF), ("ESO AOS TT LOOP ST", False)]
        cards += [(f"ESO LGS{i} LASR{i} SWSIM", False) for i in range(1, 5)]
        if exposure.ins_mode.startswith("NFM"):
            cards.append(("ESO AOS NGS1 FLUX", 120.5))
    return [*cards, *_filler("GEN", extra)]


def raw(exposure, size):
    """Give a raw file.

    Parameters
    ----------
    exposure : MuseExposure
        The exposure.
    size : MuseSize
        How many cards and rows.

    Returns
    -------
    bytes
        24 tile-compressed channels, and with adaptive optics the tables.
    """
    cards = [("ESO DPR CATG", "SCIENCE"), ("ESO DPR TYPE", "OBJECT")]
    parts = [_hdu(_primary([*header_cards(exposure, size.header_cards), *cards]))]
    image, data = _packed_image()
    for number in range(1, size.channels + 1):
        name = ("EXTNAME", f"CHAN{number:02d}")
        parts.append(_hdu([*image, name, ("ESO DET CHIP INDEX", number),
                           *_filler(f"DET CHIP{number}", size.channel_cards)], data))  # fmt: skip
    if "-AO-" in exposure.ins_mode:
        parts += _adaptive_tables(exposure)
    parts.append(_table("ASM_DATA", {
        "TIME_STAMP": np.arange(_ROWS) * 60.0,
        "DIMM_SEEING": np.linspace(0.8, 1.0, _ROWS) + exposure.worse,
        "MASS_FRACGL": np.full(_ROWS, _GLF), "AIRMASS": np.linspace(1.1, 1.3, _ROWS),
    }, {"DIMM_SEEING": "arcsec"}))  # fmt: skip
    return b"".join(parts)


def _adaptive_tables(exposure):
    time = np.arange(_ROWS) * 120 + 1_559_260_800
    atm = {"Sec": time.astype(np.int32), "USec": np.zeros(_ROWS, np.int32)}
    steps = np.linspace(-0.01, 0.01, _ROWS)
    for i in range(1, 5):
        values = {
            "R0": 0.12 + 0.01 * i, "L0": 18.0 + i, "SEEING": 0.9, "FWHM_GAIN": 1.0,
            "TURVAR_RES": 0.1, "TURVAR_TOT": 1.0, "TUR_ALT": 0.4 - 0.02 * i,
            "TUR_GND": 0.6 + 0.02 * i, "SLOPERMSX": 0.2, "SLOPERMSY": 0.2,
        }  # fmt: skip
        atm.update({f"LGS{i}_{key}": np.full(_ROWS, value) for key, value in values.items()})
        atm[f"LGS{i}_STREHL"] = _STREHL * i + steps
    cn2 = {"Sec": time.astype(np.int32), "L0Tot": np.full(_ROWS, 20.0)}
    cn2["r0Tot"] = np.full(_ROWS, 0.14)
    cn2["seeingTot"] = np.full(_ROWS, 0.9 + exposure.worse)
    for i in range(1, 9):
        cn2[f"CN2_FRAC_ALT{i}"] = np.full(_ROWS, 1 / 8)
        cn2[f"ALT{i}"] = np.full(_ROWS, 2000.0 * (i - 1))
    guide = {"TIME": time.astype(float), "FLUX": np.full(_ROWS, 1000.0)}
    return [
        _table("SGS_DATA", {**guide, "FWHM": np.full(_ROWS, 0.6)}, {"FWHM": "arcsec"}),
        _table("AG_DATA", guide),
        _table("SPARTA_ATM_DATA", atm, {"LGS1_R0": "m"}),
        _table("SPARTA_CN2_DATA", cn2),
    ]


def cube(exposure, size):
    """Give a reduced cube, of very few pixels.

    Parameters
    ----------
    exposure : MuseExposure
        The exposure.
    size : MuseSize
        How many cards.

    Returns
    -------
    bytes
        Primary header, DATA and STAT.
    """
    cards = [("ESO PRO CATG", "DATACUBE_FINAL")]
    if exposure.has_provenance:
        cards.append(("PROV1", exposure.raw_name.removesuffix(".fz")))
    head = _primary([*header_cards(exposure, size.header_cards), *cards])
    pixels = np.zeros((3, 4, 4), ">f4").tobytes()
    wave = [("CTYPE3", "AWAV"), ("CRVAL3", 4750.0), ("CD3_3", 1.25), ("CRPIX3", 1.0)]
    return _hdu(head) + _image("DATA", (3, 4, 4), pixels, wave) + _image("STAT", (3, 4, 4), pixels)


def prm(exposure, size, model="moffat"):
    """Give the PSF parameters along wavelength, as PampelMuse writes them.

    Parameters
    ----------
    exposure : MuseExposure
        The exposure.
    size : MuseSize
        How many wavelengths.
    model : str, optional
        'moffat' or 'maoppy'. The default is 'moffat'.

    Returns
    -------
    bytes
        PRIMARY, SOURCES, SPECTRA, POSPARS, POSITIONS and PSFPARS.
    """
    count = size.wavelengths
    line = np.linspace(0.0, 1.0, count)
    if model == "moffat":
        values = {"fwhm": 4.0 - line, "beta": 2.5 - 0.3 * line, "e": 0.05 + 0 * line,
                  "theta": 0.1 + 0 * line}  # fmt: skip
    else:
        values = {"r0": 0.15 + 0.05 * line, "bck": 1e-5 + 0 * line, "amp": 1.5 - line,
                  "alpha": 0.05 + 0 * line, "beta": 1.6 + 0 * line}  # fmt: skip
    if exposure.flaw == "prm with NaN":
        values["beta"] = np.full(count, np.nan)
    names = np.array(list(values))
    ids = np.array(exposure.sources, np.int32)
    spectra = np.zeros((2, count), ">f4").tobytes()
    # PampelMuse counts the wavelength as third axis of a cube of spectra.
    axis = [("CRVAL3", 475e-9), ("CDELT3", 0.125e-9), ("CRPIX3", 1.0)]
    parts = [
        _hdu(_primary([("ESO MODEL", model)])),
        _table("SOURCES", {"ID": ids, "status": np.full(len(ids), 3, np.int32)}),
        _image("SPECTRA", (count, 1, 2), spectra, axis),
        _table("POSPARS", {"name": np.array(["A"]), "polyfit": np.ones((1, 3))}),
        _table("POSITIONS", {"name": np.array(["x0"]), "polyfit": np.ones((1, 3))}),
    ]
    if exposure.flaw != "prm without PSFPARS":
        parts.append(_table("PSFPARS", {"name": names, "polyfit": np.array(list(values.values()))}))
    return b"".join(parts)


def psf(exposure, size):
    """Give the fits of the single PSF stars, as PampelMuse writes them.

    Parameters
    ----------
    exposure : MuseExposure
        The exposure.
    size : MuseSize
        How many layers.

    Returns
    -------
    bytes
        A table PM_<id> and a radial profile PR_<id> for each source.
    """
    parts = [_hdu(_primary([("ESO MODEL", "psf")]))]
    line = np.linspace(0.0, 1.0, size.layers)
    for number in exposure.sources if exposure.flaw != "psf without sources" else ():
        columns = {"snr": 50 + number + line, "flux": 1000.0 + line, "fwhm": 4.0 - line,
                   "beta": 2.5 - 0.3 * line, "xc": 10.0 + line, "yc": 20.0 + line}  # fmt: skip
        parts.append(_table(f"PM_{number}", columns))
        parts.append(_table(f"PR_{number}", {"r": np.arange(4.0), "value": np.ones(4)}))
    return b"".join(parts)


def catalog(exposure):
    """Give the catalogue of detections.

    Parameters
    ----------
    exposure : MuseExposure
        The exposure.

    Returns
    -------
    bytes
        A table in the form ECSV.
    """
    names = ("id", "x", "y", "mag")
    kinds = ("int64", "float64", "float64", "float64")
    lines = ["# %ECSV 0.9", "# ---", "# datatype:"]
    lines += [f"# - {{name: {n}, datatype: {k}}}" for n, k in zip(names, kinds, strict=True)]
    lines += ["# schema: astropy-2.0", " ".join(names)]
    lines += [f"{n} {10.0 + n} {20.0 + n} {17.5}" for n in exposure.sources]
    return ("\n".join(lines) + "\n").encode()


def raman(exposure):
    """Give a Raman image.

    Parameters
    ----------
    exposure : MuseExposure
        The exposure.

    Returns
    -------
    bytes
        A FITS file of which the primary header counts.
    """
    return _hdu(_primary([*header_cards(exposure), ("ESO PRO CATG", "RAMAN_IMAGES")]))


def nightlog(entries):
    """Give a night log.

    Parameters
    ----------
    entries : iterable of (str, str, str)
        Time as HH:MM, sky condition, comment.

    Returns
    -------
    bytes
        Ten lines of a head, the entries, a line of dashes, and what comes after it.
    """
    head = ["ESO night log", "", "Grade: A", "Target: T", "OB: 1", "Container: 0", "Run: 60.A-1",
            "", "Sky conditions", "Time\tCondition\tComment"]  # fmt: skip
    rows = ["\t".join(entry) for entry in entries]
    return "\n".join([*head, *rows, _LAST, "12:00\tXXX\tnot of the log", ""]).encode()
