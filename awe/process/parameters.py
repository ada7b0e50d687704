"""Process parameters: declared per class, with a default, a range and an origin for each value."""

from awe.base.errors import AweAttributeError, AweTypeError, AweValueError, did_you_mean
from awe.store import OwnedRecord
from awe.store.attributes import Attribute

__all__ = [
    "Parameter",
    "ProcessParameters",
    "check_pars",
    "parameter",
    "parameters_class",
    "resolve",
    "set_defaults_source",
]

# Gives the values that instrument, filter and chip have instead of a class's own.
_defaults_source = None


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


def set_defaults_source(source):
    """Say who knows the defaults of instruments.

    Parameters
    ----------
    source : callable
        Called with a class name and a dict of instrument, filter and chip names; gives a list
        of (origin, {name: value}), the weaker ones first.
    """
    global _defaults_source
    _defaults_source = source


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


def check_pars(pars, classes):
    """Check a user's parameters before any work.

    Parameters
    ----------
    pars : dict or object with ``get()``
        Values by 'Class.process_params.NAME'.
    classes : iterable of type
        The classes whose parameters a task uses.

    Returns
    -------
    dict
        The same as a plain dict.

    Raises
    ------
    AweAttributeError
        A name does not exist; the nearest are given.
    AweValueError
        A value is out of its range.
    """
    if pars is None:
        return {}
    if not isinstance(pars, dict):
        if not callable(getattr(pars, "get", None)):
            msg = f"pars is a dict such as p.get() gives, not {type(pars).__name__}."
            raise AweTypeError(msg)
        pars = pars.get()
    known = {}
    for cls in classes:
        record_class = parameters_class(cls)
        if record_class is not None:
            for name, attribute in record_class._attributes.items():
                known[f"{cls.__name__}.process_params.{name}"] = attribute
    for name, value in pars.items():
        if name not in known:
            whole = [key for key in known if key.endswith(f".{name}")]
            hint = f" Its full name is {' or '.join(map(repr, whole))}." if whole else ""
            msg = f"There is no parameter {name!r} here.{hint or did_you_mean(name, known)}"
            raise AweAttributeError(msg)
        known[name].check(value, name)
    return dict(pars)
