"""Pars: the parameters of all that a task makes or uses, to be seen, changed and kept."""

import inspect
import os
import shutil
import textwrap

from awe.base import hooks
from awe.base.errors import (
    AweAttributeError,
    AweLookupError,
    AweTypeError,
    AweValueError,
    did_you_mean,
)
from awe.base.paths import typed_path
from awe.process.parameters import (
    check_pars,
    known_names,
    parameter_lines,
    parameters_class,
    resolve,
)
from awe.process.product import Product
from awe.process.task import Argument, Task
from awe.store import registry

__all__ = ["Branch", "Pars"]

_LINK = "process_params"
_FIELDS = ("pars_of", "instrument", "chip", "filter", "pars")
_NAMES = ("instrument", "chip", "filter")
_NARROWEST = 60


def _as_name(what, name, value):
    """Take the name of an instrument, CCD or filter, or such an object."""
    value = getattr(value, "name", value)
    if not isinstance(value, str):
        msg = f"{what}: {name} is a name, not {type(value).__name__} {value!r}."
        raise AweTypeError(msg)
    return value


class Branch:
    """A branch of the tree: the parameters of a class, or what leads to them.

    Parameters
    ----------
    pars : Pars
        The tree.
    cls : type
        The class of products.
    """

    __slots__ = ("_cls", "_pars")

    def __init__(self, pars, cls):
        object.__setattr__(self, "_pars", pars)
        object.__setattr__(self, "_cls", cls)

    def __repr__(self):
        return "\n".join(self._pars._class_lines(self._cls))

    def __dir__(self):
        return [*self._names(), "show"]

    def branches(self):
        """Give the names below which there are more.

        Returns
        -------
        list of str
            Empty at the end of the tree.
        """
        return []

    def show(self):
        """Print the parameters of the class."""
        print(repr(self))


class _ClassNode(Branch):
    """A class of the tree; its parameters lie under `process_params`."""

    __slots__ = ()

    def _names(self):
        return [_LINK]

    def branches(self):
        """Give the one name below which the parameters lie."""
        return [_LINK]

    def __getattr__(self, name):
        if name == _LINK:
            return _ParametersNode(self._pars, self._cls)
        raise AweAttributeError(self._unknown(name))

    def __setattr__(self, name, value):
        if name == _LINK:
            msg = f"{self._cls.__name__}.{_LINK} holds several values; assign to one of them."
            raise AweTypeError(msg, remedy=f"TAB after p.{self._cls.__name__}.{_LINK}. shows them.")
        raise AweAttributeError(self._unknown(name))

    def _unknown(self, name):
        known = parameters_class(self._cls)._attributes
        whole = f"{self._cls.__name__}.{_LINK}"
        msg = f"{self._cls.__name__} has no {name!r} here; its parameters lie in {whole}."
        return msg + (f" Type p.{whole}.{name}." if name in known else did_you_mean(name, known))


class _ParametersNode(Branch):
    """The parameters of a class by name."""

    __slots__ = ()

    def _names(self):
        return list(parameters_class(self._cls)._attributes)

    def __getattr__(self, name):
        # Whoever looks into an object asks for much that begins so.
        if name.startswith("_"):
            raise AttributeError(name)
        if name not in self._names():
            raise AweAttributeError(self._unknown(name))
        return getattr(self._pars._resolved(self._cls)[0], name)

    def __setattr__(self, name, value):
        if name not in self._names():
            raise AweAttributeError(self._unknown(name))
        self._pars._set(f"{self._cls.__name__}.{_LINK}.{name}", value)

    def __delattr__(self, name):
        if name not in self._names():
            raise AweAttributeError(self._unknown(name))
        self._pars._drop(f"{self._cls.__name__}.{_LINK}.{name}")

    def _unknown(self, name):
        known = self._names()
        msg = f"{self._cls.__name__}.{_LINK} has no parameter {name!r}."
        return msg + (did_you_mean(name, known) or f" It has: {', '.join(known)}.")


