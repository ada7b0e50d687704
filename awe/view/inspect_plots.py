"""The plots that the keys draw into the panel of a window."""

import numpy as np

from awe.base.errors import AweValueError

__all__ = [
    "aperture",
    "column_cut",
    "contours",
    "draw_histogram",
    "fix_labels",
    "histogram",
    "label_axes",
    "line_cut",
    "radial_profile",
    "scale_of",
    "statistics",
    "values_of",
    "wireframe",
]

_HALF = 15
_LINE = {"color": "#1f5fa8", "lw": 0.9}
_SAMPLE = 2_000_000


def wireframe(window, event):
    """Draw the values of the box round the pointer as a wireframe."""
    spot = window.spot(event)
    cut = _box(spot, 2)
    (axes,) = window.panel(projection="3d")
    x, y = _grid(cut)
    axes.plot_wireframe(x, y, cut.values, rstride=1, cstride=1, color="#1f5fa8", lw=0.6)
    axes.set_xlabel("x", fontsize=8)
    axes.set_ylabel("y", fontsize=8)
    axes.tick_params(labelsize=7)
    axes.set_title(_title(spot, "values round"), fontsize=9, y=1.0)
    spot.view.show_box(cut)
    window.measured = {"box": cut}


def contours(window, event):
    """Draw contours of the box round the pointer."""
    spot = window.spot(event)
    cut = _box(spot, 2)
    good = cut.values[np.isfinite(cut.values)]
    low, high = good.min(), good.max()
    if low == high:
        msg = f"Every pixel of the box is {low:.6g}: there are no contours."
        raise AweValueError(msg)
    middle = np.median(good)
    noise = 1.4826 * np.median(np.abs(good - middle))
    first = min(middle + 3 * noise, (middle + high) / 2)
    levels = np.unique(first + (high - first) * np.linspace(0, 0.95, 9) ** 2)
    (axes,) = window.panel()
    lines = axes.contour(*_grid(cut), cut.values, levels=levels, cmap="viridis", linewidths=1)
    axes.clabel(lines, fontsize=6, fmt="%.5g")
    axes.set_aspect("equal")
    label_axes(axes, "x [pixel]", "y [pixel]", _title(spot, "contours round"))
    spot.view.show_box(cut)
    window.measured = {"box": cut, "levels": levels}


def column_cut(window, event):
    """Draw the values along the column under the pointer."""
    _draw_cut(window, window.spot(event), along="y")


def line_cut(window, event):
    """Draw the values along the line (row) under the pointer."""
    _draw_cut(window, window.spot(event), along="x")


def _draw_cut(window, spot, along):
    view = spot.view
    column, row = _pixel(spot)
    part = view.shown()
    if along == "y":
        first, values, name = part.y0, view.data[:, column], f"column x={column}"
        count = part.values.shape[0]
    else:
        first, values, name = part.x0, view.data[row, :], f"line y={row}"
        count = part.values.shape[1]
    values = np.asarray(values[first : first + count], dtype=np.float64)
    (axes,) = window.panel()
    axes.plot(np.arange(first, first + count), values, drawstyle="steps-mid", **_LINE)
    axes.axvline(row if along == "y" else column, color="#b3261e", lw=0.7, ls=":")
    label_axes(axes, f"{along} [pixel]", values_of(view), name)
    _zoom_values(axes, values)
    window.measured = {"first": first, "values": values, along: row if along == "y" else column,
                       "name": name}  # fmt: skip


def _zoom_values(axes, values):
    """Keep single hot pixels from flattening the rest: the picture of noise stays readable."""
    good = values[np.isfinite(values)]
    if good.size and good.min() == good.max():
        axes.set_ylim(good[0] - 1, good[0] + 1)


