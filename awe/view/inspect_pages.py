"""What the panel shows of a calibration or a reduced frame by itself."""

import warnings

import numpy as np

from awe.base.errors import AweError
from awe.view.inspect_pixels import halved, limits
from awe.view.inspect_plots import draw_histogram, label_axes, scale_of, values_of
from awe.view.inspect_sources import light_sensitive, value_at

__all__ = ["noise_of_rows_and_columns", "page_of", "plain_page", "seeing_map"]

_LINE = {"color": "#1f5fa8", "lw": 0.7}
_CELLS_LONG, _CELLS_SHORT = 4, 2
_SIDE = 400


def page_of(obj):
    """Give what draws the page of an object.

    Parameters
    ----------
    obj : DBObject
        What is shown.

    Returns
    -------
    callable or None
        It takes the window; None for an object without a page.
    """
    pages = {
        "BiasFrame": _bias, "RawBiasFrame": _bias, "DarkFrame": _bias, "RawDarkFrame": _bias,
        "BaseFlatFrame": _flat, "RawFlatFrame": _flat, "ReducedScienceFrame": _reduced,
    }  # fmt: skip
    for cls in type(obj).__mro__:
        if cls.__name__ in pages:
            page = pages[cls.__name__]
            return lambda window: page(window, obj)
    return None


def plain_page(window):
    """Draw the histogram: the page of what has no other."""
    view = window.views[0]
    (axes,) = window.panel()
    try:
        draw_histogram(axes, view.data)
    except AweError as err:
        _empty(axes, " ".join(str(err).split()))
        return
    label_axes(axes, values_of(view), "pixels", "histogram; ? lists the keys")


# --- biases ---


def _bias(window, obj):
    """Draw the structure, and the read noise of each row and column."""
    view = window.views[0]
    data = view.data
    median = np.median if np.isfinite(data).all() else np.nanmedian
    with warnings.catch_warnings():
        # A row or column without a finite pixel is a gap in its line.
        warnings.filterwarnings("ignore", "All-NaN slice", RuntimeWarning)
        noise = noise_of_rows_and_columns(obj, data)
        structure = [median(data, axis=1), median(np.ascontiguousarray(data.T), axis=1)]
        middles = [np.nanmedian(values) for values in noise[:2]]
    plots = window.panel(4, 1, space=0.75)
    for axes, values, name in zip(plots[:2], structure, ("row", "column"), strict=True):
        _line(axes, values, f"structure: median of each {name} [{view.source.unit}]", name)
    for axes, values, name, middle in zip(plots[2:], noise[:2], ("row", "column"), middles,
                                          strict=True):  # fmt: skip
        words = f"{noise[2]} of each {name} [{view.source.unit}], median {middle:.3g}"
        _line(axes, values, words, name)
    window.measured = {"row_noise": noise[0], "column_noise": noise[1]}


def noise_of_rows_and_columns(obj, data):
    """Give the read noise of each row and of each column.

    Parameters
    ----------
    obj : DBObject
        A bias: of one made from two or more raw biases the difference of the first two counts,
        whose noise is divided by the square root of 2; of any other its own scatter.
    data : numpy.ndarray
        Its pixels, (ny, nx).

    Returns
    -------
    rows, columns : numpy.ndarray
        Standard deviations, values further than 5 from the median left out.
    name : str
        What they are.
    """
    pair = _first_two(obj)
    if pair is None:
        rest, factor, name = data - np.float32(np.nanmedian(data)), 1.0, "scatter"
    else:
        rest, factor, name = pair[0] - pair[1], np.sqrt(0.5), "read noise"
        rest -= np.float32(np.median(rest[::7, ::5]))
    sample = rest[::7, ::5]
    spread = 1.4826 * np.nanmedian(np.abs(sample - np.nanmedian(sample)))
    good = np.abs(rest) < 5 * spread if spread > 0 else np.isfinite(rest)
    rest[~good] = 0
    return (*(factor * _scatter(rest, good, axis) for axis in (1, 0)), name)


