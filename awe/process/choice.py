"""Choice of calibrations: criteria declared by classes, carried out and explained here."""

import dataclasses
import datetime

from awe.base.errors import AweLookupError, AweTypeError, AweValueError
from awe.base.utc import EPOCH
from awe.process.flags import decode, disqualifying_bits
from awe.process.parameters import parameters_class
from awe.store import current, registry
from awe.store.attributes import path_of
from awe.store.terms import Term

__all__ = [
    "CalibrationNotFound",
    "Candidate",
    "Dependency",
    "Explanation",
    "check_given",
    "choose",
    "explain",
    "hint_of_privileges",
    "is_forever",
    "nearness",
]

FOREVER_START = datetime.datetime(1900, 1, 1)
FOREVER_END = datetime.datetime(2200, 1, 1)
_NEAREST = 3
_MICROSECOND = datetime.timedelta(microseconds=1)


class CalibrationNotFound(AweLookupError):
    """No calibration meets all criteria."""


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
    """

    name: str
    class_names: tuple
    match: tuple
    same_parameters: tuple = ()
    required: bool = True


@dataclasses.dataclass
class Candidate:
    """A calibration with the verdict of each criterion.

    Attributes
    ----------
    calibration : Product
        The calibration.
    verdicts : dict of str to (bool, str)
        By criterion: whether it is met, and what the candidate has.
    rank : tuple
        Smaller is better.
    """

    calibration: object
    verdicts: dict
    rank: tuple

    @property
    def fits(self):
        """Whether all criteria are met."""
        return all(met for met, _ in self.verdicts.values())

    @property
    def fails(self):
        """The criteria that are not met."""
        return [name for name, (met, _) in self.verdicts.items() if not met]


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


def _rank(frame, calibration):
    return nearness(frame.night, calibration)


def _frame_value(frame, name):
    return getattr(frame, name, None)


def _alike(frame, cls, names):
    """Give the query for what is equal in some attributes."""
    query = cls.select_all()
    for name in names:
        query = query & (Term(path_of(cls, name)) == _frame_value(frame, name))
    return query


def _queries(frame, dependency, cls, parameters):
    """Give the query for the candidates of one class that meet all criteria but the flags."""
    query = _alike(frame, cls, dependency.match)
    query = query & (cls.timestamp_start <= frame.DATE_OBS) & (cls.timestamp_end > frame.DATE_OBS)
    query = query & (cls.is_valid > 0)
    for name in _shared(cls, dependency, parameters):
        term = getattr(cls.process_params, name)
        query = query & (term == getattr(parameters, name))
    return query


def _shared(cls, dependency, parameters):
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
        found = [
            c for c in _queries(frame, dependency, cls, parameters) if not c.quality_flags & bits
        ]
        if found:
            return min(found, key=lambda c: _rank(frame, c))
    if not dependency.required:
        return None
    classes = " or ".join(dependency.class_names)
    cause = f"no {classes} serves as {dependency.name}"
    raise CalibrationNotFound(_why_none(frame, dependency, parameters), cause=cause)


def check_given(frame, dependency, given, parameters=None):
    """Check a calibration that the user gave instead of the choice.

    It need not be valid at the time of the frame nor be free of quality flags, but it must be
    of the right class and belong to the same CCD, read out and corrected in the same way.

    Parameters
    ----------
    frame : DBObject
        What is to be calibrated.
    dependency : Dependency
        What is needed.
    given : DBObject
        What the user gave.
    parameters : ProcessParameters, optional
        Those of the product. By default they are not compared.

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
    verdicts = _verdicts(frame, given, dependency, parameters)
    for name, (met, has) in verdicts.items():
        if not met and name not in ("interval", "is_valid", "quality_flags"):
            source = frame if name in dependency.match else parameters
            wanted = getattr(source, name, None)
            msg = (
                f"The {dependency.name} given, {given!r}, does not fit {frame!r}: its {name} is "
                f"{has}, needed is {_text(wanted)}."
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
    return _explained(frame, dependency, parameters, dependency.match[:1])


def _explained(frame, dependency, parameters, names):
    """Explain the candidates that are equal in some attributes."""
    candidates = []
    for order, class_name in enumerate(dependency.class_names):
        cls = registry.find_class(class_name)
        for calibration in _alike(frame, cls, names):
            verdicts = _verdicts(frame, calibration, dependency, parameters)
            rank = (order, *_rank(frame, calibration))
            candidates.append(Candidate(calibration, verdicts, rank))
    candidates.sort(key=lambda c: (len(c.fails), c.rank))
    return Explanation(frame, dependency, candidates)


def _verdicts(frame, calibration, dependency, parameters):
    verdicts = {}
    for name in dependency.match:
        wanted, has = _frame_value(frame, name), _frame_value(calibration, name)
        verdicts[name] = (wanted is has or wanted == has, _text(has))
    start, end = calibration.timestamp_start, calibration.timestamp_end
    inside = start <= frame.DATE_OBS < end
    verdicts["interval"] = (inside, f"{start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M}")
    verdicts["is_valid"] = (calibration.is_valid > 0, str(calibration.is_valid))
    bad = calibration.quality_flags & disqualifying_bits()
    verdicts["quality_flags"] = (not bad, ", ".join(f.name for f in decode(bad)) or "none")
    for name in _shared(type(calibration), dependency, parameters):
        has = getattr(calibration.process_params, name)
        verdicts[name] = (has == getattr(parameters, name), str(has))
    return verdicts


def _text(value):
    return str(getattr(value, "name", value))


class Explanation:
    """All candidates for a calibration, the best first.

    Parameters
    ----------
    frame : DBObject
        What is to be calibrated.
    dependency : Dependency
        What is needed.
    candidates : list of Candidate
        Those that meet most criteria first.
    """

    def __init__(self, frame, dependency, candidates):
        self.frame = frame
        self.dependency = dependency
        self.candidates = candidates

    @property
    def chosen(self):
        """The calibration that is chosen, or None."""
        fitting = [c for c in self.candidates if c.fits]
        return min(fitting, key=lambda c: c.rank).calibration if fitting else None

    def __str__(self):
        classes = " or ".join(self.dependency.class_names)
        head = f"{self.dependency.name} for {self.frame!r}: {len(self.candidates)} {classes}"
        lines = [head]
        for candidate in self.candidates:
            mark = ">" if candidate.calibration is self.chosen else " "
            lines.append(f"{mark} {candidate.calibration!r}")
            for name, (met, has) in candidate.verdicts.items():
                lines.append(f"      {'yes' if met else 'NO ':<4}{name:<20} {has}")
        return "\n".join(lines)

    def __repr__(self):
        return str(self)


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
    context = current.context()
    level, here = context.privileges, len(query)
    if level == 1:
        return ""
    context.set_privileges(1)
    try:
        more = len(query) > here
    finally:
        context.set_privileges(level)
    return f" at privileges {level}; context.set_privileges(1) shows more" if more else ""


def _why_none(frame, dependency, parameters):
    """Tell what is nearest, and the criterion that each of the nearest misses."""
    # Those that are equal in most attributes: of a whole instrument there may be very many.
    for count in range(len(dependency.match), 0, -1):
        explanation = _explained(frame, dependency, parameters, dependency.match[:count])
        if explanation.candidates:
            break
    classes = " or ".join(dependency.class_names)
    wanted = ", ".join(f"{n} {_text(_frame_value(frame, n))}" for n in dependency.match)
    lines = [
        f"No {classes} serves as {dependency.name} of {frame!r} ({wanted}, at {frame.DATE_OBS})."
    ]
    if not explanation.candidates:
        name = dependency.match[0]
        found = [registry.find_class(each) for each in dependency.class_names]
        hints = [hint_of_privileges(_alike(frame, cls, [name])) for cls in found]
        hint = next((h for h in hints if h), ". Make one first")
        lines.append(f"  There is none of this {name} at all{hint}.")
    for candidate in explanation.candidates[:_NEAREST]:
        reasons = "; ".join(f"{n} is {candidate.verdicts[n][1]}" for n in candidate.fails)
        lines.append(f"  nearest: {candidate.calibration!r} fails by {reasons}")
    return "\n".join(lines)
