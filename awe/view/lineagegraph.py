"""The lineage of an object as a figure: layers of boxes from the raw frames to the object."""

import textwrap

import numpy as np

from awe.process.lineage import name_of
from awe.view import inspect_screen

__all__ = ["lineage_graph"]

_BOX = (2.75, 0.96)
_STEP = (3.55, 1.14)
# Inches of a unit of the drawing, and the largest window that a screen has room for.
_INCH = 0.74
_SCREEN = (15.0, 8.6)
_BEND = 0.34
_SWEEPS = 12
_LETTERS = 35
_COLOURS = {
    "raw": "#e8e8e8", "number": "#fff3c4", "Cal": "#d3e6f7", "Sci": "#d8efd3", "other": "#efe3f5",
}  # fmt: skip
_LEGEND = {
    "raw": "raw", "number": "numbers", "Cal": "calibration", "Sci": "science", "other": "other",
}  # fmt: skip


class _Node:
    """A box, or a bend of an arrow that passes through a layer."""

    def __init__(self, objects=(), role=""):
        self.objects = objects
        self.role = role
        self.inputs = []
        self.layer = 0
        self.y = 0.0

    @property
    def height(self):
        return _STEP[1] if self.objects else _BEND


def lineage_graph(lineage, *, save=None):
    """Draw a lineage in layers, raw frames on the left, the object on the right.

    Parameters
    ----------
    lineage : awe.process.Lineage
        The lineage; inputs of one kind that nothing was made from are one box with their number.
    save : str or os.PathLike, optional
        File for the drawing, whose suffix decides the format. By default none is written, and a
        window is opened where there is a display.

    Returns
    -------
    matplotlib.figure.Figure
        The drawing.

    Raises
    ------
    AweValueError
        The file cannot be written.
    """
    top = _nodes_of(lineage)
    layers = _layers_of(top)
    _arrange(layers)
    where = inspect_screen.place_for(save)
    title = f"Lineage of {lineage.top!r}"
    figure = inspect_screen.new_figure(where, _size_of(layers, where), title)
    _draw(figure, layers, top, title)
    if save is not None:
        print(f"Picture: {inspect_screen.write_picture(figure, save, dpi=150)}")
    elif where in ("window", "browser"):
        inspect_screen.show(figure, where, block=False)
    return figure


def _nodes_of(lineage):
    """Give the node of the object at the top; the others hang on it."""
    made, waiting = {}, []

    def node(key, objects, role):
        if key not in made:
            made[key] = _Node(objects, role)
            if len(objects) == 1:
                waiting.append(made[key])
        return made[key]

    top = node(_key(lineage.top), (lineage.top,), "")
    while waiting:
        current = waiting.pop()
        by_role = {}
        for role, obj in lineage.inputs(current.objects[0]):
            by_role.setdefault(role, []).append(obj)
        for role, objects in by_role.items():
            plain = [o for o in objects if not lineage.inputs(o)]
            if len(plain) > 1:
                key = frozenset(_key(o) for o in plain)
                current.inputs.append(node(key, tuple(plain), role))
                objects = [o for o in objects if lineage.inputs(o)]
            current.inputs += [node(_key(o), (o,), role) for o in objects]
    return top


def _key(obj):
    return obj.object_id


def _in_order(top):
    """Give all nodes, each after those that it was made from."""
    ordered, seen, stack = [], set(), [(top, False)]
    while stack:
        node, done = stack.pop()
        if done:
            ordered.append(node)
        elif node not in seen:
            seen.add(node)
            stack += [(node, True), *((n, False) for n in node.inputs)]
    return ordered


def _layers_of(top):
    """Give the nodes by layer, the top first; long arrows get a bend in each layer between."""
    ordered = _in_order(top)
    for node in reversed(ordered):
        for source in node.inputs:
            source.layer = max(source.layer, node.layer + 1)
    layers = [[] for _ in range(max(n.layer for n in ordered) + 1)]
    for node in ordered:
        layers[node.layer].append(node)
    bends = {}
    for node in ordered:
        node.inputs = [_bent(node, source, layers, bends) for source in node.inputs]
    return layers


def _bent(node, source, layers, bends):
    """Give the next node on the way from a node to what it was made from.

    All arrows from one source go the same way: a bias serves dozens of frames.
    """
    begin = source
    for layer in range(source.layer - 1, node.layer, -1):
        if (begin, layer) not in bends:
            bend = bends[begin, layer] = _Node()
            bend.inputs, bend.layer = [source], layer
            layers[layer].append(bend)
        source = bends[begin, layer]
    return source


def _arrange(layers):
    """Order the nodes of each layer so that few arrows cross, and give them their heights."""
    users = {}
    for node in (n for layer in layers for n in layer):
        for source in node.inputs:
            users.setdefault(source, []).append(node)
    for layer in layers:
        _stack(layer)
    for sweep in range(_SWEEPS):
        downwards = sweep % 2 == 0
        for layer in layers if downwards else layers[::-1]:
            near = {n: users.get(n, []) if downwards else n.inputs for n in layer}
            middle = {n: sum(o.y for o in ns) / len(ns) if ns else n.y for n, ns in near.items()}
            layer.sort(key=lambda n: -middle[n])
            _stack(layer)


def _stack(layer):
    """Put the nodes of a layer below each other, around the middle."""
    edge = sum(node.height for node in layer) / 2
    for node in layer:
        node.y = edge - node.height / 2
        edge -= node.height


