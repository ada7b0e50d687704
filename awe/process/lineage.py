"""Lineage as a tree: from a product down to the raw files, with parameters and versions."""

import collections

from awe.base import hooks
from awe.store.relations import dependents_of

__all__ = ["Lineage", "dependents", "name_of"]

_MOST_ALIKE = 3


class Lineage:
    """The tree of what an object was made from; printing it shows it.

    Parameters
    ----------
    obj : DBObject
        The object at the top.
    """

    def __init__(self, obj):
        self.top = obj

    def inputs(self, obj):
        """Give the direct inputs of an object.

        Parameters
        ----------
        obj : DBObject
            A product; anything else has none.

        Returns
        -------
        list of (str, DBObject or Restricted)
            Each with the name of its link.
        """
        return obj.input_objects() if hasattr(type(obj), "input_objects") else []

    def objects(self):
        """Give everything in the tree once.

        Returns
        -------
        list of DBObject or Restricted
            The top first.
        """
        found, seen, waiting = [], set(), collections.deque([self.top])
        while waiting:
            obj = waiting.popleft()
            key = getattr(obj, "object_id", id(obj))
            if key not in seen:
                seen.add(key)
                found.append(obj)
                waiting += [o for _, o in self.inputs(obj)]
        return found

    def roots(self):
        """Give what was not made from anything: the raw frames.

        Returns
        -------
        list of DBObject or Restricted
            Each once.
        """
        return [o for o in self.objects() if not self.inputs(o)]

    def graph(self, *, save=None):
        """Draw the lineage in layers, from the raw frames on the left to the object on the right.

        Parameters
        ----------
        save : str or os.PathLike, optional
            File for the drawing, whose suffix decides the format. By default none is written.

        Returns
        -------
        matplotlib.figure.Figure
            The drawing; raw frames that went in together are one box.
        """
        return hooks.call("lineage_graph", self, save=save)

    def __str__(self):
        lines, shown = [], set()
        self._draw(self.top, "", "", lines, shown)
        return "\n".join(lines)

    def __repr__(self):
        return str(self)

    def _draw(self, obj, prefix, label, lines, shown):
        head = f"{label}{obj!r}"
        inputs = self.inputs(obj)
        key = getattr(obj, "object_id", id(obj))
        if inputs and key in shown:
            lines.append(f"{head}  (see above)")
            return
        shown.add(key)
        lines.append(head)
        if not inputs:
            return
        for text in _how(obj):
            lines.append(f"{prefix}|     {text}")
        hidden = _alike(inputs)
        visible = [pair for pair in inputs if pair not in hidden]
        for at, (name, linked) in enumerate(visible):
            last = at == len(visible) - 1 and not hidden
            stem = "`-- " if last else "|-- "
            deeper = prefix + ("    " if last else "|   ")
            self._draw(linked, deeper, f"{prefix}{stem}{name}: ", lines, shown)
        if hidden:
            lines.append(f"{prefix}`-- and {len(hidden)} more {hidden[0][0]}")


def _alike(inputs):
    """Give the raw inputs of a long list that the drawing leaves out."""
    by_name = {}
    for pair in inputs:
        by_name.setdefault(pair[0], []).append(pair)
    longest = max(by_name.values(), key=len)
    plain = all(not hasattr(type(o), "input_objects") for _, o in longest)
    return longest[_MOST_ALIKE:] if plain and len(longest) > _MOST_ALIKE + 1 else []


def _how(obj):
    """Tell in words how a product was made; of a record that was collected nothing is known."""
    if "code_version" not in obj._attributes:
        return
    made = f"code {obj.code_version}, awe {obj.package_version}, {obj.kernel}"
    yield f"{made}, {obj.creation_date:%Y-%m-%d %H:%M:%S} by {obj.made_by}"
    parameters = obj.process_params if "process_params" in obj._attributes else None
    if parameters is not None:
        origins = dict(text.split(": ", 1) for text in obj.parameter_origins)
        words = []
        for name in parameters._attributes:
            origin = origins.get(name, "class")
            mark = "" if origin == "class" else f" ({origin})"
            words.append(f"{name}={getattr(parameters, name)}{mark}")
        yield from _wrapped(words)
    if obj.steps_not_done:
        yield f"not done: {'; '.join(obj.steps_not_done)}"
    if obj.overridden_inputs:
        yield f"given by the user: {', '.join(obj.overridden_inputs)}"


def _wrapped(words, width=90):
    line = ""
    for word in words:
        if line and len(line) + len(word) > width:
            yield line
            line = ""
        line += (", " if line else "") + word
    if line:
        yield line


def name_of(obj):
    """Give what people call an object.

    Parameters
    ----------
    obj : DBObject
        The object.

    Returns
    -------
    str
        The name of its file, or what tells it from others of its class.
    """
    return (obj.filename if "filename" in obj._attributes else None) or obj.summary()


def dependents(obj):
    """Give all that was made from an object, directly or not.

    Parameters
    ----------
    obj : DBObject
        The object.

    Returns
    -------
    list of DBObject
        Those the user may see, nearest first.
    """
    found, seen, waiting = [], {obj.object_id}, collections.deque([obj])
    while waiting:
        origin = waiting.popleft()
        for other in dependents_of(origin)[0]:
            # A link need not mean descent: a bias names the one it was compared with.
            if other.object_id not in seen and _is_made_from(other, origin):
                seen.add(other.object_id)
                found.append(other)
                waiting.append(other)
    return found


def _is_made_from(obj, origin):
    return hasattr(type(obj), "input_objects") and any(o is origin for _, o in obj.input_objects())