class Pars:
    """The process parameters of all that a task makes or uses.

    A value that is assigned is checked at once and counts as the user's, also where it is the
    one of the class; ``del`` takes it back. `get` gives what was assigned, for ``pars=`` of a
    task, of ``lpu.run`` and of ``dpu.run``; these take the Pars itself as well.

        p = Pars('Reduce', instrument='OMEGACAM')
        p.show()
        p.ReducedScienceFrame.process_params.FRINGE_THRESHOLD_HIGH = 6.0
        ReduceTask(instrument='OMEGACAM', date='2012-06-01', pars=p).execute()
        p.save('mine.yaml')
        p = Pars.load('mine.yaml')
    """

    arguments = (
        Argument("what", "a Task, the name of a recipe ('Reduce'), of several "
                         "('Bias>Reduce'), or a class of products", required=True),
        Argument("instrument", "name of the instrument whose defaults count; by default those "
                               "of the classes do", check=_as_name),
        Argument("chip", "name of the CCD whose defaults count; needs instrument",
                 check=_as_name),
        Argument("filter", "name of the filter whose defaults count; needs instrument",
                 check=_as_name),
    )  # fmt: skip

    _arguments = {a.name: a for a in arguments}

    def __init__(self, what=None, *, instrument=None, chip=None, filter=None):
        label, made = _made_by(what)
        given = {"instrument": instrument, "chip": chip, "filter": filter}
        given = {
            name: self._arguments[name].check("Pars", name, value)
            for name, value in given.items() if value is not None
        }  # fmt: skip
        if given and "instrument" not in given:
            msg = f"Pars: {' and '.join(given)} of which instrument?"
            raise AweTypeError(msg, remedy="Give instrument= as well.")
        used = [cls for cls in _closure(made) if parameters_class(cls) is not None]
        if not used:
            msg = f"Pars: {label} makes and uses nothing that has parameters."
            raise AweTypeError(msg)
        hidden = {"_label": label, "_made": made, "_given": given, "_names": known_names(given)}
        for name, value in hidden.items():
            object.__setattr__(self, name, value)
        object.__setattr__(self, "_classes", {cls.__name__: cls for cls in used})
        object.__setattr__(self, "_values", {})

    # --- one parameter ---

    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(name)
        if name in self._classes:
            return _ClassNode(self, self._classes[name])
        raise AweAttributeError(self._unknown(name))

    def __setattr__(self, name, value):
        if name in self._classes:
            msg = f"{name} is a class; assign to one of its parameters."
            raise AweTypeError(msg, remedy=f"TAB after p.{name}.{_LINK}. shows them.")
        raise AweAttributeError(self._unknown(name))

    def __dir__(self):
        return [*self._classes, "get", "save", "show"]

    def _unknown(self, name):
        whole = [
            f"p.{cls.__name__}.{_LINK}.{name}"
            for cls in self._classes.values()
            if name in parameters_class(cls)._attributes
        ]
        msg = f"Pars of {self._label} have no {name!r}."
        return msg + (f" Type {' or '.join(whole)}." if whole
                      else did_you_mean(name, self._classes))  # fmt: skip

    def _set(self, name, value):
        self._values.update(check_pars({name: value}, self._classes.values()))

    def _drop(self, name):
        self._values.pop(name, None)

    def _resolved(self, cls):
        return resolve(cls, self._names, self._values)

    def branches(self):
        """Give the names of the classes.

        Returns
        -------
        list of str
            Those that are made, then those that these use.
        """
        return list(self._classes)

    # --- all of them ---

    def get(self):
        """Give what was changed, for ``pars=`` of a task.

        Returns
        -------
        dict of str to object
            Values by 'Class.process_params.NAME', in the order of the tree.
        """
        order = list(self._classes)
        return dict(sorted(self._values.items(), key=lambda i: order.index(i[0].split(".")[0])))

    def show(self):
        """Print the tree: value, origin, allowed range and meaning of each parameter."""
        print(self)

    def __repr__(self):
        head = ", ".join([self._label, *self._given.values()])
        changed = len(self._values)
        return (
            f"<Pars of {head}: {len(self._classes)} classes, {changed} "
            f"{'value' if changed == 1 else 'values'} changed; p.show() prints them>"
        )

    def __str__(self):
        given = "".join(f", {n} {v}" for n, v in self._given.items())
        lines = [f"Parameters of {self._label}{given}"]
        for cls in self._classes.values():
            lines += ["", *self._class_lines(cls)]
        return "\n".join(lines)

    def _class_lines(self, cls):
        """Give the branch of one class."""
        values, origins = self._resolved(cls)
        known = parameters_class(cls)._attributes
        made = cls in self._made
        rows = [
            (n, a.value_text(getattr(values, n)), origins[n], a.range_text(), a.doc)
            for n, a in known.items()
        ]
        head = f"{cls.__name__} ({'made' if made else 'used: counts where it is made'})"
        return [head, f"  {_LINK}", *_table(rows)]

    @classmethod
    def help_text(cls):
        """Describe the arguments, and every parameter that there is.

        Returns
        -------
        str
            Many lines.
        """
        width = max(len(name) for name in cls._arguments)
        lines = ["Pars", "", inspect.cleandoc(cls.__doc__), "", "Arguments:", ""]
        lines += [f"{a.name:<{width}}  {a.doc}" for a in cls.arguments]
        for product in registry.all_classes():
            described = parameter_lines(product) if issubclass(product, Product) else []
            if described and not product.abstract:
                lines += ["", f"Parameters of {product.__name__}.{_LINK}:", "", *described]
        return "\n".join(lines) + "\n"

    # --- files ---

    def save(self, file, *, overwrite=False):
        """Write what was changed, and of what, as YAML.

        Parameters
        ----------
        file : str or os.PathLike
            The file.
        overwrite : bool, optional
            Whether a file that is there may be replaced. The default is False.

        Returns
        -------
        pathlib.Path
            The file.

        Raises
        ------
        AweValueError
            The file is there, or cannot be written.
        """
        import yaml

        path = typed_path(file).absolute()
        if path.exists() and not overwrite:
            raise AweValueError(f"{path} is there already.", remedy="Give overwrite=True.")
        content = {"pars_of": self._label, **self._given, "pars": self.get()}
        temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
        try:
            temporary.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
            temporary.replace(path)
        except OSError as err:
            raise AweValueError(f"{path} cannot be written: {err}.") from err
        return path

    @classmethod
    def load(cls, file):
        """Read what `save` wrote; every value is checked.

        Parameters
        ----------
        file : str or os.PathLike
            The file.

        Returns
        -------
        Pars
            As it was saved.

        Raises
        ------
        AweError
            The file is not of this form, or holds a parameter or value that cannot be.
        """
        path = typed_path(file).absolute()
        content = _read(path)
        given = {n: content[n] for n in _NAMES if content.get(n) is not None}
        try:
            pars = cls(content["pars_of"], **given)
            pars._values.update(check_pars(content.get("pars"), pars._classes.values()))
        except (AweAttributeError, AweLookupError, AweTypeError, AweValueError) as err:
            raise type(err)(f"{path}: {err}") from err
        return pars


