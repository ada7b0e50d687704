"""Why a calibration is chosen, or none: every candidate with the verdict of each criterion."""

import dataclasses
import functools
import itertools
import operator
import textwrap

from awe.process.choice import (
    CalibrationNotFound,
    at_level_one,
    criteria,
    is_forever,
    nearness,
    shared_parameters,
)
from awe.process.flags import decode, disqualifying_bits
from awe.store import current, registry

__all__ = ["Candidate", "Explanation", "Verdict", "not_found", "verdicts"]

_NEAREST = 3
_SHOWN = 20
_WIDTH = 80
_LEGEND = "  > chosen   + would serve   - does not serve"
# What decides between two that serve, in the words for the better one.
_DECIDES = (
    "its class is preferred", "its interval is finite", "fewer nights lie between",
    "it is newer", "its object_id is higher",
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What a criterion says of a candidate.

    Attributes
    ----------
    met : bool
        Whether it is met.
    has, wanted : str
        What the candidate has, and what is needed.
    """

    met: bool
    has: str
    wanted: str


@dataclasses.dataclass
class Candidate:
    """A calibration with the verdict of each criterion.

    Attributes
    ----------
    calibration : Product
        The calibration.
    verdicts : dict of str to Verdict
        By criterion.
    rank : tuple
        Smaller is better.
    nights : int
        From the night of the frame to that of the calibration; negative where it is earlier.
    """

    calibration: object
    verdicts: dict
    rank: tuple
    nights: int

    @property
    def fits(self):
        """Whether all criteria are met."""
        return not self.fails

    @property
    def fails(self):
        """The criteria that are not met."""
        return [name for name, verdict in self.verdicts.items() if not verdict.met]

    @property
    def reasons(self):
        """What the candidate has where a criterion is not met, in words."""
        return "; ".join(f"{name} is {self.verdicts[name].has}" for name in self.fails)


def verdicts(frame, calibration, dependency, parameters=None, level=None):
    """Judge a calibration by each criterion.

    Parameters
    ----------
    frame, dependency, parameters
        As for `awe.process.choice.choose`.
    calibration : Product
        A calibration that the user may see.
    level : int, optional
        Privileges from which on queries show something. By default those of the context.

    Returns
    -------
    dict of str to Verdict
        By criterion.
    """
    found = {}
    for name in dependency.match:
        wanted, has = (dependency.value_of(obj, name) for obj in (frame, calibration))
        found[name] = Verdict(wanted is has or wanted == has, _text(has), _text(wanted))
    start, end = calibration.timestamp_start, calibration.timestamp_end
    found["interval"] = Verdict(
        start <= frame.DATE_OBS < end, f"{start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M}",
        f"{frame.DATE_OBS:%Y-%m-%d %H:%M:%S} in it",
    )  # fmt: skip
    valid = calibration.is_valid
    found["is_valid"] = Verdict(valid > 0, str(valid), "1 or 2")
    bad = decode(calibration.quality_flags & disqualifying_bits())
    found["quality_flags"] = Verdict(not bad, ", ".join(f.name for f in bad) or "none", "none")
    for name in shared_parameters(type(calibration), dependency, parameters):
        has, wanted = getattr(calibration.process_params, name), getattr(parameters, name)
        found[name] = Verdict(has == wanted, str(has), str(wanted))
    level = current.context().privileges if level is None else level
    # What is not stored yet has no level; it is at hand for its own task only.
    own = calibration.privileges
    has = "not stored" if own is None else f"at level {own}"
    found["visible"] = Verdict(own is None or own >= level, has, f"level {level} or above")
    return found


def _text(value):
    return str(getattr(value, "name", value))


class Explanation:
    """All candidates for a calibration, those that miss the fewest criteria first.

    Candidates are alike in the first attribute that must match, such as the instrument, and are
    all that the user may see, whatever the privileges. Among those that miss as many criteria
    the order is that of the choice.

    Parameters
    ----------
    frame, dependency, parameters
        As for `awe.process.choice.choose`.
    used : Product, optional
        What an existing product was made with. By default there is no such product.
    given : bool, optional
        Whether a user gave it instead of the choice. The default is False.
    of_product : bool, optional
        Whether the frame is that of a product that exists. The default is False.
    """

    def __init__(self, frame, dependency, parameters=None, used=None, given=False,
                 *, of_product=False):  # fmt: skip
        self.frame = frame
        self.dependency = dependency
        self.parameters = parameters
        self.used = used
        self.given = given
        self.of_product = of_product
        self.candidates = _candidates(frame, dependency, parameters)

    @property
    def chosen(self):
        """The calibration that is chosen, or None."""
        return self.candidates[0].calibration if self._serving else None

    @property
    def _serving(self):
        return [c for c in self.candidates if c.fits]

    def text(self, most=_SHOWN):
        """Give the table with a head, in 80 columns.

        Parameters
        ----------
        most : int or None, optional
            So many candidates at most; None for all. The default is 20.

        Returns
        -------
        str
            Many lines.
        """
        classes = " or ".join(self.dependency.class_names)
        head = f"{self.dependency.name} for {self.frame!r}"
        lines = _wrapped(f"{head}: {_counted(len(self.candidates), 'candidate')} ({classes})", 0)
        lines += _wrapped(f"needed: {_needed(self.frame, self.dependency, self.parameters)}")
        lines += self._outcome()
        shown = self.candidates if most is None else self.candidates[:most]
        if shown:
            lines += ["", *table(shown, self.dependency, self.chosen, self.used)]
            lines.append(_LEGEND + ("   * used" if self.used is not None else ""))
        if len(shown) < len(self.candidates):
            more = len(self.candidates) - len(shown)
            lines.append(f"... and {more} more; .text(most=None) gives all")
        return "\n".join(lines)

    def _outcome(self):
        """Tell what was used, what is chosen now, and what decides."""
        lines = []
        if self.used is not None:
            how = " (given by the user)" if self.given else ""
            lines += _wrapped(f"used: {self.used!r}{how}")
        elif self.of_product:
            lines.append(f"  used: none{' (left out by the user)' if self.given else ''}")
        word = "would be chosen now" if self.of_product else "chosen"
        if self.chosen is None:
            return [*lines, f"  {word}: none"]
        if self.chosen is self.used:
            lines.append(f"  {word}: the same")
        else:
            lines += _wrapped(f"{word}: {self.chosen!r}")
        if len(self._serving) > 1:
            first, second = (c.rank for c in self._serving[:2])
            decides = next(w for w, a, b in zip(_DECIDES, first, second, strict=True) if a != b)
            lines.append(f"  before the next: {decides}")
        return lines

    def __str__(self):
        return self.text()

    def __repr__(self):
        return str(self)


def table(candidates, dependency, chosen=None, used=None):
    """Lay out candidates, a column for each criterion.

    Parameters
    ----------
    candidates : list of Candidate
        At least one.
    dependency : Dependency
        What is needed.
    chosen, used : Product, optional
        Those to be marked. By default none.

    Returns
    -------
    list of str
        A head, a line for each candidate, and below it what it has where it does not serve.
    """
    # All are alike in the first criterion, by which they were looked for.
    names = [n for c in candidates for n in c.verdicts if n not in dependency.match[:1]]
    names = list(dict.fromkeys(names))
    heads = ["calibration", "nights", *(dependency.heading(n) for n in names)]
    widths = [max(len(head), 3) for head in heads]
    lines = ["  " + " ".join(heads)]
    for candidate in candidates:
        calibration = candidate.calibration
        mark = ">" if calibration is chosen else "+" if candidate.fits else "-"
        mark += "*" if used is not None and calibration is used else " "
        words = [calibration.object_id[-8:], _nights(candidate)]
        words += [_word(candidate.verdicts.get(name)) for name in names]
        cells = " ".join(f"{w:<{n}}" for w, n in zip(words, widths, strict=True))
        lines.append(f"{mark}{cells}".rstrip())
        if candidate.fails:
            lines += _wrapped(candidate.reasons, 6)
        elif is_forever(calibration):
            lines.append("      valid forever: the last resort")
    return lines


def _word(verdict):
    return "" if verdict is None else "yes" if verdict.met else "NO"


def _nights(candidate):
    return f"{candidate.nights:+d}" if candidate.nights else "0"


def _candidates(frame, dependency, parameters):
    """Give all candidates in their order."""
    found = []
    with at_level_one() as level:
        for order, class_name in enumerate(dependency.class_names):
            cls = registry.find_class(class_name)
            query = criteria(frame, dependency, cls, parameters)[dependency.match[0]]
            found += [_judged(frame, c, dependency, parameters, order, level) for c in query]
    return sorted(found, key=lambda c: (len(c.fails), c.rank))


def _judged(frame, calibration, dependency, parameters, order, level):
    return Candidate(
        calibration, verdicts(frame, calibration, dependency, parameters, level),
        (order, *nearness(frame.night, calibration)), (calibration.night - frame.night).days,
    )  # fmt: skip


def _nearest_misses(frame, dependency, parameters):
    """Give the candidates that miss the fewest criteria, without looking at all there are."""
    found = {}
    with at_level_one() as level:
        for order, class_name in enumerate(dependency.class_names):
            cls = registry.find_class(class_name)
            terms = criteria(frame, dependency, cls, parameters)
            kept = terms.pop(dependency.match[0])
            for calibration in _missing_fewest(kept, terms, level):
                found[calibration.object_id] = _judged(
                    frame, calibration, dependency, parameters, order, level
                )
    return sorted(found.values(), key=lambda c: (len(c.fails), c.rank))


def _missing_fewest(kept, terms, level):
    """Give what meets all but the smallest possible number of terms."""
    if not kept.exists():
        return []
    bits, unasked = disqualifying_bits(), ["quality_flags"] + ["visible"] * (level > 1)
    # Neither flags nor the level are conditions of a query: they are looked at object by object.
    for count in range(1, len(terms) + len(unasked) + 1):
        found = []
        for left_out in itertools.combinations([*terms, *unasked], count):
            rest = [term for name, term in terms.items() if name not in left_out]
            for calibration in functools.reduce(operator.and_, rest, kept):
                flagged = calibration.quality_flags & bits and "quality_flags" not in left_out
                own = calibration.privileges
                hidden = own is not None and own < level and "visible" not in left_out
                if not flagged and not hidden:
                    found.append(calibration)
        if found:
            return found
    return []


def not_found(frame, dependency, parameters=None):
    """Give the error that tells why no calibration serves.

    Parameters
    ----------
    frame, dependency, parameters
        As for `awe.process.choice.choose`.

    Returns
    -------
    CalibrationNotFound
        With the table of the nearest misses, and what each of them fails by.
    """
    classes = " or ".join(dependency.class_names)
    lines = [
        f"No {classes} serves as {dependency.name} of {frame!r} "
        f"({_needed(frame, dependency, parameters)})."
    ]
    misses = _nearest_misses(frame, dependency, parameters)[:_NEAREST]
    if not misses:
        lines.append(f"  There is none of this {dependency.match[0]} at all. Make one first.")
    for miss in misses:
        only = "only " if len(miss.fails) == 1 else ""
        lines.append(f"  nearest: {miss.calibration!r} fails {only}by {miss.reasons}")
    if any("visible" in miss.fails for miss in misses):
        lines.append("  context.set_privileges(1) shows what lies below the privileges.")
    if misses:
        lines += ["  " + line for line in table(misses, dependency)]
    return CalibrationNotFound(
        "\n".join(lines), cause=f"no {classes} serves as {dependency.name}",
        explain=functools.partial(Explanation, frame, dependency, parameters),
    )  # fmt: skip


def _needed(frame, dependency, parameters):
    words = [f"{n} {_text(dependency.value_of(frame, n))}" for n in dependency.match]
    for name in dependency.same_parameters if parameters is not None else ():
        words.append(f"{name} {getattr(parameters, name)}")
    return f"{', '.join(words)}, at {frame.DATE_OBS:%Y-%m-%d %H:%M:%S}"


def _counted(number, word):
    return f"{number} {word}{'' if number == 1 else 's'}"


def _wrapped(text, indent=2):
    return textwrap.wrap(text, _WIDTH, initial_indent=" " * indent, subsequent_indent=" " * 10)