def _size_of(layers, where):
    """Give the size of the figure in inches; that of a window is as large as the screen allows."""
    tallest = max(sum(node.height for node in layer) for layer in layers)
    size = np.array((_INCH * _STEP[0] * len(layers), 1.0 + _INCH * tallest))
    return size * min(1, *(_SCREEN / size)) if where in ("window", "browser") else size


def _draw(figure, layers, top, title):
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    for layer in layers:
        for node in layer:
            for source in node.inputs:
                _arrow(axes, source, node)
            if node.objects:
                _box(axes, node, is_top=node is top)
    half = max(sum(node.height for node in layer) for layer in layers) / 2
    left = -(len(layers) - 1) * _STEP[0] - _BOX[0] / 2
    axes.text(left, half + 0.55, title, fontsize=10, va="center", parse_math=False)
    kinds = {_kind(n.objects[0]) for layer in layers for n in layer if n.objects}
    for at, kind in enumerate(k for k in _COLOURS if k in kinds):
        axes.text(left + 1.5 * at, -half - 0.25, f" {_LEGEND[kind]} ", fontsize=7, va="center",
                  bbox={"facecolor": _COLOURS[kind], "edgecolor": "#777777", "lw": 0.6,
                        "boxstyle": "round,pad=0.3"})  # fmt: skip
    _keep_letters_in_boxes(axes)
    axes.set_xlim(left - 0.3, _BOX[0] / 2 + 0.3)
    axes.set_ylim(-half - 0.45, half + 0.75)


def _keep_letters_in_boxes(axes):
    """Let the letters grow and shrink with the drawing, in a small window and when one zooms."""
    sizes = [(text, text.get_fontsize()) for text in axes.texts]
    figure = axes.get_figure(root=True)

    def fit(_event):
        low, high = axes.get_xlim()
        zoom = figure.get_figwidth() / abs(high - low) / _INCH
        for text, size in sizes:
            text.set_fontsize(max(size * zoom, 0.5))

    axes.callbacks.connect("xlim_changed", fit)
    figure.canvas.mpl_connect("resize_event", fit)


def _x(node):
    return -node.layer * _STEP[0]


def _arrow(axes, source, node):
    """Draw a smooth line from one node to the next, with a head where it ends in a box."""
    from matplotlib.patches import FancyArrowPatch, PathPatch
    from matplotlib.path import Path as Curve

    # A bend is as wide as a box, so that no line crosses one.
    start, end = (_x(source) + _BOX[0] / 2, source.y), (_x(node) - _BOX[0] / 2, node.y)
    middle = (start[0] + end[0]) / 2
    points = [start, (middle, start[1]), (middle, end[1]), end]
    codes = [Curve.MOVETO, Curve.CURVE4, Curve.CURVE4, Curve.CURVE4]
    if not node.objects:
        points.append((_x(node) + _BOX[0] / 2, node.y))
        codes.append(Curve.LINETO)
    curve = Curve(points, codes)
    style = {"color": "#8a8a8a", "lw": 0.8, "zorder": 1}
    if node.objects:
        patch = FancyArrowPatch(path=curve, arrowstyle="-|>", mutation_scale=7, **style)
    else:
        patch = PathPatch(curve, fill=False, edgecolor=style["color"], lw=0.8, zorder=1)
    axes.add_patch(patch)


def _box(axes, node, *, is_top):
    from matplotlib.patches import FancyBboxPatch

    bad = any(getattr(o, "is_valid", 1) == 0 for o in node.objects if hasattr(type(o), "is_valid"))
    edge = "#c62828" if bad else "#222222" if is_top else "#777777"
    x, y = _x(node), node.y
    axes.add_patch(
        FancyBboxPatch(
            (x - _BOX[0] / 2, y - _BOX[1] / 2),
            *_BOX,
            boxstyle="round,pad=0,rounding_size=0.08",
            facecolor=_COLOURS[_kind(node.objects[0])],
            edgecolor=edge,
            lw=1.8 if bad or is_top else 0.8,
            zorder=2,
        )
    )
    head, *lines = _words(node)
    top = y + 0.1 * len(lines)
    axes.text(x, top, head, fontsize=8, weight="bold", ha="center", va="center", zorder=3,
              clip_on=True, parse_math=False)  # fmt: skip
    for at, line in enumerate(lines, start=1):
        axes.text(x, top - 0.03 - 0.2 * at, line, fontsize=6, ha="center", va="center", zorder=3,
                  clip_on=True, parse_math=False)  # fmt: skip


def _kind(obj):
    """Give what kind of thing a box stands for, which decides its colour."""
    cls = type(obj)
    if not hasattr(cls, "input_objects"):
        return "raw" if hasattr(cls, "_attributes") else "other"
    if "sha256" not in cls._attributes:
        return "number"
    group = getattr(cls, "file_kind", ("other",))[0]
    return group if group in _COLOURS else "other"


def _words(node):
    """Give the lines in a box: class and number, and which objects they are."""
    first, last = node.objects[0], node.objects[-1]
    if not hasattr(type(first), "_attributes"):
        return [first.class_name, "may not be seen", first.object_id[-8:]]
    if len(node.objects) > 1:
        head = f"{len(node.objects)} {type(first).__name__}s"
        return [head, _short(name_of(first)), f"to {_short(name_of(last))}"]
    bad = " (not valid)" if getattr(first, "is_valid", 1) == 0 else ""
    text = textwrap.wrap(first.summary(), _LETTERS) or [""]
    return [type(first).__name__, *text[:2], f"{first.object_id[-8:]}{bad}"]


def _short(text):
    return text if len(text) <= _LETTERS else f"{text[:10]}...{text[13 - _LETTERS :]}"