def _read(path):
    """Read a file of `Pars.save` as plain values."""
    import yaml

    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError, OSError) as err:
        msg = f"{path} is not a readable YAML file: {' '.join(str(err).split())}"
        raise AweValueError(msg) from err
    if not isinstance(content, dict) or not isinstance(content.get("pars_of"), str):
        msg = f"{path} does not say of what its parameters are (pars_of: Reduce)."
        raise AweValueError(msg)
    for name in content:
        if name not in _FIELDS:
            msg = f"{path}: {name!r} is no part of such a file.{did_you_mean(name, _FIELDS)}"
            raise AweValueError(msg)
    return content


def _made_by(what):
    """Give a name for, and the classes that are made by, what a user gave."""
    if isinstance(what, str):
        return _made_by_name(what.strip())
    cls = what if isinstance(what, type) else type(what)
    if issubclass(cls, Task):
        return cls.__name__.removesuffix("Task") or cls.__name__, list(cls.product_classes())
    if isinstance(what, type) and issubclass(what, Product) and not what.abstract:
        return what.__name__, [what]
    given = what.__name__ if isinstance(what, type) else f"{type(what).__name__} {what!r}"
    given = "nothing" if what is None else given
    msg = f"Pars takes a Task, the name of a recipe or a class of products, not {given}."
    raise AweTypeError(msg, remedy="Such as Pars(ReduceTask, instrument='OMEGACAM').")


def _made_by_name(name):
    cls = registry.known_class(name)
    if cls is not None:
        return _made_by(cls)
    parts = [part.strip() for part in name.split(">")]
    made = [each for part in parts for each in hooks.call("recipe", part).product_classes()]
    return ">".join(part.removesuffix("Task") for part in parts), list(dict.fromkeys(made))


def _closure(made):
    """Give the classes that are made, then all that these are made from, nearest first."""
    found = dict.fromkeys(made)
    waiting = list(made)
    while waiting:
        cls = waiting.pop(0)
        names = [n for d in getattr(cls, "dependencies", ()) for n in d.class_names]
        used = [registry.find_class(n) for n in names]
        for name in cls.inputs:
            kind = cls._attributes[name].kind
            used.append(getattr(kind, "item", kind).target)
        for each in used:
            if each not in found and issubclass(each, Product):
                found[each] = None
                waiting.append(each)
    return list(found)


def _table(rows):
    """Lay out the parameters of a class; the meaning follows, or stands below where it is long."""
    heads = [
        max((len(row[column]) for row in rows), default=0) for column in range(len(rows[0]) - 1)
    ] if rows else []  # fmt: skip
    width = max(_NARROWEST, shutil.get_terminal_size((100, 24)).columns - 1)
    indent, lines = " " * 8, []
    for *cells, doc in rows:
        head = "    " + "  ".join(f"{c:<{w}}" for c, w in zip(cells, heads, strict=True))
        if len(head) + 2 + len(doc) <= width:
            lines.append(f"{head}  {doc}")
        else:
            lines += [head.rstrip(), *textwrap.wrap(doc, width, initial_indent=indent,
                                                    subsequent_indent=indent)]  # fmt: skip
    return lines
