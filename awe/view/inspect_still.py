"""Parts of a window that are drawn once and put back as they were until they change."""

__all__ = ["keep_still"]

_MARGIN = 2.0


def keep_still(part, state=None):
    """Draw a part of a figure anew only where it, or the figure's size, has changed.

    Axes take some 20 ms to draw, most of it for their letters; while a picture beside them is
    moved, their pixels of the time before are put back instead. Nothing that changes may lie
    beneath.

    Parameters
    ----------
    part : matplotlib.artist.Artist
        A panel, a colour bar or a title.
    state : callable, optional
        Gives what the part shows now. By default matplotlib's own note of a change counts.
    """
    kept = {}
    plain = part.draw

    def draw(renderer):
        if not (part.get_visible() and _keeps_pixels(renderer)):
            plain(renderer)
            return
        figure = part.get_figure(root=True)
        now = (renderer.width, renderer.height, renderer.dpi, figure.get_facecolor(),
               not part.stale if state is None else state())  # fmt: skip
        if now[-1] is False or kept.get("state") != now:
            plain(renderer)
            # What was drawn is not stale any longer.
            kept.update(state=(*now[:-1], True if state is None else now[-1]))
            kept["pixels"] = renderer.copy_from_bbox(_box(part, renderer))
        else:
            renderer.restore_region(kept["pixels"])

    part.draw = draw


def _box(part, renderer):
    """Give what a part covers, in pixels of the figure."""
    from matplotlib.figure import SubFigure
    from matplotlib.transforms import Bbox

    if isinstance(part, SubFigure):
        return part.bbox
    box = part.get_tightbbox(renderer).padded(_MARGIN)
    whole = Bbox.from_bounds(0, 0, renderer.width, renderer.height)
    return Bbox.intersection(box, whole) or Bbox.null()


def _keeps_pixels(renderer):
    from matplotlib.backends.backend_agg import RendererAgg

    # A renderer that only measures has its methods replaced by empty ones for the time.
    return isinstance(renderer, RendererAgg) and "draw_path" not in vars(renderer)
