"""Takers: functions that take the values of a new object, written out for each class.

Objects are made by the thousand. To look at each value in a loop costs more than twice as much as
statements of which each tests one attribute by name.
"""

import datetime

__all__ = ["late_taker"]

# What the tests of kinds ask for. No attribute begins with an underscore, but one may be a `type`.
_KNOWN = {f"_{t.__name__}": t for t in (bool, datetime.datetime, float, int, str, type)}


def late_taker(cls, form):
    """Give the taker of a class, which is written when it is called first.

    Parameters
    ----------
    cls : type
        A persistent class or one of owned records, its attributes resolved.
    form : str
        'dict' or 'tuple': what the taker gives.

    Returns
    -------
    staticmethod
        For ``cls._take``: it takes values by attribute, gives all attributes in order, coerced,
        those not given with their default, and hands other names to ``cls._refuse``.
    """

    def take(**values):
        cls._take = staticmethod(_written(cls, form))
        return cls._take(**values)

    return staticmethod(take)


def _written(cls, form):
    known = {**_KNOWN, "_refuse": cls._refuse}
    arguments, lines = [], ["  if _others: _refuse(_others)"]
    for at, (name, attribute) in enumerate(cls._attributes.items()):
        known[f"_default{at}"] = attribute.default
        known[f"_coerce{at}"] = attribute.kind.coerce
        known[f"_where{at}"] = attribute.where(cls)
        arguments.append(f"{name}=_default{at}, ")
        test = f"{name} is not _default{at}"
        if attribute.kind.serves is not None:
            test = f"not ({attribute.kind.serves.format(name)}) and {test}"
        lines.append(f"  if {test}: {name} = _coerce{at}({name}, _where{at})")
    items = {
        "dict": "{" + "".join(f"'{name}': {name}, " for name in cls._attributes) + "}",
        "tuple": "(" + "".join(f"{name}, " for name in cls._attributes) + ")",
    }
    star = "*, " if arguments else ""
    head = f"def take({star}{''.join(arguments)}**_others):"
    text = "\n".join([head, *lines, f"  return {items[form]}"])
    # The names are identifiers, which the metaclass has seen to; nothing else is of a user.
    exec(compile(text, f"<values of {cls.__name__}>", "exec"), known)
    return known["take"]
