"""Exposures with adaptive optics at a glance: header, seeing, Strehl ratios, PSF parameters."""

import textwrap

import numpy as np

__all__ = ["exposure_figure", "takes"]

_SIZE = (13.0, 8.6)
_LASERS = ("#1f5fa8", "#d2691e", "#2e8b57", "#8b3a8b")
_GREY, _RED = "#666666", "#b3261e"
_NOTCH = (576.0, 605.0)
_FIRST = ("fwhm", "beta", "e", "theta")
_UNITS = {"fwhm": "FWHM [spaxel]", "e": "ellipticity", "theta": "theta [rad]"}
# Within this of the exposure, times in a table are taken for absolute ones.
_AROUND = 600.0
_MOST = 6


def takes(obj):
    """Tell whether an object is looked at as an exposure with adaptive optics.

    Parameters
    ----------
    obj : object
        What shall be shown.

    Returns
    -------
    bool
        True for an exposure with a header, tables or PSF parameters and no frames, and for what
        was made from one.
    """
    exposure = _exposure_of(obj)
    if not hasattr(type(exposure), "pampelmuse_params") or exposure.frames:
        return False
    names = ("datacube_header", "raw_exposure_header", "raw_exposure_data", "pampelmuse_params")
    return any(getattr(exposure, name) for name in names)


def _exposure_of(obj):
    return obj.exposure if hasattr(type(obj), "sparta_iq_data") else obj


def exposure_figure(obj, where):
    """Make the figure of an exposure, or of what was made from it.

    Parameters
    ----------
    obj : Exposure or ProcessedExposure
        What to show; with an exposure goes its `processed_exposure`.
    where : str
        As `awe.view.inspect_screen.screen` says.

    Returns
    -------
    matplotlib.figure.Figure
        Header summary, seeing and Strehl ratios over the exposure, PSF parameters against
        wavelength.
    """
    from awe.view.inspect_screen import new_figure

    exposure = _exposure_of(obj)
    processed = exposure.processed_exposure if exposure is obj else obj
    figure = new_figure(where, _SIZE, repr(obj))
    figure.set_layout_engine("constrained")
    figure.suptitle(_title(exposure), fontsize=11, x=0.01, ha="left")
    left, right = figure.subfigures(1, 2, width_ratios=[1, 2.6])
    left.text(0.03, 0.97, _summary(exposure, processed), va="top", family="monospace", fontsize=7.5)
    over, against = right.subfigures(2, 1, height_ratios=[1, 1.25])
    data = exposure.raw_exposure_data or {}
    seeing, strehl = over.subplots(1, 2)
    _draw_seeing(seeing, exposure, data)
    _draw_strehl(strehl, exposure, data)
    _draw_psf(against, exposure, processed)
    return figure


def _title(exposure):
    target = "" if exposure.target is None else exposure.target.target_name
    when = exposure.observation_time.isoformat(sep=" ", timespec="milliseconds")
    words = (target, exposure.instrument.name, exposure.ins_mode, f"{when} UTC")
    return "   ".join(w for w in words if w)


# --- words ---


def _summary(exposure, processed):
    """Give what header, sky and processing say, a line each."""
    lines = ["Exposure", f"  object_id    {exposure.object_id[-8:]}"]
    for label, name, unit in (
        ("block", "obs_id", ""), ("time", "EXPTIME", " s"), ("seeing", "seeing", '"'),
        ("airmass", "airmass", ""), ("tau0", "tau0", " s"), ("ground layer", "glf", ""),
        ("guide star", "ngs_flux", ""),
    ):  # fmt: skip
        lines.append(f"  {label:<13}{_text(getattr(exposure, name), unit)}")
    sources = exposure.sources
    count = None if sources is None else len(np.unique(np.asarray(sources["source_id"])))
    lines.append(f"  {'sources':<13}{_text(count)}")
    lines += _sky(exposure)
    lines += _processed(processed)
    if exposure.problems:
        lines += ["", "Missing or unreadable"]
        lines += [f"  {line}" for p in exposure.problems[:_MOST] for line in _wrapped(p)]
    lines += ["", "Files"]
    names = [exposure.raw_exposure_filename, exposure.prm_filename]
    lines += [f"  {line}" for n in names if n for line in _wrapped(n)] or ["  -"]
    return "\n".join(lines)