def radial_profile(window, event):
    """Draw the radial profile of the star under the pointer, with its Moffat fit."""
    from photutils.profiles import RadialProfile

    from awe.view.inspect_measure import star_at

    spot = window.spot(event)
    view = spot.view
    star = star_at(view.data, spot.x, spot.y, _bad(view))
    reach = float(np.clip(3.0 * star.fwhm, 8.0, 40.0))
    cut = view.cut(star.x, star.y, int(reach) + 1)
    x, y = _grid(cut)
    radius = np.hypot(x - star.x, y - star.y)
    inside = (radius <= reach) & np.isfinite(cut.values)
    profile = RadialProfile(cut.values, (star.x - cut.x0, star.y - cut.y0),
                            np.arange(0, reach, 1.0), mask=~np.isfinite(cut.values))  # fmt: skip
    (axes,) = window.panel()
    axes.plot(radius[inside], cut.values[inside], ".", ms=2.5, color="#888", label="pixels")
    axes.plot(profile.radius, profile.profile, "o", ms=4, mfc="none", color="#1f5fa8", label="mean")
    fine = np.linspace(0, reach, 200)
    axes.plot(fine, star.profile(fine), color="#b3261e", lw=1.2, label="Moffat fit")
    axes.axvline(star.fwhm / 2, color="#b3261e", lw=0.7, ls=":")
    axes.legend(fontsize=8, frameon=False)
    words = f"FWHM {star.fwhm:.2f} pix"
    scale = scale_of(view)
    if scale:
        words += f' = {star.fwhm * scale:.2f}"'
    words += f", peak {star.peak:.5g}, sky {star.background:.5g}\n"
    words += f"Moffat exponent {star.alpha:.2f}, centre x={star.x:.2f} y={star.y:.2f}"
    label_axes(axes, "radius [pixel]", values_of(view), words)
    view.show_box(cut)
    window.measured = {"star": star, "fwhm": star.fwhm}


def aperture(window, event):
    """Measure the star under the pointer in an aperture; draw the curve of growth."""
    from awe.view.inspect_measure import aperture_at

    spot = window.spot(event)
    view = spot.view
    gain = getattr(view.obj, "gain", None)
    found = aperture_at(view.data, spot.x, spot.y, bad=_bad(view), gain=gain)
    (axes,) = window.panel()
    axes.plot(found.radii, found.growth, "o-", ms=3, **_LINE)
    axes.axvline(found.radius, color="#b3261e", lw=0.7, ls=":")
    error = float(f"{found.error:.2g}")
    flux = f"flux {found.flux:.6g} +- {error:g} {view.source.unit}".rstrip()
    words = (
        f"{flux}, magnitude {found.magnitude:.3f}\n"
        f"aperture {found.radius:.1f} pix, sky {found.sky:.5g} +- {found.sky_noise:.3g} "
        f"at {found.inner:.1f} to {found.outer:.1f} pix\n"
        f"FWHM {found.star.fwhm:.2f} pix, centre x={found.star.x:.2f} y={found.star.y:.2f}"
    )
    label_axes(axes, "radius [pixel]", values_of(view, "flux inside"), words)
    view.show_rings(found.star.x, found.star.y, (found.radius, found.inner, found.outer))
    window.measured = {"aperture": found, "flux": found.flux}


def histogram(window, event):
    """Draw the histogram of the part that is shown."""
    view = window.view(event)
    (axes,) = window.panel()
    counts, edges = draw_histogram(axes, view.shown().values)
    for limit in (view.low, view.high):
        axes.axvline(limit, color="#b3261e", lw=0.7, ls=":")
    label_axes(axes, values_of(view), "pixels", "histogram of the part that is shown")
    window.measured = {"counts": counts, "edges": edges}


