"""Process parameters: declared per class, with a default, a range and an origin for each value."""

from awe.base.errors import AweAttributeError, AweTypeError, AweValueError, did_you_mean
from awe.store import OwnedRecord, registry
from awe.store.attributes import Attribute

__all__ = [
    "Parameter",
    "ProcessParameters",
    "as_pars",
    "check_pars",
    "known_names",
    "parameter",
    "parameter_lines",
    "parameters_class",
    "pars_of",
    "resolve",
    "set_defaults_source",
]

# Gives the values that instrument, filter and chip have instead of a class's own.
_defaults_source = None
# Checks names of instrument, filter and chip.
_names_source = None
_MIDDLE = ".process_params."


class Parameter(Attribute):
    """A process parameter; made by `parameter`.

    Attributes
    ----------
    low, high : float or None
        The range allowed, bounds included.
    choices : tuple or None
        The only values allowed.
    critical : bool
        Whether another value gives other pixels.
    """

    low = high = choices = None
    critical = True

    @property
    def __doc__(self):
        default = "none" if self.default is None else f"{self.default} {self.unit or ''}".rstrip()
        return f"{self.doc} ({self.type_text()}; {default} by default, {self.range_text()})"

    def range_text(self):
        """Give the range as a person reads it.

        Returns
        -------
        str
            Such as '0 to 10'.
        """
        if self.choices is not None:
            return f"one of {', '.join(str(c) for c in self.choices)}"
        if self.low is None and self.high is None:
            return "any"
        low = "..." if self.low is None else f"{self.low:g}"
        high = "..." if self.high is None else f"{self.high:g}"
        return f"{low} to {high}"

    def value_text(self, value):
        """Give a value with its unit as a person reads it.

        Parameters
        ----------
        value : object
            The value.

        Returns
        -------
        str
            Such as '5.0 sigma'.
        """
        return "none" if value is None else f"{value!r} {self.unit or ''}".rstrip()

    def check(self, value, where):
        """Give the value in its own type, or raise where it is out of range.

        Parameters
        ----------
        value : object
            The value.
        where : str
            The parameter's full name, for the message.

        Returns
        -------
        object
            The value.
        """
        value = self.kind.coerce(value, where)
        if value is None and self.default is None:
            return value
        if value is None or value != value or value in (float("inf"), float("-inf")):
            msg = f"{where} = {value!r} is no value: {self.range_text()} ({self.doc})."
            raise AweValueError(msg)
        bad = self.choices is not None and value not in self.choices
        bad |= self.low is not None and not value >= self.low
        bad |= self.high is not None and not value <= self.high
        if bad:
            unit = f" {self.unit}" if self.unit else ""
            msg = f"{where} = {value!r} is out of range: {self.range_text()}{unit} ({self.doc})."
            raise AweValueError(msg)
        return value


def parameter(
    doc, type, default, *, unit=None, low=None, high=None, choices=None, critical=True
):  # fmt: skip
    """Declare a process parameter of a class of parameters.

    Parameters
    ----------
    doc : str
        What it means.
    type : type
        bool, int, float or str.
    default : object
        The class's default.
    unit : str, optional
        Its unit.
    low, high : float, optional
        The range allowed, bounds included. By default any.
    choices : tuple, optional
        The only values allowed. By default any.
    critical : bool, optional
        Whether another value gives other pixels, and so another content key. The default is
        True; limits of quality control are not critical.

    Returns
    -------
    Parameter
        A field of the record.
    """
    made = Parameter(
        doc, type, default, unit=unit, mutable=False, unique=False, required=False, inverse=None
    )
    made.low, made.high, made.choices, made.critical = low, high, choices, critical
    return made


class ProcessParameters(OwnedRecord):
    """The parameters with which a product was made."""

    @classmethod
    def critical_values(cls, record):
        """Give the values that decide the pixels.

        Parameters
        ----------
        record : ProcessParameters
            The values.

        Returns
        -------
        list of (str, object)
            Sorted by name.
        """
        names = (n for n, a in cls._attributes.items() if getattr(a, "critical", False))
        return sorted((n, getattr(record, n)) for n in names)


def set_defaults_source(source, names_source=None):
    """Say who knows the defaults of instruments.

    Parameters
    ----------
    source : callable
        Called with a class name and a dict of instrument, filter and chip names; gives a list
        of (origin, {name: value}), the weaker ones first.
    names_source : callable, optional
        Called with such a dict that a user gave; gives it with all that follows from it, or
        raises where there is no such thing. By default names are not checked.
    """
    global _defaults_source, _names_source
    _defaults_source = source
    _names_source = names_source


def known_names(names):
    """Check the names on which defaults depend.

    Parameters
    ----------
    names : dict
        Names of 'instrument', 'filter' and 'chip' that a user gave.

    Returns
    -------
    dict
        For `resolve`: the same, and what follows from them.

    Raises
    ------
    AweLookupError
        There is no such instrument, filter or chip.
    """
    return dict(names) if _names_source is None else _names_source(names)


def parameters_class(product_class):
    """Give the class of process parameters of a product's class.

    Parameters
    ----------
    product_class : type
        The product's class.

    Returns
    -------
    type or None
        None where it has none.
    """
    attribute = product_class._attributes.get("process_params")
    return None if attribute is None else attribute.kind.record_class