def _sky(exposure):
    """Give the sky conditions of the night log."""
    start = (exposure.sky_condition_start, exposure.sky_comment_start)
    end = (exposure.sky_condition_end, exposure.sky_comment_end)
    words = [" ".join(w for w in pair if w) or "-" for pair in (start, end)]
    lines = ["", "Sky"]
    for label, text in zip(("before", "at the end"), words, strict=True):
        first, *more = textwrap.wrap(text, 26)
        lines += [f"  {label:<13}{first}", *(f"{'':<15}{line}" for line in more)]
    return lines


def _processed(processed):
    """Give the numbers of a processed exposure."""
    if processed is None:
        return ["", "Processed", "  not yet: ProcessExposureTask"]
    lines = ["", f"Processed ({processed.process_params.MODE})"
             if processed.process_params else "Processed"]  # fmt: skip
    for label, name, unit in (
        ("seeing, line", "seeing_los", '"'), ("IQ 500 nm", "sparta_iq_los_500nm", '"'),
        ("  no gain", "sparta_iq_los_500nm_nogain", '"'), ("tip-tilt free", "ttfree", ""),
        ("degraded", "degraded", ""),
    ):  # fmt: skip
        lines.append(f"  {label:<14}{_text(getattr(processed, name), unit)}")
    for reason in processed.steps_not_done[:_MOST]:
        lines += [f"  {line}" for line in _wrapped(reason)]
    return lines


def _text(value, unit=""):
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.4g}{unit}" if isinstance(value, float) else f"{value}{unit}"


def _wrapped(text):
    return textwrap.wrap(text, 38, subsequent_indent="  ")


# --- over the exposure ---


def _draw_seeing(axes, exposure, data):
    """Draw the seeing that monitor and lasers saw."""
    drawn = _draw_columns(axes, exposure, data.get("ASM_DATA"), {"DIMM_SEEING": (_GREY, "DIMM")})
    lasers = {f"LGS{i}_SEEING": (_LASERS[i - 1], f"laser {i}") for i in range(1, 5)}
    drawn |= _draw_columns(axes, exposure, data.get("SPARTA_ATM_DATA"), lasers)
    if exposure.seeing is not None:
        axes.axhline(exposure.seeing, color=_RED, lw=0.9, ls="--", label="header, mean")
        drawn = True
    _finish(axes, "seeing [arcsec]", drawn, "no seeing: neither ASM_DATA nor header")


def _draw_strehl(axes, exposure, data):
    """Draw the Strehl ratio of each laser."""
    lasers = {f"LGS{i}_STREHL": (_LASERS[i - 1], f"laser {i}") for i in range(1, 5)}
    drawn = _draw_columns(axes, exposure, data.get("SPARTA_ATM_DATA"), lasers)
    _finish(axes, "Strehl ratio", drawn, "no SPARTA_ATM_DATA")


def _draw_columns(axes, exposure, table, columns):
    """Draw columns of a table against time; tell whether there was any."""
    if table is None:
        return False
    names = getattr(table, "colnames", table)
    minutes, drawn = _minutes(exposure, table, names), False
    for name, (colour, label) in columns.items():
        values = _numbers(table[name]) if name in names else None
        if values is None or len(values) != len(minutes) or not np.isfinite(values).any():
            continue
        axes.plot(minutes, values, "o-", ms=3, lw=1, color=colour, label=label)
        drawn = True
    return drawn


