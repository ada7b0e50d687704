"""What `inspect()` does: it makes the figure of a frame, a list or an exposure, and shows it."""

import itertools
import textwrap

from awe.base.errors import AweError, AweTypeError, AweValueError
from awe.view.inspect_sources import ArraySource, Source, stem_of

__all__ = ["figure_of", "inspect"]

_LARGE = (12.0, 8.4)
_MOST = 24


def inspect(thing, *, save=None, block=None, mask=False, blink=False):
    """Show a frame, the frames of a query or a list, or all CCDs of an exposure.

    Parameters
    ----------
    thing : DBObject, Query or iterable of DBObject
        What to show.
    save : str or os.PathLike, optional
        Write the picture to this file instead of opening a window; its ending decides the
        format. By default only without a screen, to ``<name>_inspect.png`` in the working
        directory; the path is printed.
    block : bool, optional
        Whether to wait until the window is closed. By default in scripts, not at the prompt.
    mask : bool, optional
        Whether bad pixels are marked by colour from the beginning. The default is False.
    blink : bool, optional
        Whether several frames are shown in turn, with the key ``b``, not side by side. The
        default is False.

    Returns
    -------
    pathlib.Path or None
        The picture, where one was written.

    Raises
    ------
    AweTypeError
        There is something without pixels.
    AweValueError
        No pixel has a finite value, there is no frame, or the picture cannot be written.
    """
    from awe.view import inspect_screen

    where = inspect_screen.place_for(save)
    parts = _parts(thing)
    figure = _figure(thing, parts, where, mask, blink)
    if where != "file":
        inspect_screen.show(figure, where, block)
        return None
    name = save if save is not None else f"{_stem(parts)}_inspect.png"
    file = inspect_screen.write_picture(figure, name)
    print(f"Picture: {file}")
    return file


def figure_of(thing, *, mask=False, blink=False):
    """Give the picture of a frame, list or exposure as a figure without a window.

    Parameters
    ----------
    thing : DBObject, Query or iterable of DBObject
        What to show.
    mask, blink : bool, optional
        As for `inspect`.

    Returns
    -------
    matplotlib.figure.Figure
        Its attribute ``awe_window`` has the pictures and what they measure.
    """
    return _figure(thing, _parts(thing), "file", mask, blink)


def _parts(thing):
    """Give the frames to show: of a query or a list those that it holds."""
    if isinstance(thing, type):
        msg = f"{thing.__name__} is a class: inspect shows objects."
        raise AweTypeError(msg, remedy=f"Ask for some: inspect({thing.__name__}.select_all())")
    if hasattr(type(thing), "data") or hasattr(thing, "_attributes"):
        return [thing]
    try:
        found = list(itertools.islice(thing, _MOST + 1))
    except TypeError:
        msg = f"{thing!r} cannot be shown: it is no frame, exposure, query or list of frames."
        raise AweTypeError(msg) from None
    if len(found) > _MOST:
        print(f"Only the first {_MOST} are shown.")
        found = found[:_MOST]
    # A query's max() and min() give None where there is nothing.
    found = [each for each in found if each is not None]
    if not found:
        msg = f"There is nothing to show: {thing!r} holds no frame."
        raise AweValueError(msg)
    return found


def _figure(thing, parts, where, mask, blink):
    from awe.view import exposures

    if len(parts) == 1 and exposures.takes(parts[0]):
        return exposures.exposure_figure(parts[0], where)
    exposure = len(parts) == 1 and not hasattr(type(parts[0]), "data") and hasattr(
        type(parts[0]), "frames")  # fmt: skip
    if exposure:
        from awe.view.inspect_mosaic import mosaic_figure

        return mosaic_figure(parts[0], where, mask)
    if len(parts) == 1:
        return _one(Source(parts[0]), where, mask)
    sources = [_source(each) for each in parts]
    if blink:
        return _one(sources[0], where, mask, sources[1:])
    return _several(sources, where, mask)


def _source(obj):
    """Give what to show of one of several; of one that cannot be shown the reason."""
    try:
        return Source(obj)
    except AweTypeError:
        raise
    except AweError as err:
        import numpy as np

        source = ArraySource(np.zeros((1, 1), dtype=np.float32), str(err), "", obj)
        source.problem = " ".join(str(err).split())
        return source


