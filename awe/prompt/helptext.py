"""The help of classes, Tasks and attributes: what they mean, without Python's own noise."""

import builtins
import inspect
import pydoc
import sys

from awe.base.errors import AweLookupError
from awe.process import Task
from awe.prompt.namespace import find_named
from awe.store.attributes import InverseAttribute
from awe.store.meta import DBMeta, RecordMeta
from awe.store.objects import DBObject, OwnedRecord
from awe.store.terms import Term

__all__ = ["help_", "help_text"]

_NUMBER = """\
{value!r} is a number ({kind}), which does not know what it stands for. Ask what has it:
  help(RawScienceFrame.EXPTIME)   an attribute, its meaning and unit
  help(ReduceTask), p.show()      arguments and parameters, with range and meaning
"""
# Methods that the machinery calls and a person does not.
_MACHINERY = {"prepare_files", "raw_of", "stored_files", "stored_value", "summary"}
_WELCOME = """\
Classes     RawScienceFrame, BiasFrame ...: help(RawScienceFrame) lists the attributes.
            Asked for an attribute a class gives a term, a comparison makes a query:
              query = (RawScienceFrame.chip.name == 'CCD_1') & (RawScienceFrame.EXPTIME > 10)
              len(query)   query[0]   query.max('DATE_OBS')   query.table('filename', 'EXPTIME')
              query.plot('DATE_OBS', 'imstat.median', by='chip.name')   query.hist('EXPTIME')
Objects     obj.info()   obj.inspect()   obj.lineage()   obj.retrieve()   obj.history()
Tasks       help(ReduceTask) lists the arguments; ReduceTask(...).execute()
Parameters  p = Pars('Reduce', instrument='NAME')   p.show()   ReduceTask(..., pars=p)
Choice      raw.explain('bias')   red.explain('flat')   calendar(BiasFrame, instrument='NAME')
Context     context.set_project('NAME')   context.set_privileges(1)   context.commit()
Ingest      ingest('folder', commit=True)
Anything    help(X), and TAB after a dot or inside quotes: RawScienceFrame.filter.name == '<TAB>
"""


class _Help:
    """Replaces Python's `help`: for what is ours it leaves out Python's own machinery."""

    def __repr__(self):
        return _WELCOME

    def __call__(self, *things):
        """Show the help of something.

        Parameters
        ----------
        *things
            A class, a Task, an attribute, an object, or anything that Python's help takes.
        """
        if not things:
            print(_WELCOME, end="")
            return
        things = (_named(things[0]), *things[1:])
        text = help_text(things[0])
        if text is None:
            builtins.help(*things)
        else:
            pydoc.pager(text)


help_ = _Help()


def help_text(thing):
    """Give the help of what is ours.

    Parameters
    ----------
    thing : object
        A persistent class, owned record, Task, term of a query, or one of their objects.

    Returns
    -------
    str or None
        None for anything else.
    """
    if isinstance(thing, (DBObject, OwnedRecord, Task)):
        thing = type(thing)
    if isinstance(thing, (DBMeta, RecordMeta)):
        return _class_text(thing)
    if isinstance(thing, type) and issubclass(thing, Task):
        return f"{thing.__name__}\n\n{_unindented(thing.__doc__)}\n\n{_usage(thing)}\n"
    pars = _pars_class()
    if thing is pars and pars is not None:
        return pars.help_text()
    if pars is not None and isinstance(thing, pars):
        return f"{inspect.cleandoc(pars.__doc__)}\n\n{thing}\n"
    if isinstance(thing, Term):
        return f"{thing._path}: {thing._path.attribute.__doc__}\n"
    if isinstance(thing, (bool, int, float)):
        return _NUMBER.format(value=thing, kind=type(thing).__name__)
    return _own_text(thing)


def _named(thing):
    """Give what a name such as 'ReduceTask' or 'Reduce' stands for, and Python's words as such."""
    if not isinstance(thing, str) or not thing.isidentifier():
        return thing
    helper = pydoc.Helper
    if thing in {*helper.keywords, *helper.topics, "modules", "keywords", "topics", "symbols"}:
        return thing
    try:
        return find_named(thing)
    except AweLookupError:
        if pydoc.locate(thing) is not None:
            return thing
        raise


def _own_text(thing):
    """Give the help of another class of ours or of its object: what it is and can do."""
    cls = thing if isinstance(thing, type) else type(thing)
    ours = cls.__module__.split(".")[0] == "awe"
    if not ours or isinstance(thing, BaseException):
        return None
    return f"{cls.__name__}\n\n{_unindented(cls.__doc__)}\n{_methods(cls)}"


def _pars_class():
    """Give the class Pars where it is loaded: who asks for its help has loaded it."""
    return getattr(sys.modules.get("awe.process.pars"), "Pars", None)


def _usage(task):
    needed = [f"{a.name}=..." for a in task._arguments.values() if a.required]
    return f"To run it: {task.__name__}({', '.join([*needed, 'commit=True'])}).execute()"


def _class_text(cls):
    own = cls.__dict__.get("__doc__") or ""
    bases = [b.__name__ for b in cls.__mro__[1:-1] if isinstance(b, (DBMeta, RecordMeta))]
    head = f"{cls.__name__}" + (f" ({' < '.join(bases)})" if bases else "")
    parts = [head, _unindented(own)]
    attributes = {**cls._attributes, **getattr(cls, "_inverses", {})}
    if attributes:
        parts.append("Attributes:\n" + _attribute_lines(cls, attributes))
    return "\n\n".join(p for p in parts if p) + "\n" + _methods(cls)


def _attribute_lines(cls, attributes):
    """Give the attributes by the class that declares them, the class's own first."""
    width = max(len(name) for name in attributes)
    kinds = {name: a.type_text() for name, a in attributes.items()}
    wide = min(24, max(len(k) for k in kinds.values()))
    lines = []
    for base in cls.__mro__:
        mine = [n for n in attributes if n in base.__dict__]
        if mine and base is not cls:
            lines.append(f"  from {base.__name__}:")
        for name in mine:
            lines.append(f"  {name:<{width}}  {kinds[name]:<{wide}}  {_meaning(attributes[name])}")
        attributes = {n: a for n, a in attributes.items() if n not in mine}
    return "\n".join(lines)


def _meaning(attribute):
    unit = f" [{attribute.unit}]" if attribute.unit else ""
    marks = [w for w in ("mutable", "unique", "required") if getattr(attribute, w)]
    if isinstance(attribute, InverseAttribute):
        marks.append(f"the other side of {attribute.target.__name__}.{attribute.inverse}")
    return f"{attribute.doc}{unit}" + (f" ({', '.join(marks)})" if marks else "")


def _methods(cls):
    """Give the public methods with their signatures and the first lines of their help."""
    lines = []
    for name in sorted(dir(cls)):
        found = inspect.getattr_static(cls, name)
        function = found.__func__ if isinstance(found, (classmethod, staticmethod)) else found
        if name.startswith("_") or name in _MACHINERY or not inspect.isfunction(function):
            continue
        text = (function.__doc__ or "").strip().splitlines()
        lines.append(f"  {name}{_signature(function, found)}\n      {text[0] if text else ''}")
    return "\nMethods:\n" + "\n".join(lines) + "\n" if lines else ""


def _signature(function, found):
    parameters = list(inspect.signature(function).parameters.values())
    if not isinstance(found, staticmethod):
        parameters = parameters[1:]
    return str(inspect.Signature(parameters))


def _unindented(text):
    return inspect.cleandoc(text or "").rstrip()
