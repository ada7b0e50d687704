"""The judge: tells of many products from columns why they are out of date."""

import bisect
import itertools

import numpy as np

from awe.base.utc import to_microseconds
from awe.process.candidates import Candidates
from awe.process.parameters import as_pars, check_pars, parameters_class, resolve
from awe.process.product import ProcessTarget, Product, content_key_of
from awe.store import Restricted, current, registry
from awe.store.attributes import path_of
from awe.store.columns import ListColumn
from awe.store.results import column_of, may_follow
from awe.store.session import ROW_BITS

__all__ = ["Judge"]


class Judge:
    """Judges stored products as of the present snapshot; what it has looked up it keeps.

    Parameters
    ----------
    pars : dict or Pars, optional
        Parameters that are wanted. By default those that a user gave when the products were made,
        and the present defaults.
    as_asked : iterable of type, optional
        Classes of which only what `target` would give for these parameters counts: what a user
        gave when products of these were made does not. By default there are none.
    """

    def __init__(self, pars=None, as_asked=()):
        self._as_asked = frozenset(as_asked)
        classes = [c for c in registry.all_classes() if issubclass(c, Product)]
        self.pars = check_pars(as_pars(pars), [c for c in classes if not c.abstract])
        self.session = current.session()
        self.session.ensure()
        self.candidates = Candidates()
        self._reasons = {}
        self._facts = {}
        self._wanted = {}
        self._known = {}
        self._there = {}
        self._kinds = {}
        self._choices = {}
        self._bad = set()

    def reasons(self, numbers):
        """Give the reasons why products are out of date.

        Parameters
        ----------
        numbers : numpy.ndarray of int64
            Numbers of products, sorted.

        Returns
        -------
        dict of int to tuple of str
            By number; of those and of all that they are made of.
        """
        self._judge(numbers)
        return self._reasons

    # --- by class ---

    def _judge(self, numbers):
        new = np.array([n for n in numbers.tolist() if n not in self._reasons], np.int64)
        # A weight belongs to its frame and is made of it: on the way round it is taken as good.
        self._reasons.update(dict.fromkeys(new.tolist(), ()))
        for code in np.unique(new >> ROW_BITS).tolist():
            cls = self.session.class_of_code(code)
            if cls is not None and issubclass(cls, Product):
                self._judge_class(cls, new[new >> ROW_BITS == code])

    def _judge_class(self, cls, numbers):
        rows = _Rows(self.session, cls, numbers, self._asked(cls), self._kinds)
        if cls in self._as_asked:
            rows.overridden = [()] * len(numbers)
        self._learn(rows.linked)
        if not cls.picked:
            self._judge(rows.linked)
        self._judge(rows.linked_companions)
        for at in self._doubtful(cls, rows, numbers):
            number = int(numbers[at])
            reasons = self._row_reasons(cls, rows, at, number)
            if reasons:
                self._reasons[number] = tuple(reasons)
                self._bad.add(number)

    def _doubtful(self, cls, rows, numbers):
        """Give the rows that a look at whole columns does not show to be up to date."""
        doubt = np.array([v == 0 for v in rows.is_valid], bool)
        doubt |= np.array([v != cls.pixel_version for v in rows.code_version], bool)
        keys = rows.parameter_keys()
        for key, at in rows.first_of_each_key():
            if key not in self._wanted:
                self._wanted[key] = self._compare(cls, self.session.get(int(numbers[at])))
        wanted = [self._wanted[key][0] for key in keys]
        doubt |= np.array([bool(self._wanted[key][1]) for key in keys], bool)
        for column in (*rows.links.values(), *rows.companions.values()) if self._bad else ():
            doubt |= np.array([_any_in(value, self._bad) for value in column], bool)
        chosen = cls.dependencies or cls.own_night
        for at in np.flatnonzero(~doubt).tolist() if chosen else ():
            doubt[at] = bool(self._better(cls, rows, at, wanted[at]))
        # Only what is known of raw frames or exposures changes without another trace; of the
        # others the oldest of those that are made alike stands for all.
        asked, seen = rows.may_be_corrected(), set()
        for at in np.flatnonzero(~doubt).tolist():
            if asked or keys[at] not in seen:
                seen.add(keys[at])
                has = [[n, self._facts[i][3]] for n, i in rows.inputs_of(at)]
                number = int(numbers[at])
                doubt[at] = rows.content_key[at] != self._key(
                    cls, rows, at, number, wanted[at], has
                )
        return np.flatnonzero(doubt).tolist()

    def _asked(self, cls):
        """Give the kinds of calibrations of a class that any are there of."""
        if cls not in self._there:
            self._there[cls] = {
                id(dependency): dependency for dependency in (*cls.dependencies, *cls.own_night)
                if any(registry.find_class(n).select_all().exists() for n in dependency.class_names)
            }  # fmt: skip
        return self._there[cls].values()

    def _learn(self, numbers):
        """Learn validity, content key, time and night of inputs."""
        new = np.array([n for n in numbers.tolist() if n not in self._facts], np.int64)
        if not len(new):
            return
        seen = may_follow(self.session, new)
        hidden = new[~seen].tolist()
        self._facts.update(dict.fromkeys(hidden))
        self._bad.update(hidden)
        new = new[seen]
        for code in np.unique(new >> ROW_BITS).tolist():
            cls = self.session.class_of_code(code)
            mine = new[new >> ROW_BITS == code]
            values = [self._column(cls, mine, n) for n in ("is_valid", "DATE_OBS", "night")]
            facts = zip(*values, self._keys(cls, mine), strict=True)
            self._facts.update(zip(mine.tolist(), facts, strict=True))
            is_bad = np.array([valid == 0 for valid in values[0]], bool)
            self._bad.update(mine[is_bad].tolist())

    def _column(self, cls, numbers, name):
        if cls is None or name not in cls._attributes:
            return [None] * len(numbers)
        return column_of(self.session, numbers, path_of(cls, name)).to_list()

    def _keys(self, cls, numbers):
        """Give the content keys of inputs as `content_key_of` does."""
        if cls is not None and issubclass(cls, Product):
            return self._column(cls, numbers, "content_key")
        if hasattr(cls, "known_of"):
            readouts = self._column(cls, numbers, "readout")
            for number in {*readouts} - {*self._known}:
                readout = None if number is None else self.session.follow(number)
                self._known[number] = cls.known_of(readout)
            sums = self._column(cls, numbers, "sha256")
            return [
                cls.content_key_of(sha256, self._known[readout])
                for sha256, readout in zip(sums, readouts, strict=True)
            ]
        if cls is not None and "sha256" in cls._attributes:
            return self._column(cls, numbers, "sha256")
        return [content_key_of(self.session.get(n)) for n in numbers.tolist()]

    # --- one product ---

    def _row_reasons(self, cls, rows, at, number):
        reasons = []
        if rows.is_valid[at] == 0:
            reasons.append("it is judged bad itself")
        if rows.code_version[at] != cls.pixel_version:
            reasons.append(
                f"the code of {cls.__name__} has version {cls.pixel_version} now, it was made with "
                f"{rows.code_version[at]}"
            )
        wanted, other = self._wanted.get(rows.parameter_keys()[at], (None, []))
        better = self._better(cls, rows, at, wanted)
        reasons += [*other, *better.values()]
        keys = []
        for name, each in rows.inputs_of(at):
            facts = self._facts[each]
            if facts is None:
                continue
            keys.append([name, facts[3]])
            if facts[0] == 0:
                reasons.append(f"{name} is judged bad: {self.session.get(each)!r}")
            elif name not in better and name not in rows.overridden[at] and not cls.picked:
                reasons += self._below(name, each)
        for name, column in rows.companions.items():
            if column[at] is not None and not reasons:
                reasons += self._below(name, column[at])
        if not reasons and rows.content_key[at] != self._key(cls, rows, at, number, wanted, keys):
            raw = any(hasattr(target, "known_of") for target in rows.of_inputs())
            what = "raw frames" if raw else " and ".join(cls.inputs)
            reasons.append(f"what is known of its {what} was corrected since")
        return reasons

    def _below(self, name, number):
        # People pick the frames of these: they are never made again on the way.
        if getattr(self.session.class_of_code(number >> ROW_BITS), "picked", False):
            return []
        return [f"{name} is out of date: {reason}" for reason in self._reasons.get(number, ())[:1]]

    def _key(self, cls, rows, at, number, wanted, keys):
        if any(self._facts[n] is None for n in rows.numbers_of(at)):
            # What may not be seen cannot be compared.
            return rows.content_key[at]
        parameters = [] if wanted is None else wanted[1]
        names = []
        if cls.key_names:
            obj = self.session.get(number)
            names = [getattr(obj, name).name for name in cls.key_names]
        return cls.content_key_from(parameters, keys, names)

    def _compare(self, cls, product):
        """Give the parameters that are wanted, and in what those of a product differ."""
        if parameters_class(cls) is None:
            return None, []
        has, record_class = product.process_params, parameters_class(cls)
        origins = dict(text.split(": ", 1) for text in product.parameter_origins)
        prefix = f"{cls.__name__}.process_params."
        given = [n for n, origin in origins.items() if origin == "user"]
        mine = {prefix + n: getattr(has, n) for n in given if cls not in self._as_asked}
        wanted = resolve(cls, product.names(), {**mine, **self.pars})[0]
        critical = record_class.critical_values(wanted)
        other = [
            f"{name} is {value!r} now, it was made with {getattr(has, name)!r}"
            for name, value in critical if getattr(has, name) != value
        ]  # fmt: skip
        return (wanted, critical), other

    def _better(self, cls, rows, at, wanted):
        """Tell by link which calibrations would be chosen now instead of those that were used."""
        found, given = {}, rows.overridden[at]
        for name, best in self._chosen(cls, rows, at, wanted).items():
            has = rows.links[name][at]
            if name not in given and (None if best is None else best._packed) != has:
                found[name] = self._other(name, best, has)
        return {name: reason for name, reason in found.items() if reason}

    def _chosen(self, cls, rows, at, wanted):
        """Give by link which calibrations would be chosen now."""
        when, night = self._time(rows, at) if cls.dependencies else (None, None)
        own_night = rows.night[at] if cls.own_night else None
        parameters = None if wanted is None else wanted[0]
        if rows.lacking:
            first = self.session.follow(rows.first(at))
            # What may not be seen cannot be compared.
            parameters = None if isinstance(first, Restricted) else first.process_params
        shared = tuple(getattr(parameters, name, None) for name in rows.lacking)
        key = (cls, rows.matched[at], wanted and id(wanted[0]), shared)
        if key not in self._choices:
            by_time = self._groups_of(cls.dependencies, rows, at, parameters)
            unused = cls.unused_inputs(wanted[0]) if wanted is not None and cls.own_night else ()
            used = [dependency for dependency in cls.own_night if dependency.name not in unused]
            by_night = self._groups_of(used, rows, at, None)
            edges = {t for _, groups in by_time for group in groups for t in group.edges}
            self._choices[key] = (sorted(edges), {}, by_time, by_night)
        edges, answers, by_time, by_night = self._choices[key]
        # Between two edges none begins or ends to serve: the frames of a night share the choice.
        place = (None if when is None else bisect.bisect_right(edges, when), night, own_night)
        if place not in answers:
            answer = {} if when is None else {
                name: _first(group.best(when, night) for group in groups)
                for name, groups in by_time
            }  # fmt: skip
            newest = {name: _first(g.newest(own_night) for g in groups)
                      for name, groups in by_night}  # fmt: skip
            answers[place] = answer | {n: best for n, best in newest.items() if best is not None}
        return answers[place]

    def _groups_of(self, dependencies, rows, at, parameters):
        """Give of each dependency its name and the groups of candidates of a product."""
        found = []
        for dependency in dependencies:
            there = id(dependency) in self._there[rows.cls]
            groups = self._look(dependency, rows, at, parameters) if there else []
            found.append((dependency.name, groups))
        return found

    def _time(self, rows, at):
        """Give the time and the night by which calibrations are chosen for a product."""
        if rows.when is not None:
            return rows.when[at], rows.night[at]
        first = rows.first(at)
        facts = None if first is None else self._facts[first]
        if facts is not None and facts[1] is not None:
            return facts[1], facts[2]
        frame = None if facts is None else self.session.get(first)
        while isinstance(frame, Product) and "DATE_OBS" not in frame._attributes:
            inputs = frame.input_objects()
            frame = inputs[0][1] if inputs else None
        if not isinstance(frame, ProcessTarget) or "DATE_OBS" not in frame._attributes:
            return None, None
        return to_microseconds(frame.DATE_OBS), to_microseconds(frame.night)

    def _look(self, dependency, rows, at, parameters):
        matched = tuple(self._object(value) for value in rows.matched_at(dependency, at))
        return self.candidates.groups(dependency, matched, parameters)

    def _object(self, value):
        return self.session.follow(value) if isinstance(value, int) else value

    def _other(self, name, best, has):
        """Give the reason where another calibration would be chosen now, or None."""
        if has is None:
            return f"there is a {name} now: {best!r}"
        facts = self._facts[has]
        if facts is None:
            # What may not be seen cannot be compared.
            return None
        if best is None:
            # One that is judged bad is told already; of another only its kind is missing.
            return None if facts[0] == 0 else f"no {name} serves any more"
        if facts[3] == best.content_key:
            return None
        return f"there is a better {name}: {best!r}"


