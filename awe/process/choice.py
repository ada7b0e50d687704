"""Choice of calibrations: criteria declared by classes, carried out and explained here."""

import contextlib
import dataclasses
import datetime
import functools
import operator

from awe.base.errors import AweLookupError, AweTypeError, AweValueError
from awe.base.utc import EPOCH
from awe.process.flags import disqualifying_bits
from awe.process.parameters import parameters_class
from awe.store import current, registry
from awe.store.attributes import path_of
from awe.store.terms import Term

__all__ = [
    "CalibrationNotFound",
    "Dependency",
    "at_level_one",
    "check_given",
    "choose",
    "criteria",
    "explain",
    "hint_of_privileges",
    "is_forever",
    "nearness",
    "shared_parameters",
]

FOREVER_START = datetime.datetime(1900, 1, 1)
FOREVER_END = datetime.datetime(2200, 1, 1)
_MICROSECOND = datetime.timedelta(microseconds=1)


class CalibrationNotFound(AweLookupError):
    """No calibration meets all criteria.

    Parameters
    ----------
    message : str
        What is missing, with the table of the nearest misses.
    remedy, cause : str, optional
        As for `AweError`.
    explain : callable, optional
        Gives the explanation with every candidate. By default there is none.
    """

    def __init__(self, message, *, remedy=None, cause=None, explain=None):
        super().__init__(message, remedy=remedy, cause=cause)
        self.explain = explain

    @property
    def explanation(self):
        """Every candidate with the verdict of each criterion, as of now; None if not known."""
        return None if self.explain is None else self.explain()

    def __reduce__(self):
        # The candidates stay where their store is.
        return (_not_found, (str(self), self.cause))


def _not_found(message, cause):
    return CalibrationNotFound(message, cause=cause)


@dataclasses.dataclass(frozen=True)
class Dependency:
    """What a product needs, and by which criteria it is chosen.

    Attributes
    ----------
    name : str
        The link, such as 'bias'.
    class_names : tuple of str
        The classes that serve, the preferred one first.
    match : tuple of str
        Attributes that must be equal on the frame and on the candidate.
    same_parameters : tuple of str
        Process parameters that must be equal on the product and on the candidate.
    required : bool
        Whether the product cannot be made without it.
    headings : tuple of (str, str)
        Shorter words for criteria, as the heads of columns.
    compared_by : tuple of (str, str)
        Links of `match` that are equal where an attribute behind them is, such as the mode of
        a read-out, which each CCD has as an object of its own.
    """

    name: str
    class_names: tuple
    match: tuple
    same_parameters: tuple = ()
    required: bool = True
    headings: tuple = ()
    compared_by: tuple = ()

    def value_of(self, obj, name):
        """Give what must be equal on a frame and on a calibration.

        Parameters
        ----------
        obj : DBObject
            The frame or the calibration.
        name : str
            An attribute of `match`.

        Returns
        -------
        object
            None where it has no such attribute.
        """
        value, by = getattr(obj, name, None), dict(self.compared_by).get(name)
        return value if by is None or value is None else getattr(value, by)

    def term_of(self, cls, name):
        """Give what `value_of` gives as a term of a query.

        Parameters
        ----------
        cls : type
            The calibration's class.
        name : str
            An attribute of `match`.

        Returns
        -------
        Term
            To be compared with the value of the frame.
        """
        by = dict(self.compared_by).get(name)
        return Term(path_of(cls, name if by is None else f"{name}.{by}"))

    def heading(self, criterion):
        """Give the head of the column of a criterion.

        Parameters
        ----------
        criterion : str
            Its name, as in the verdicts.

        Returns
        -------
        str
            A short word.
        """
        return {"quality_flags": "flags", **dict(self.headings)}.get(criterion, criterion)


def is_forever(calibration):
    """Tell whether the interval of a calibration is without bounds.

    Parameters
    ----------
    calibration : Product
        The calibration.

    Returns
    -------
    bool
        True for a last resort.
    """
    return calibration.timestamp_start <= FOREVER_START and calibration.timestamp_end >= FOREVER_END


def nearness(night, calibration):
    """Give the place of a calibration in the order of choice.

    Parameters
    ----------
    night : datetime.datetime
        The night of what is to be calibrated.
    calibration : Product
        A calibration that serves.

    Returns
    -------
    tuple
        Smaller is better: a finite interval before a forever one, then the fewest nights
        between, then the newest, then the highest object_id.
    """
    nights = abs((calibration.night - night).days)
    newest = (EPOCH - calibration.creation_date) // _MICROSECOND
    return (is_forever(calibration), nights, newest, -int(calibration.object_id, 16))


