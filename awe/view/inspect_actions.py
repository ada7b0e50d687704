"""What each hot-key of a window does."""

from awe.base.errors import AweValueError
from awe.view import inspect_plots as plots
from awe.view.inspect_entry import begin_verdict
from awe.view.inspect_sources import stem_of
from awe.view.lineagegraph import lineage_graph

__all__ = ["ACTIONS"]

# Of so many pixels a search takes longer than a moment.
_LARGE = 1 << 20


def _close(window, event):
    window.close_at(event)


def _zoom_in(window, event):
    window.zoom(event, 2.0)


def _zoom_out(window, event):
    window.zoom(event, 0.5)


def _more_contrast(window, event):
    for view in window.chosen(event):
        view.contrast(1)


def _less_contrast(window, event):
    for view in window.chosen(event):
        view.contrast(-1)


def _stretch(window, event):
    names = {view.next_stretch() for view in window.chosen(event)}
    window.message(f"Stretch: {', '.join(sorted(names))}.")


def _blink(window, event):
    view = window.view(event)
    shown = view.blink(window.blinked)
    if shown is None:
        msg = "There is nothing to blink with: no raw frame and no previous version."
        raise AweValueError(msg)
    window.show_again(view)
    window.message(f"Shown: {shown.head.splitlines()[0]}")


def _marks(window, event):
    views = window.chosen(event)
    wanted = not views[0].has_mask
    if not window.mark(views, wanted) and wanted:
        window.message("No pixel is marked: none is known to be bad.")


def _sources(window, event):
    from awe.view.inspect_measure import find_sources

    view = window.view(event)
    if view.marked:
        view.mark_sources(None)
        return
    part = view.shown()
    ny, nx = part.values.shape
    if nx * ny > _LARGE:
        window.say_now("Searching for sources ...")
    bad = view.source.mask[part.y0 : part.y0 + ny, part.x0 : part.x0 + nx]
    found = find_sources(part.values, bad=bad, fwhm=getattr(view.obj, "fwhm", None))
    found[:, 0] += part.x0
    found[:, 1] += part.y0
    window.measured = {"sources": found}
    view.mark_sources(found)
    window.message(f"{len(found)} sources above 5 sigma in the part that is shown.")


def _information(window, event):
    from awe.view.information import information

    obj = _object(window, event)
    window.text_panel(information(obj), type(obj).__name__)


def _lineage(window, event):
    obj = _object(window, event)
    found = obj.lineage()
    window.text_panel(str(found), "Made from")
    if found.inputs(obj) and window.has_screen:
        window.open_beside(lambda: lineage_graph(found))


def _object(window, event):
    obj = window.view(event).obj
    if obj is None:
        msg = "These pixels belong to no object of the store."
        raise AweValueError(msg)
    return obj


def _picture(window, event):
    from awe.view.inspect_screen import write_picture

    obj = window.views[0].obj
    stem = "picture" if obj is None or len(window.views) > 1 else stem_of(obj)
    window.message("")
    window.message(f"Picture: {write_picture(window.figure, f'{stem}_inspect.png')}")


def _keys(window, event):
    window.toggle_list()


def _verdict(window, event):
    begin_verdict(window, _object(window, event))


ACTIONS = {
    "wireframe": plots.wireframe,
    "close": _close,
    "column_cut": plots.column_cut,
    "line_cut": plots.line_cut,
    "radial_profile": plots.radial_profile,
    "contours": plots.contours,
    "histogram": plots.histogram,
    "statistics": plots.statistics,
    "aperture": plots.aperture,
    "zoom_in": _zoom_in,
    "zoom_out": _zoom_out,
    "more_contrast": _more_contrast,
    "less_contrast": _less_contrast,
    "stretch": _stretch,
    "blink": _blink,
    "marks": _marks,
    "sources": _sources,
    "verdict": _verdict,
    "information": _information,
    "lineage": _lineage,
    "picture": _picture,
    "keys": _keys,
}
"""The function for each action of `awe.base.keys.KEYS`; it takes the window and the event."""