def resolve(product_class, names, pars=None):
    """Find the value of each parameter, and where it comes from.

    Parameters
    ----------
    product_class : type
        The product's class.
    names : dict
        Names of 'instrument', 'filter' and 'chip', as far as they are known.
    pars : dict, optional
        The user's values by 'Class.process_params.NAME'. By default none.

    Returns
    -------
    values : ProcessParameters
        All parameters of the class.
    origins : dict of str to str
        'class', 'instrument', 'filter', 'chip' or 'user' by parameter.

    Raises
    ------
    AweAttributeError
        A default of an instrument names a parameter that does not exist.
    AweValueError
        A value is out of its range.
    """
    record_class = parameters_class(product_class)
    known = record_class._attributes
    values = {name: a.default for name, a in known.items()}
    origins = dict.fromkeys(known, "class")
    layers = [] if _defaults_source is None else _defaults_source(product_class.__name__, names)
    prefix = f"{product_class.__name__}.process_params."
    mine = {k.removeprefix(prefix): v for k, v in (pars or {}).items() if k.startswith(prefix)}
    for origin, layer in [*layers, ("user", mine)]:
        for name, value in layer.items():
            if name not in known:
                msg = f"{prefix}{name} ({origin}) does not exist.{did_you_mean(name, known)}"
                raise AweAttributeError(msg)
            values[name] = known[name].check(value, prefix + name)
            origins[name] = origin
    return record_class(**values), origins


def parameter_lines(product_class):
    """Describe the parameters of a class, one line each.

    Parameters
    ----------
    product_class : type
        The product's class.

    Returns
    -------
    list of str
        Name, default with its unit, range and meaning; empty where it has none.
    """
    record_class = parameters_class(product_class)
    known = {} if record_class is None else record_class._attributes
    return [
        f"{name:<28} {a.value_text(a.default)} ({a.range_text()}): {a.doc}"
        for name, a in known.items()
    ]


def as_pars(pars):
    """Take parameters in any of their forms.

    Parameters
    ----------
    pars : None, dict or Pars
        What a user gave.

    Returns
    -------
    dict
        Values by 'Class.process_params.NAME', not checked.

    Raises
    ------
    AweTypeError
        It is something else.
    """
    if pars is None:
        return {}
    if not isinstance(pars, dict):
        if isinstance(pars, type) or not callable(getattr(pars, "get", None)):
            kind = f"the class {pars.__name__}" if isinstance(pars, type) else type(pars).__name__
            msg = f"pars is a Pars or a dict such as p.get() gives, not {kind}."
            raise AweTypeError(msg, remedy="Type: p = Pars('Reduce', instrument='NAME')")
        pars = pars.get()
    for name in pars:
        if not isinstance(name, str):
            msg = f"pars has names such as 'Class.process_params.NAME', not {name!r}."
            raise AweTypeError(msg)
    return dict(pars)


def pars_of(pars, classes):
    """Take those of a user's parameters that belong to some classes.

    Parameters
    ----------
    pars : None, dict or Pars
        Values by 'Class.process_params.NAME'.
    classes : iterable of type
        The classes.

    Returns
    -------
    dict
        The values of these classes.
    """
    prefixes = tuple(f"{cls.__name__}{_MIDDLE}" for cls in classes)
    return {name: value for name, value in as_pars(pars).items() if name.startswith(prefixes)}


def check_pars(pars, classes):
    """Check a user's parameters before any work.

    Parameters
    ----------
    pars : None, dict or Pars
        Values by 'Class.process_params.NAME'.
    classes : iterable of type
        The classes that are made.

    Returns
    -------
    dict
        The same, each value in the type of its parameter.

    Raises
    ------
    AweAttributeError
        A name does not exist, the nearest are given; or nothing of its class is made.
    AweTypeError
        A value is of another type.
    AweValueError
        A value is out of its range.
    """
    known = {}
    for cls in classes:
        record_class = parameters_class(cls)
        if record_class is not None:
            for name, attribute in record_class._attributes.items():
                known[f"{cls.__name__}{_MIDDLE}{name}"] = attribute
    checked = {}
    for name, value in as_pars(pars).items():
        if name not in known:
            _refuse(name, known)
        checked[name] = known[name].check(value, name)
    return checked


def _refuse(name, known):
    """Tell why a name is no parameter of what is made."""
    whole = [key for key in known if key.endswith(f".{name}")]
    if whole:
        msg = f"There is no parameter {name!r} here. Its full name is {_or(whole)}."
        raise AweAttributeError(msg)
    class_name, middle, short = name.partition(_MIDDLE)
    cls = registry.known_class(class_name) if middle else None
    record_class = None if cls is None else parameters_class(cls)
    made = {key.partition(_MIDDLE)[0] for key in known}
    if record_class is None or short not in record_class._attributes or class_name in made:
        msg = f"There is no parameter {name!r} here.{did_you_mean(name, known)}"
        raise AweAttributeError(msg)
    msg = (
        f"{name} would change nothing: no {class_name} is made here, only "
        f"{', '.join(sorted(made)) or 'what has no parameters'}."
    )
    remedy = (
        f"Make a new {class_name} with it first, or in the same sequence ('...>...'), or ask for "
        "the result: target(..., pars=...)."
    )
    raise AweAttributeError(msg, remedy=remedy)


def _or(names):
    return " or ".join(map(repr, names))