def _scatter(values, good, axis):
    """Give standard deviations along an axis; values that are not good are 0."""
    count = np.count_nonzero(good, axis=axis)
    square = np.einsum("ij,ij->i" if axis else "ij,ij->j", values, values, dtype=np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = values.sum(axis=axis, dtype=np.float64) / count
        return np.sqrt(np.maximum(square / count - mean**2, 0.0))


def _first_two(obj):
    """Give two raw biases without pre- and overscan, or None where there are not two."""
    raws = value_at(obj, "raw_bias_frames") or ()
    if len(raws) < 2:
        return None
    from awe.pixels import assemble

    try:
        return [assemble([a[:] for a in raw.arrays()], raw.pixel_amplifiers()) for raw in raws[:2]]
    except AweError:
        # The raw files may be gone while the bias is still there to be seen.
        return None


def _line(axes, values, title, name):
    axes.plot(np.arange(len(values)), values, **_LINE)
    good = values[np.isfinite(values)]
    if good.size:
        low, high = np.percentile(good, [0.5, 99.5])
        margin = 0.3 * (high - low) or max(abs(low) * 1e-3, 1e-3)
        axes.set_ylim(low - margin, high + margin)
    axes.set_title(title, fontsize=8.5, y=1.0)
    axes.set_xlim(0, max(len(values) - 1, 1))
    axes.tick_params(labelsize=7)
    axes.set_xlabel(f"{name} [pixel]", fontsize=7)
    axes.xaxis.set_label_coords(0.5, -0.2)


# --- flats ---


def _flat(window, obj):
    """Draw the histogram, and the ratio to the previous flat."""
    view = window.views[0]
    data = light_sensitive(obj, view.data)
    above, below = window.panel(2, 1)
    try:
        draw_histogram(above, data)
    except AweError as err:
        above.set_title(str(err), fontsize=8)
    above.set_title(f"histogram [{view.source.unit}]" if view.source.unit else "histogram",
                    fontsize=8.5, y=1.0)  # fmt: skip
    previous = _previous(obj)
    if previous is None:
        _empty(below, "There is no previous flat to divide by.")
        return
    try:
        other = light_sensitive(previous, np.asarray(previous.data))
    except AweError as err:
        _empty(below, " ".join(str(err).split()))
        return
    if other.shape != data.shape:
        _empty(below, f"The previous flat has another shape: {other.shape}.")
        return
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = data / other
    good = ratio[np.isfinite(ratio)]
    if not good.size:
        _empty(below, "No pixel has a ratio to the previous flat.")
        return
    middle = np.median(good)
    spread = 1.4826 * np.median(np.abs(good - middle))
    _picture(window, below, ratio)
    when = value_at(previous, "DATE_OBS") or previous.creation_date
    words = f"ratio to the previous flat ({when:%Y-%m-%d %H:%M:%S})"
    words += f"\nmedian {middle:.5f}, robust std {spread:.2g}"
    below.set_title(words, fontsize=8.5, y=1.0)
    window.measured = {"ratio": float(middle), "spread": float(spread)}


def _previous(obj):
    """Give the flat that one was compared with, or the raw flat that was taken before it."""
    if value_at(obj, "DATE_OBS") is None:
        return value_at(obj, "prev")
    cls = type(obj)
    before = (cls.chip == obj.chip) & (cls.filter == obj.filter) & (cls.DATE_OBS < obj.DATE_OBS)
    return (before & (cls.NAXIS1 == obj.NAXIS1) & (cls.NAXIS2 == obj.NAXIS2)).max("DATE_OBS")


# --- reduced frames ---


def _reduced(window, obj):
    """Draw the background, and a map of the seeing."""
    from awe.pixels.sources import background, source_mask

    view = window.views[0]
    data = view.data
    bad = _without_weight(obj, data)
    left, right = window.panel(2, 1)
    try:
        behind = background(data, bad, cell=_cell(data.shape))
    except AweError as err:
        _empty(left, " ".join(str(err).split()))
        _empty(right, "")
        return
    if data.size <= 1 << 18:
        # In small cells the stars themselves would show.
        behind = background(data, bad | source_mask(data, mask=bad), cell=_cell(data.shape))
    image = _cells(left, behind.level, data.shape)
    _bar(left, image)
    words = f"background [{view.source.unit}]: {behind.level.min():.5g} to "
    words += f"{behind.level.max():.5g}, noise {behind.noise:.4g}"
    left.set_title(words, fontsize=8.5, y=1.0)
    widths, counts = seeing_map(data, bad)
    _draw_seeing(window, right, widths, counts, scale_of(view), data.shape)
    window.measured = {"background": behind, "seeing": widths}


def _without_weight(obj, data):
    weight = value_at(obj, "weight")
    bad = ~np.isfinite(data)
    if weight is not None:
        try:
            bad |= np.asarray(weight.data) == 0
        except AweError:
            # The frame can be seen without the file of its weights; bad pixels count then.
            return bad
    return bad


def _cell(shape):
    return int(np.clip(min(shape) // 12, 8, 128))


def seeing_map(data, bad, cells=None):
    """Measure the seeing in each part of a frame.

    Parameters
    ----------
    data : numpy.ndarray
        Shape (ny, nx).
    bad : numpy.ndarray of bool
        Same shape.
    cells : tuple of int, optional
        Rows and columns of parts. By default 4 along the longer side and 2 or 4 along the other.

    Returns
    -------
    widths : numpy.ndarray
        FWHM in pixels, NaN where there are too few stars.
    counts : numpy.ndarray of int
        Stars in each part.
    """
    from awe.pixels import seeing
    from awe.pixels.sources import background

    ny, nx = data.shape
    if cells is None:
        longer = max(ny, nx)
        cells = [_CELLS_LONG if n > 0.75 * longer else _CELLS_SHORT for n in (ny, nx)]
        cells = [max(1, min(c, n // 48)) for c, n in zip(cells, (ny, nx), strict=True)]
    widths, counts = np.full(cells, np.nan), np.zeros(cells, dtype=int)
    for j, i in np.ndindex(*cells):
        where = (slice(j * ny // cells[0], (j + 1) * ny // cells[0]),
                 slice(i * nx // cells[1], (i + 1) * nx // cells[1]))  # fmt: skip
        if bad[where].all():
            continue
        behind = background(data[where], bad[where], cell=512, sample=1 << 11)
        found = seeing(np.ascontiguousarray(data[where]), mask=bad[where], background=behind,
                       stars=15, least=1)  # fmt: skip
        widths[j, i], counts[j, i] = found.fwhm, found.number
    return widths, counts


def _draw_seeing(window, axes, widths, counts, scale, shape):
    if not np.isfinite(widths).any():
        _empty(axes, "seeing: there are too few stars.")
        return
    unit, factor = ("arcsec", scale) if scale else ("pixel", 1.0)
    image = _cells(axes, widths * factor, shape, cmap="cividis")
    _bar(axes, image)
    rows, columns = widths.shape
    for j, i in np.ndindex(rows, columns):
        if np.isfinite(widths[j, i]):
            place = (shape[1] * (i + 0.5) / columns, shape[0] * (j + 0.5) / rows)
            axes.annotate(f"{widths[j, i] * factor:.2f}\n({counts[j, i]})", place, ha="center",
                          va="center", fontsize=7, color="white",
                          bbox={"fc": "#0006", "ec": "none", "pad": 1.2})  # fmt: skip
    axes.set_title(f"seeing [{unit}] (number of stars)", fontsize=8.5, y=1.0)


# --- small pictures ---


def _picture(window, axes, data):
    small, step = data, 1
    while max(small.shape) > 2 * _SIDE:
        small, step = halved(small), 2 * step
    low, high = limits(small)
    ny, nx = small.shape
    image = axes.imshow(small, origin="lower", cmap="gray", vmin=low, vmax=high,
                        extent=(-0.5, nx * step - 0.5, -0.5, ny * step - 0.5))  # fmt: skip
    _bar(axes, image)


def _bar(axes, image):
    axes.get_figure(root=False).colorbar(image, ax=axes).ax.tick_params(labelsize=7)


def _cells(axes, values, shape, cmap="viridis"):
    return axes.imshow(values, origin="lower", cmap=cmap, interpolation="nearest",
                       extent=(-0.5, shape[1] - 0.5, -0.5, shape[0] - 0.5))  # fmt: skip


def _empty(axes, text):
    axes.set_axis_off()
    axes.text(0.5, 0.5, text, ha="center", va="center", fontsize=8.5, wrap=True,
              transform=axes.transAxes)  # fmt: skip
