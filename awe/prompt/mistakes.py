"""What a slip in the line that was typed is told, where Python itself would show a traceback."""

import ast
import inspect
import linecache
import re

from awe.base.errors import did_you_mean
from awe.store.query import Query

__all__ = ["mistake_text"]

_CALL = re.compile(
    r"(Query\.)?(\w+)\(\) (missing|got an unexpected keyword argument|takes|got multiple)"
)
_KEYWORD = re.compile(r"unexpected keyword argument '(\w+)'")


def mistake_text(error, trace, names):
    """Tell what was probably meant.

    Parameters
    ----------
    error : BaseException
        What the line raised.
    trace : traceback
        Where.
    names : dict
        The names of the session.

    Returns
    -------
    str or None
        A message; None where the traceback says more, as of what was raised further down.
    """
    while trace.tb_next is not None:
        trace = trace.tb_next
    if trace.tb_frame.f_globals is not names:
        return None
    if isinstance(error, NameError):
        meant = did_you_mean(error.name, [n for n in names if not n.startswith("_")])
        return f"{error}.{meant}" if meant else None
    if isinstance(error, AttributeError):
        return _of_nothing(error) if error.obj is None else _of_several(error)
    if isinstance(error, TypeError):
        return _of_a_call(error, trace, names)
    return None


def _of_nothing(error):
    return (
        f"None has no {error.name!r}.\n"
        f"  max() and min() of a query give None where it finds nothing (query.explain() tells\n"
        f"  why), select() of a calibration where none serves; so does an attribute without value."
    )


def _of_several(error):
    if not isinstance(error.obj, (list, tuple)):
        return None
    if error.name == "inspect":
        return "A list has no 'inspect'.\n  Type inspect(...) with the list in the parentheses."
    if hasattr(Query, error.name):
        return f"A list has no {error.name!r}: queries have, such as CLASS.select_all()."
    if error.obj and hasattr(error.obj[0], error.name):
        each = f"[x.{error.name} for x in ...]"
        return f"A list has no {error.name!r}, but each object in it.\n  Type {each}"
    return None


def _of_a_call(error, trace, names):
    """Show what a function of ours takes, where it was given something else."""
    found = _CALL.search(str(error))
    called = found and _called(found.group(2), bool(found.group(1)), trace, names)
    if not called:
        return None
    text, owner, function = called
    signature = inspect.signature(function)
    if isinstance(owner, type) and "'self'" in str(error):
        return (
            f"{text} is of an object of {owner.__name__}, not of the class itself.\n"
            f"  Make one, or select one: {owner.__name__}(...).{found.group(2)}()"
        )
    slip = _KEYWORD.search(str(error))
    meant = did_you_mean(slip.group(1), signature.parameters) if slip else ""
    return f"{error}.{meant}\n  {text}{signature}\n  help({text}) tells more."


def _called(name, of_a_query, trace, names):
    """Give text, owner and function of a call in the line, where it is one of ours."""
    source = "".join(linecache.getlines(trace.tb_frame.f_code.co_filename))
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        if not node.lineno <= trace.tb_lineno <= node.end_lineno:
            continue
        owner, function = _resolved(node.func, names)
        if function is None and of_a_query and getattr(node.func, "attr", None) == name:
            # A query is most often asked where it is written, and nothing is called here.
            function = getattr(Query, name).__get__(Query)
        if getattr(function, "__name__", None) != name:
            continue
        if function.__module__.startswith("awe"):
            return ast.unparse(node.func), owner, function
    return None


def _resolved(node, names):
    """Give owner and value of a name with dots; nothing is called."""
    if isinstance(node, ast.Name):
        return None, names.get(node.id)
    if isinstance(node, ast.Attribute):
        owner = _resolved(node.value, names)[1]
        return owner, getattr(owner, node.attr, None)
    return None, None