def _one(source, where, mask, others=None):
    from awe.view.inspect_pages import page_of, plain_page
    from awe.view.inspect_screen import new_figure
    from awe.view.inspect_views import View
    from awe.view.inspect_window import Window

    page = None if others is not None else page_of(source.obj)
    ny, nx = source.data.shape
    size = _LARGE
    if where == "file" and page is None:
        size = (min(9.0, max(6.5, 7.0 * nx / ny)), min(9.5, max(5.0, 7.0 * ny / nx)))
    elif page is None:
        # The panel is always there: a picture that moved aside would leave the pointer behind.
        page = plain_page
    figure = new_figure(where, size, source.head.splitlines()[0])
    with _closing(figure, where):
        window = Window(figure, page)
        view = View(figure.add_subplot(), source)
        view.show_all()
        window.add(view)
        view.axes.set_xlabel("x [pixel, from 0]", fontsize=8)
        view.axes.set_ylabel("y [pixel, from 0]", fontsize=8)
        window.blinked = others
        window.set_title(source.title)
        window.open_page()
        _finish(window, where, mask)
    return figure


def _several(sources, where, mask):
    from awe.view.inspect_screen import new_figure
    from awe.view.inspect_views import View
    from awe.view.inspect_window import Window

    figure = new_figure(where, _LARGE, f"{len(sources)} frames")
    with _closing(figure, where):
        window = Window(figure)
        columns, rows = _grid(len(sources), sources[0].data.shape)
        alike = len({source.data.shape for source in sources}) == 1
        first = None
        for source in sources:
            axes = figure.add_subplot(sharex=first, sharey=first)
            first = axes if alike and first is None else first
            view = View(axes, source)
            view.show_all()
            window.add(view)
            axes.set_title(_caption(source, _LARGE[0] / columns), fontsize=7, y=1.0)
            # The title needs the place above the bar.
            view.bar.ax.set_title("")
            if columns > 3:
                _use_small_labels(view)
            problem = getattr(source, "problem", None)
            if problem:
                axes.set_title("")
                axes.text(0.5, 0.5, problem, transform=axes.transAxes, fontsize=7, ha="center",
                          va="center", wrap=True, color="white")  # fmt: skip
        kinds = sorted({type(s.obj).__name__ for s in sources})
        units = sorted({source.unit for source in sources if source.unit})
        words = f"{len(sources)} frames: {', '.join(kinds)}"
        window.set_title(words + (f"; values in {', '.join(units)}" if units else ""))
        window.arrange(rows, columns)
        _finish(window, where, mask)
    return figure


def _caption(source, inches):
    """Give the title of one of several pictures: short, since names of files are long."""
    words = f"{source.obj.object_id[-8:]}: {source.head.splitlines()[-1]}"
    # At this size of letters an inch holds some 15 of them.
    return "\n".join(textwrap.wrap(words, max(16, int(15 * inches)), max_lines=3))


def _use_small_labels(view):
    view.axes.tick_params(labelsize=6)
    view.axes.locator_params(nbins=4)
    view.bar.ax.tick_params(labelsize=6)
    view.bar.locator.set_params(nbins=4)


def _grid(count, shape):
    """Give columns and rows for which the pictures become largest."""
    wide, high = _LARGE[0] / max(shape[1], 1), _LARGE[1] / max(shape[0], 1)
    columns = max(range(1, count + 1), key=lambda c: min(wide / c, high / -(-count // c)))
    return columns, -(-count // columns)


def _finish(window, where, mask):
    if mask:
        window.mark(window.views, True)
    if where != "notebook":
        window.connect()


class _closing:
    """Close the window of a figure that could not be drawn."""

    def __init__(self, figure, where):
        self.figure = figure
        self.where = where

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if kind is not None and self.where in ("window", "browser"):
            from matplotlib import pyplot as plt

            plt.close(self.figure)


def _stem(parts):
    return stem_of(parts[0]) if len(parts) == 1 else f"{type(parts[0]).__name__}_{len(parts)}"
