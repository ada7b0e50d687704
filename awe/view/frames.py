"""What `inspect()` shows: a frame with its scale, its name and its statistics."""

import sys
import textwrap
from pathlib import Path

import numpy as np

from awe.base.errors import AweTypeError, AweValueError

__all__ = ["draw", "inspect_frame", "reduced"]

_SCREEN = 1200


def inspect_frame(obj, *, block=None, save=None):
    """Show a frame in zscale, in a window or, where there is no display, as a PNG.

    Parameters
    ----------
    obj : DBObject
        Something with pixels: its ``data`` is an array (ny, nx).
    block : bool, optional
        Whether to wait until the window is closed. By default in scripts, not at the prompt.
    save : str or os.PathLike, optional
        Write the picture to this file instead of opening a window; its suffix decides the
        format. By default only without a display, to ``<name>_inspect.png`` in the working
        directory; the path is printed.

    Returns
    -------
    pathlib.Path or None
        The picture, where one was written.

    Raises
    ------
    AweTypeError
        The object has no pixels.
    AweValueError
        No pixel has a finite value.
    """
    data = _pixels(obj)
    import matplotlib.pyplot as plt

    ny, nx = data.shape
    shape = (min(9.0, max(6.5, 7.5 * nx / ny)), min(9.0, max(5.0, 7.5 * ny / nx)))
    figure = plt.figure(figsize=shape, layout="constrained")
    try:
        draw(figure, data, _head(obj))
        if save is None and _has_window(figure):
            plt.show(block=not hasattr(sys, "ps1") if block is None else block)
            return None
        file = Path(save or f"{_stem(obj)}_inspect.png").absolute()
        figure.savefig(file, dpi=120)
    except BaseException:
        plt.close(figure)
        raise
    plt.close(figure)
    print(f"Picture: {file}")
    return file


def draw(figure, data, head):
    """Draw an image in zscale with a colour bar and its statistics.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        Where to draw.
    data : numpy.ndarray
        Shape (ny, nx), with at least one finite value.
    head : str
        The first lines of the title.
    """
    small, step = reduced(data)
    low, high = _limits(small)
    axes = figure.add_subplot()
    ny, nx = small.shape
    image = axes.imshow(
        small,
        origin="lower",
        cmap="gray",
        vmin=low,
        vmax=high,
        interpolation="nearest",
        extent=(-0.5, nx * step - 0.5, -0.5, ny * step - 0.5),
    )
    figure.colorbar(image, ax=axes)
    axes.set_xlabel("x [pixel]")
    axes.set_ylabel("y [pixel]")
    # At this size of letters an inch holds some 13 of them.
    width = int(13 * figure.get_figwidth())
    lines = [part for line in head.splitlines() for part in textwrap.wrap(line, width)]
    figure.suptitle("\n".join([*lines, statistics_text(data)]), fontsize=9)


def reduced(data, most=_SCREEN):
    """Average an image over square blocks until it fits the screen.

    Parameters
    ----------
    data : numpy.ndarray
        Shape (ny, nx).
    most : int, optional
        The greatest side of the result. The default is 1200.

    Returns
    -------
    small : numpy.ndarray
        float32; NaN only where a whole block is. Rows and columns that fill no block are left
        out.
    step : int
        The side of a block in pixels.
    """
    ny, nx = data.shape
    step = max(1, min(-(-max(ny, nx) // most), ny, nx))
    if step == 1:
        return np.asarray(data, dtype=np.float32), 1
    rows, columns = ny // step, nx // step
    total = np.zeros((rows, columns))
    count = np.zeros((rows, columns))
    for dy in range(step):
        for dx in range(step):
            part = data[dy : rows * step : step, dx : columns * step : step]
            good = np.isfinite(part)
            total += np.where(good, part, 0.0)
            count += good
    with np.errstate(invalid="ignore"):
        return (total / count).astype(np.float32), step


def statistics_text(data):
    """Give the statistics of the finite pixels in words.

    Parameters
    ----------
    data : numpy.ndarray
        Any shape.

    Returns
    -------
    str
        Size, median, mean, standard deviation, extremes, and how many are not finite; one or
        two lines.
    """
    good = np.asarray(data[np.isfinite(data)], dtype=np.float64)
    size = f"{data.shape[1]} x {data.shape[0]}"
    if good.min() == good.max():
        text = f"{size}, every pixel is {good[0]:.6g}"
    else:
        text = (
            f"{size}, median {np.median(good):.6g}, mean {good.mean():.6g}, std {good.std():.4g},\n"
            f"min {good.min():.6g}, max {good.max():.6g}"
        )
    bad = data.size - good.size
    return text + (f", {bad} not finite" if bad else "")


def _pixels(obj):
    if not hasattr(type(obj), "data"):
        msg = f"{obj!r} has no pixels to show."
        raise AweTypeError(msg, remedy="obj.info() prints what is known of it.")
    data = np.asarray(obj.data)
    if data.ndim != 2 or not data.size:
        msg = f"{obj!r} is no image: its data have the shape {data.shape}."
        raise AweTypeError(msg)
    if not np.isfinite(data).any():
        msg = f"{obj!r} cannot be shown: none of its {data.size} pixels has a finite value."
        raise AweValueError(msg)
    return data


def _limits(data):
    """Give the limits of zscale, apart from each other even where the image is constant."""
    from astropy.visualization import ZScaleInterval

    good = data[np.isfinite(data)]
    low, high = good.min(), good.max()
    if low < high:
        low, high = ZScaleInterval().get_limits(good)
    if low < high:
        return low, high
    margin = max(abs(low) * 1e-3, 0.5)
    return low - margin, low + margin


def _head(obj):
    words = [_value(obj, "filter.name"), _value(obj, "chip.name")]
    when, exposed = _value(obj, "DATE_OBS"), _value(obj, "EXPTIME")
    if when is not None:
        words.append(f"{when:%Y-%m-%d %H:%M:%S}")
    if exposed is not None:
        words.append(f"{exposed:g} s")
    name = _value(obj, "filename") or _value(obj, "name") or obj.object_id[:8]
    second = ", ".join(str(w) for w in words if w is not None)
    return f"{type(obj).__name__} {name}" + (f"\n{second}" if second else "")


def _value(obj, path):
    """Give what lies at the end of a dotted path, None where a step is missing."""
    for name in path.split("."):
        if name not in getattr(obj, "_attributes", ()):
            return None
        obj = getattr(obj, name)
    return obj


def _stem(obj):
    name = _value(obj, "filename") or f"{type(obj).__name__}_{obj.object_id[:12]}"
    return Path(name).name.removesuffix(".fz").removesuffix(".gz").removesuffix(".fits")


def _has_window(figure):
    """Tell whether the backend shows figures: a GUI, or a notebook."""
    import matplotlib

    gui = type(figure.canvas).required_interactive_framework is not None
    return gui or "inline" in matplotlib.get_backend().lower()