def _without_column(obj, name):
    """Give what follows from attributes of a product, or what its frame has of this name."""
    while isinstance(obj, Product):
        if any(name in vars(base) for base in type(obj).__mro__):
            break
        inputs = obj.input_objects()
        obj = inputs[0][1] if inputs else None
    return getattr(obj, name, None)


def _first(found):
    return next((best for best in found if best is not None), None)


class _Rows:
    """The columns of some products of a class."""

    def __init__(self, session, cls, numbers, asked, kinds):
        def column(name):
            return column_of(session, numbers, path_of(cls, name)).to_list()

        self.cls = cls
        self.is_valid, self.content_key = column("is_valid"), column("content_key")
        self.code_version, self.overridden = column("code_version"), column("overridden_inputs")
        links, companions = (
            {name: column_of(session, numbers, path_of(cls, name)) for name in names}
            for names in (cls.inputs, cls.companions)
        )
        self.links = {name: found.to_list() for name, found in links.items()}
        self.companions = {name: found.to_list() for name, found in companions.items()}
        # All that are linked to, sorted.
        self.linked, self.linked_companions = _unique(links), _unique(companions)
        self.when = column("DATE_OBS") if "DATE_OBS" in cls._attributes else None
        self.night = column("night") if "night" in cls._attributes else [None] * len(numbers)
        self._matched = {}
        for name in sorted({name for dependency in asked for name in dependency.match}):
            if name in cls._attributes:
                self._matched[name] = column(name)
            else:
                objects = map(session.get, numbers.tolist())
                self._matched[name] = [_without_column(obj, name) for obj in objects]
        self.matched = list(zip(*self._matched.values(), strict=True)) or [()] * len(numbers)
        # Parameters that must be those of a calibration, but stand with the first input.
        has = parameters_class(cls)
        self.lacking = [
            name for dependency in cls.dependencies if has is not None
            for name in dependency.same_parameters if name not in has._attributes
        ]  # fmt: skip
        columns = self._parameter_columns(cls, column)
        # Numbers stand for the keys, which are long.
        keys = zip(itertools.repeat(cls, len(numbers)), *columns, strict=True)
        self._keys = [kinds.setdefault(key, len(kinds)) for key in keys]

    def _parameter_columns(self, cls, column):
        """Give what the wanted parameters depend on: those of the product and its names."""
        record_class = parameters_class(cls)
        if record_class is None:
            return [[cls.__name__] * len(self.is_valid)]
        links = [n for n in ("instrument", "chip", "filter", "readout") if n in cls._attributes]
        columns = [column(name) for name in links]
        columns.append(column("parameter_origins"))
        return [*columns, *(column(f"process_params.{n}") for n in record_class._attributes)]

    def parameter_keys(self):
        """Give of each product a number that is equal where the parameters wanted are."""
        return self._keys

    def first_of_each_key(self):
        """Give each of these numbers with the place of a product that has it."""
        return {key: at for at, key in reversed(list(enumerate(self._keys)))}.items()

    def of_inputs(self):
        """Give the classes of the inputs."""
        kinds = [self.cls._attributes[name].kind for name in self.cls.inputs]
        return [getattr(kind, "item", kind).target for kind in kinds]

    def may_be_corrected(self):
        """Tell whether there are inputs, such as raw frames, of which the key may change."""
        return any(hasattr(target, "content_key") and not issubclass(target, Product)
                   for target in self.of_inputs())  # fmt: skip

    def inputs_of(self, at):
        """Give all inputs of a product with the names of their links."""
        found = []
        for name, column in self.links.items():
            value = column[at]
            if isinstance(value, (list, tuple)):
                found += [(name, each) for each in value]
            elif value is not None:
                found.append((name, value))
        return found

    def matched_at(self, dependency, at):
        """Give the values of the attributes to match."""
        return tuple(self._matched[name][at] for name in dependency.match)

    def first(self, at):
        """Give the first input of a product, or None."""
        return next(iter(self.numbers_of(at)), None)

    def numbers_of(self, at):
        """Give all inputs of a product."""
        found = []
        for column in self.links.values():
            value = column[at]
            if value is not None:
                found += value if isinstance(value, (list, tuple)) else [value]
        return found


def _any_in(value, numbers):
    if isinstance(value, (list, tuple)):
        return not numbers.isdisjoint(value)
    return value in numbers


def _unique(columns):
    found = [np.empty(0, np.int64)]
    for column in columns.values():
        items = column.items if isinstance(column, ListColumn) else column
        found.append(items.values[items.not_missing()])
    return np.unique(np.concatenate(found))