def draw_histogram(axes, values):
    """Draw a histogram from the 0.1 to the 99.9 per cent value, counts on a logarithmic axis.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        Where.
    values : numpy.ndarray
        Pixels; of more than two millions a regular sample is taken.

    Returns
    -------
    counts, edges : numpy.ndarray
        The histogram.

    Raises
    ------
    AweValueError
        No value is finite.
    """
    values = np.asarray(values).ravel()
    values = values[:: max(1, values.size // _SAMPLE)]
    values = values[np.isfinite(values)].astype(np.float64)
    if not values.size:
        msg = "No pixel that is shown has a finite value."
        raise AweValueError(msg)
    low, high = np.percentile(values, [0.1, 99.9])
    margin = 0.15 * (high - low) or max(abs(low) * 1e-3, 0.5)
    counts, edges = np.histogram(values, bins=120, range=(low - margin, high + margin))
    axes.stairs(counts, edges, fill=True, color="#7fa3cf")
    axes.set_yscale("symlog", linthresh=1)
    axes.minorticks_off()
    # Powers of ten as raised letters take a tenth of a second to set for the first time.
    axes.yaxis.set_major_formatter("{x:g}")
    axes.set_ylim(bottom=0)
    return counts, edges


def statistics(window, event):
    """Give the statistics of the box round the pointer."""
    from awe.view.inspect_measure import box_statistics

    spot = window.spot(event)
    cut = _box(spot, 1)
    found = box_statistics(cut.values)
    ny, nx = cut.values.shape
    lines = [f"box     x {cut.x0} to {cut.x0 + nx - 1}, y {cut.y0} to {cut.y0 + ny - 1}"]
    lines += [f"{name:<7} {value:.6g}" for name, value in found.items()]
    window.text_panel("\n".join(lines), _title(spot, "statistics round"))
    spot.view.show_box(cut)
    window.measured = {**found, "box": cut}


def scale_of(view):
    """Give the size of a pixel in arcseconds, or None."""
    wcs = view.source.wcs
    if wcs is None:
        return None
    area = abs(np.linalg.det(wcs.pixel_scale_matrix))
    return 3600.0 * float(np.sqrt(area)) or None


def _box(spot, least):
    cut = spot.view.cut(spot.x, spot.y, _HALF)
    if min(cut.values.shape) < least:
        msg = (
            f"The frame is too small for this: {spot.view.shape[1]} x {spot.view.shape[0]} pixels."
        )
        raise AweValueError(msg)
    if not np.isfinite(cut.values).any():
        msg = "No pixel of the box has a finite value."
        raise AweValueError(msg)
    return cut


def _bad(view):
    """Give the bad pixels of a frame without its maps: reading them takes longer than a fit."""
    level = getattr(view.obj, "saturation", None)
    return view.data >= level if isinstance(level, (int, float)) else None


def _grid(cut):
    ny, nx = cut.values.shape
    return np.meshgrid(np.arange(cut.x0, cut.x0 + nx), np.arange(cut.y0, cut.y0 + ny))


def _pixel(spot):
    return int(np.floor(spot.x + 0.5)), int(np.floor(spot.y + 0.5))


def _title(spot, what):
    column, row = _pixel(spot)
    return f"{what} x={column} y={row}"


def values_of(view, name="value"):
    """Give the label of an axis of values, with their unit."""
    return f"{name} [{view.source.unit}]" if view.source.unit else name


def label_axes(axes, x, y, title):
    """Write the labels of a plot and its title."""
    axes.set_xlabel(x, fontsize=8)
    axes.set_ylabel(y, fontsize=8)
    axes.set_title(title, fontsize=8.5, y=1.0)
    fix_labels(axes)


def fix_labels(axes):
    """Put the labels at fixed distances: a redraw need not measure all the ticks then.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        The plot.
    """
    from matplotlib.transforms import ScaledTranslation

    inches = axes.get_figure(root=True).dpi_scale_trans
    below = axes.transAxes + ScaledTranslation(0.0, -0.31, inches)
    beside = axes.transAxes + ScaledTranslation(-0.5, 0.0, inches)
    axes.xaxis.set_label_coords(0.5, 0.0, below)
    axes.yaxis.set_label_coords(0.0, 0.5, beside)