def criteria(frame, dependency, cls, parameters=None):
    """Give the criteria that a query can carry out, each as a query.

    Parameters
    ----------
    frame, dependency, parameters
        As for `choose`.
    cls : type
        A class that serves.

    Returns
    -------
    dict of str to Query
        By criterion; the quality flags are not among them.
    """
    found = {
        name: dependency.term_of(cls, name) == dependency.value_of(frame, name)
        for name in dependency.match
    }
    at = frame.DATE_OBS
    found["interval"] = (cls.timestamp_start <= at) & (cls.timestamp_end > at)
    found["is_valid"] = cls.is_valid > 0
    for name in shared_parameters(cls, dependency, parameters):
        found[name] = getattr(cls.process_params, name) == getattr(parameters, name)
    return found


def shared_parameters(cls, dependency, parameters):
    """Give the parameters that must be equal on the product and on a calibration.

    Parameters
    ----------
    cls : type
        The calibration's class.
    dependency : Dependency
        What is needed.
    parameters : ProcessParameters or None
        Those of the product; None where they are not compared.

    Returns
    -------
    list of str
        Those that the class has.
    """
    record_class = parameters_class(cls)
    if record_class is None or parameters is None:
        return []
    return [n for n in dependency.same_parameters if n in record_class._attributes]


def choose(frame, dependency, parameters=None):
    """Choose the calibration of a frame.

    Parameters
    ----------
    frame : DBObject
        What is to be calibrated; it has DATE_OBS, night and the attributes to match.
    dependency : Dependency
        What is needed.
    parameters : ProcessParameters, optional
        Those of the product to be made. By default they are not compared.

    Returns
    -------
    Product or None
        The best of the preferred class that has any; None where none is required.

    Raises
    ------
    CalibrationNotFound
        None meets all criteria; the nearest misses are told.
    """
    for class_name in dependency.class_names:
        cls = registry.find_class(class_name)
        bits = disqualifying_bits()
        query = functools.reduce(
            operator.and_, criteria(frame, dependency, cls, parameters).values()
        )
        found = [c for c in query if not c.quality_flags & bits]
        if found:
            return min(found, key=lambda c: nearness(frame.night, c))
    if not dependency.required:
        return None
    from awe.process.explanation import not_found

    raise not_found(frame, dependency, parameters)


def check_given(frame, dependency, given, parameters=None):
    """Check a calibration that the user gave instead of the choice.

    It need not be valid at the time of the frame nor be free of quality flags, but it must be
    of the right class and belong to the same CCD, read out and corrected in the same way.

    Parameters
    ----------
    frame, dependency, parameters
        As for `choose`.
    given : DBObject
        What the user gave.

    Returns
    -------
    Product
        The same calibration.

    Raises
    ------
    AweTypeError
        It is of another class.
    AweValueError
        It does not fit; the message names the criterion.
    """
    classes = tuple(registry.find_class(name) for name in dependency.class_names)
    if not isinstance(given, classes):
        msg = (
            f"{dependency.name} is a {' or a '.join(dependency.class_names)} object, not "
            f"{type(given).__name__} {given!r}."
        )
        raise AweTypeError(msg)
    from awe.process.explanation import verdicts

    for name, verdict in verdicts(frame, given, dependency, parameters).items():
        if not verdict.met and name not in ("interval", "is_valid", "quality_flags", "visible"):
            msg = (
                f"The {dependency.name} given, {given!r}, does not fit {frame!r}: its {name} is "
                f"{verdict.has}, needed is {verdict.wanted}."
            )
            raise AweValueError(msg, remedy=f"frame.explain({dependency.name!r}) shows which fit.")
    return given


def explain(frame, dependency, parameters=None):
    """Explain the choice of a calibration.

    Parameters
    ----------
    frame : DBObject
        What is to be calibrated.
    dependency : Dependency
        What is needed.
    parameters : ProcessParameters, optional
        Those of the product. By default they are not compared.

    Returns
    -------
    Explanation
        All candidates with the verdict of each criterion; printing it shows a table.
    """
    from awe.process.explanation import Explanation

    return Explanation(frame, dependency, parameters)


@contextlib.contextmanager
def at_level_one(context=None):
    """See all that the user may see, and make private objects, whatever the privileges are.

    Parameters
    ----------
    context : Context, optional
        Whose privileges are 1 inside the ``with`` block. By default the current one.

    Yields
    ------
    int
        The privileges outside.
    """
    context = current.context() if context is None else context
    level = context.privileges
    if level == 1:
        yield level
        return
    context.set_privileges(1)
    try:
        yield level
    finally:
        context.set_privileges(level)


def hint_of_privileges(query):
    """Tell that a query would find more at lower privileges.

    Parameters
    ----------
    query : Query
        One that found nothing, or not what was wanted.

    Returns
    -------
    str
        Such as ' at privileges 2; context.set_privileges(1) shows more', or nothing.
    """
    here = len(query)
    with at_level_one() as level:
        more = level > 1 and len(query) > here
    return f" at privileges {level}; context.set_privileges(1) shows more" if more else ""