def _minutes(exposure, table, names):
    """Give the times of rows in minutes since the exposure began, or else since the first row."""
    for name in ("Sec", "TIME_STAMP"):
        seconds = _numbers(table[name]) if name in names else None
        if seconds is not None and len(seconds) and np.isfinite(seconds).all():
            break
    else:
        return np.arange(len(table[next(iter(names))]), dtype=float)
    if name == "Sec" and "USec" in names:
        micro = _numbers(table["USec"])
        seconds = seconds if micro is None else seconds + micro * 1e-6
    began = np.datetime64(exposure.observation_time, "us").astype(np.int64) / 1e6
    since = seconds - began
    inside = (since > -_AROUND) & (since < (exposure.EXPTIME or 0.0) + _AROUND)
    return (since if inside.all() else seconds - seconds[0]) / 60.0


def _numbers(values):
    """Give a column as numbers; None where it holds none."""
    array = np.ma.filled(np.ma.asarray(values).astype(float), np.nan) if (
        np.asarray(values).dtype.kind in "iuf") else None  # fmt: skip
    return None if array is None or array.ndim != 1 else array


def _finish(axes, label, drawn, otherwise):
    if not drawn:
        _empty(axes, otherwise)
        return
    axes.set_xlabel("minutes since the exposure, or the table, began", fontsize=8)
    axes.set_ylabel(label, fontsize=8)
    low, high = axes.get_ylim()
    axes.set_ylim(low, high + 0.28 * (high - low))
    axes.legend(fontsize=7, ncols=3, frameon=False, loc="upper left")
    axes.tick_params(labelsize=7)


def _empty(axes, words):
    axes.text(0.5, 0.5, words, ha="center", va="center", transform=axes.transAxes, fontsize=8,
              color=_GREY)  # fmt: skip
    axes.set_xticks([])
    axes.set_yticks([])


# --- against wavelength ---


def _draw_psf(figure, exposure, processed):
    """Draw each PSF parameter against wavelength, with the means of the windows."""
    psf = exposure.pampelmuse_params or {}
    known = [n for n in (*_FIRST, *psf) if n in psf and n != "wavelength"]
    names = list(dict.fromkeys(known))[:_MOST]
    wavelength = None if "wavelength" not in psf else _numbers(psf["wavelength"])
    if not names or wavelength is None:
        axes = figure.subplots()
        _empty(axes, "no PSF parameters")
        return
    columns = 1 if len(names) == 1 else 2 if len(names) <= 4 else 3
    grid = figure.subplots(-(-len(names) // columns), columns, squeeze=False).ravel()
    windows = None if processed is None else processed.psf_params
    for axes, name in zip(grid, names, strict=False):
        _draw_parameter(axes, name, wavelength, psf[name], windows, _notch(processed))
    for axes in grid[len(names) :]:
        axes.set_visible(False)
    for axes in grid[max(0, len(names) - columns) : len(names)]:
        axes.set_xlabel("wavelength [nm]", fontsize=8)


def _notch(processed):
    if processed is None or processed.process_params is None:
        return _NOTCH
    return processed.process_params.NOTCH_START, processed.process_params.NOTCH_END


def _draw_parameter(axes, name, wavelength, values, windows, notch):
    values = _numbers(values)
    axes.set_ylabel(_UNITS.get(name, name), fontsize=8)
    axes.tick_params(labelsize=7)
    if values is None or values.shape != wavelength.shape or not np.isfinite(values).any():
        _empty(axes, f"{name} is not as long as wavelength, or holds no numbers")
        return
    axes.plot(wavelength, values, color=_LASERS[0], lw=1, label="PSF fit")
    if windows is not None and f"{name}_means" in windows.colnames:
        axes.plot(windows["wavelength"], windows[f"{name}_means"], "o", ms=4, mfc="none",
                  color=_RED, label="windows")  # fmt: skip
    if wavelength.min() < notch[1] and wavelength.max() > notch[0]:
        axes.axvspan(*notch, color="#f2c14e", alpha=0.35, lw=0, label="laser")
    spread = float(np.nanmax(values) - np.nanmin(values))
    if spread < 1e-6 * max(abs(float(np.nanmax(values))), 1e-12):
        middle = float(np.nanmean(values))
        half = 0.1 * abs(middle) or 0.1
        axes.set_ylim(middle - half, middle + half)
    axes.legend(fontsize=6.5, frameon=False, loc="best")
