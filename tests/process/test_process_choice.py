"""Choice of calibrations: every criterion, the order, the explanation."""

import datetime
import pickle
import random

import process_lab as lab
import pytest
from process_lab import CAL, DAY, NIGHT, PrCal, PrRaw, PrTask, cal, forever, raw

from awe.base.errors import AweTypeError, AweValueError
from awe.process import (
    CalibrationNotFound,
    Dependency,
    choose,
    explain,
    register_flag,
    resolve,
)
from awe.process.choice import check_given
from awe.process.needs import Needs
from awe.process.serving import competing, serves_at_all, serving_intervals
from awe.store import persistent

BAD = register_flag("TEST_BAD", 1 << 40, "a flag of the tests that disqualifies")
MILD = register_flag("TEST_MILD", 1 << 41, "a flag of the tests that warns", disqualifies=False)
SECOND = datetime.timedelta(seconds=1)


class PrMode(PrCal):
    """A calibration that depends on more."""

    abstract = False
    instrument = persistent("Instrument", str)
    mode = persistent("How it was read out", str)


class PrModeRaw(PrRaw):
    """A raw thing of which more is known."""

    abstract = False
    instrument = persistent("Instrument", str)
    mode = persistent("How it was read out", str)


def mode_frame(chip="A"):
    """Give a raw thing of which more is known."""
    source = raw(chip=chip)
    values = {name: getattr(source, name) for name in ("chip", "filter", "night", "DATE_OBS")}
    return PrModeRaw(instrument="CAMERA", mode="slow", sha256="0" * 8, **values)


@pytest.fixture
def frame(context):
    """Give a stored raw thing."""
    made = raw()
    context.commit(made)
    return made


def parameters(**pars):
    """Give the parameters of the product that needs the calibration."""
    return resolve(lab.PrRed, {}, {f"PrRed.process_params.{n}": v for n, v in pars.items()})[0]


def stored(context, *made):
    """Store calibrations one by one, so that each has its own creation date."""
    for each in made:
        context.commit(each)
    return made


def agreed(frame, parameters=None):
    """Give the choice; the query on columns and the verdicts object by object must agree."""
    explanation = explain(frame, CAL, parameters)
    fitting = {c.calibration.object_id for c in explanation.candidates if c.fits}
    try:
        chosen = choose(frame, CAL, parameters)
    except CalibrationNotFound:
        assert not fitting
        assert explanation.chosen is None
        return None
    assert explanation.chosen is chosen
    assert chosen.object_id in fitting
    return chosen


def test_nights_between_decide_before_age(context, frame):
    near, far = stored(context, cal(frame, 1), cal(frame, -3))
    assert agreed(frame) is near
    assert far.creation_date > near.creation_date


def test_a_remake_eclipses_its_own_night_only(context, frame):
    own, _, other = stored(context, cal(frame), cal(frame, 2), cal(frame, -2))
    assert agreed(frame) is own
    remade, _ = stored(context, cal(frame), cal(frame, 1))
    assert agreed(frame) is remade
    assert other.creation_date > own.creation_date


def test_forever_is_the_last_resort(context, frame):
    finite, _ = stored(context, cal(frame, 6), forever(frame))
    assert agreed(frame) is finite
    context.update_is_valid(finite, 0)
    last = agreed(frame)
    assert last is not finite
    newer, _ = stored(context, forever(frame), cal(frame, 30))
    assert agreed(frame) is newer


def test_tie_is_broken_by_the_higher_object_id(context, frame):
    when = datetime.datetime(2020, 2, 1)
    first, second = cal(frame), cal(frame)
    first.creation_date = second.creation_date = when
    context.commit(second, first)
    highest = max((first, second), key=lambda c: c.object_id)
    assert agreed(frame) is highest


def test_interval_includes_its_start_and_not_its_end(context, frame):
    at = frame.DATE_OBS
    stored(
        context,
        cal(frame, timestamp_start=at - lab.DAY, timestamp_end=at),
        cal(frame, timestamp_start=at + SECOND, timestamp_end=at + lab.DAY),
    )
    assert agreed(frame) is None
    (starts,) = stored(context, cal(frame, timestamp_start=at, timestamp_end=at + SECOND))
    assert agreed(frame) is starts


@pytest.mark.parametrize("what", ["chip", "filter", "is_valid", "flag", "method"])
def test_each_criterion_excludes(context, frame, what):
    source = {"chip": raw(chip="B"), "filter": raw(filter="R")}.get(what, frame)
    made = cal(source, pars={"PrCal.process_params.METHOD": 5} if what == "method" else None)
    if what == "is_valid":
        made.is_valid = 0
    if what == "flag":
        made.quality_flags = BAD
    context.commit(made)
    assert agreed(frame, parameters()) is None
    with pytest.raises(CalibrationNotFound) as told:
        choose(frame, CAL, parameters())
    names = {"flag": "quality_flags", "method": "METHOD"}
    if what != "chip":
        (candidate,) = explain(frame, CAL, parameters()).candidates
        assert candidate.fails == [names.get(what, what)]
        assert f"{names.get(what, what)} is " in str(told.value)
        assert "TEST_BAD" in str(told.value) or what != "flag"
    assert told.value.cause == "no PrCal serves as cal"
    assert agreed(frame) is (made if what == "method" else None)


def test_method_that_agrees_and_mild_flags_serve(context, frame):
    (made,) = stored(context, cal(frame, pars={"PrCal.process_params.METHOD": 5}))
    context.update(made, "quality_flags", MILD)
    assert agreed(frame, parameters(METHOD=5)) is made
    assert agreed(frame, parameters()) is None


def test_nearest_misses_come_first_and_only_three(context, frame):
    stored(context, *(cal(frame, -40 - n) for n in range(5)))
    (nearest,) = stored(context, cal(frame, -10, width=9))
    bad = cal(frame, -50)
    bad.is_valid = 0
    context.commit(bad)
    with pytest.raises(CalibrationNotFound) as told:
        choose(frame, CAL)
    lines = [line for line in str(told.value).splitlines() if "nearest:" in line]
    assert len(lines) == 3
    assert nearest.object_id[-8:] in lines[0]
    assert "interval is 2019-12-22 12:00 to 2020-01-10 12:00" in lines[0]


def test_nothing_at_all_says_what_to_do(context, frame):
    with pytest.raises(CalibrationNotFound, match="none of this chip at all"):
        choose(frame, CAL)


def test_updates_of_the_context_change_the_choice(context, frame):
    near, far = stored(context, cal(frame), cal(frame, -2))
    assert agreed(frame) is near
    context.update_timestamp_start(near, frame.DATE_OBS + SECOND)
    assert agreed(frame) is far
    context.update_timestamp_start(near, frame.DATE_OBS)
    assert agreed(frame) is near
    context.update_timestamp_end(near, frame.DATE_OBS)
    assert agreed(frame) is far
    context.update_is_valid(far, 0, "bad")
    assert agreed(frame) is None


def test_only_what_is_visible_is_chosen(context, frame):
    (made,) = stored(context, cal(frame))
    context.create_project("OTHER")
    context.set_project("OTHER")
    assert agreed(frame) is made
    context.set_privileges(2)
    assert agreed(frame) is None


def test_orders_of_insertion_give_one_choice(context):
    """The choice hangs on what the candidates are, not on when they were stored."""
    rng = random.Random(3)
    for trial in range(25):
        frame = raw(chip=f"chip {trial}")
        nights = (-4, -1, 0, 1, 0, 0, 0, 1)
        made = [cal(frame, n) for n in nights] + [forever(frame)]
        for n, each in enumerate(made):
            each.creation_date = datetime.datetime(2021, 1, 1) + min(n, 5) * SECOND
        made[6].is_valid = 0
        made[4].creation_date = made[5].creation_date
        best = max(made[4:6], key=lambda c: c.object_id)
        order = list(made)
        rng.shuffle(order)
        context.commit(frame, *order)
        assert agreed(frame) is best


@pytest.mark.parametrize("seed", range(8))
def test_query_and_verdicts_agree_on_random_candidates(context, seed):
    rng = random.Random(seed)
    frames = [raw(chip=c, filter=f) for c in "AB" for f in ("V", None)]
    context.commit(*frames)
    made = []
    for _ in range(30):
        method = {"PrCal.process_params.METHOD": rng.choice([5, 6])}
        each = cal(rng.choice(frames), rng.randint(-6, 6), width=rng.choice([0, 3]), pars=method)
        each.is_valid = rng.choice([0, 1, 2])
        each.quality_flags = rng.choice([0, 0, BAD, MILD])
        made.append(each)
    context.commit(*made)
    chosen = [agreed(frame, parameters(METHOD=m)) for frame in frames for m in (5, 6)]
    assert any(chosen)


def test_table_has_a_column_for_each_criterion(context, frame):
    near, same, far = stored(context, cal(frame), cal(frame, 2), cal(frame, -30))
    told = str(explain(frame, CAL, parameters()))
    lines = told.splitlines()
    assert lines[0].startswith("cal for <PrRaw")
    assert lines[1] == "  needed: chip A, filter V, METHOD 6, at 2020-01-10 20:00:00"
    assert lines[2:4] == [f"  chosen: {near!r}", "  before the next: fewer nights lie between"]
    assert lines[5].split() == [
        "calibration", "nights", "filter", "interval", "is_valid", "flags", "METHOD", "visible",
    ]  # fmt: skip
    assert lines[6].split() == [">", near.object_id[-8:], "0", *["yes"] * 6]
    assert lines[7].split() == ["+", same.object_id[-8:], "+2", *["yes"] * 6]
    assert lines[8].split() == ["-", far.object_id[-8:], "-30", "yes", "NO", *["yes"] * 4]
    assert lines[9].strip() == "interval is 2019-12-04 12:00 to 2019-12-19 12:00"
    assert max(map(len, lines)) <= 80


def test_long_tables_say_what_they_leave_out(context, frame):
    context.commit(*(cal(frame, -n) for n in range(23)))
    told = explain(frame, CAL, parameters())
    assert str(told).endswith("... and 3 more; .text(most=None) gives all")
    assert told.text(most=None).count(" yes") > str(told).count(" yes")


@pytest.mark.parametrize(
    ("make", "word"),
    [
        (lambda frame: [cal(frame), forever(frame)], "its interval is finite"),
        (lambda frame: [cal(frame, -1), cal(frame, 2)], "fewer nights lie between"),
        (lambda frame: [cal(frame), cal(frame)], "it is newer"),
    ],
)
def test_what_decides_is_told(context, frame, make, word):
    stored(context, *make(frame))
    assert f"  before the next: {word}\n" in str(explain(frame, CAL))


def test_what_lies_below_the_privileges_is_told(context, frame):
    (made,) = stored(context, cal(frame))
    context.set_privileges(2)
    told = explain(frame, CAL, parameters())
    assert told.chosen is None
    (candidate,) = told.candidates
    assert candidate.fails == ["visible"]
    assert context.privileges == 2
    with pytest.raises(CalibrationNotFound) as error:
        choose(frame, CAL, parameters())
    assert "fails only by visible is at level 1" in str(error.value)
    assert made.object_id[-8:] in str(error.value)
    assert context.privileges == 2


def test_the_error_travels_between_processes(context, frame):
    context.commit(cal(frame, -30))
    with pytest.raises(CalibrationNotFound) as told:
        choose(frame, CAL)
    copy = pickle.loads(pickle.dumps(told.value))  # noqa: S301  our own bytes
    assert (str(copy), copy.cause) == (str(told.value), "no PrCal serves as cal")
    assert copy.explanation is None
    assert told.value.explanation.candidates[0].fails == ["interval"]


class TestTwoHundred:
    """A set of 200 that serve all, of which one criterion is taken away."""

    NEED = Dependency("cal", ("PrMode",), ("instrument", "chip", "mode", "filter"), ("METHOD",))

    def many(self, frame, count=200, **changes):
        """Give calibrations, all of which differ from what is needed in the same way."""
        change = {"method": {}} | changes
        pars = {f"PrMode.process_params.{n}": v for n, v in change.pop("method").items()}
        made = []
        for n in range(count):
            each = cal(frame, n % 13 - 6, cls=PrMode, pars=pars)
            for name in ("instrument", "mode"):
                setattr(each, name, getattr(frame, name))
            for name, value in change.items():
                setattr(each, name, value)
            made.append(each)
        return made

    @pytest.mark.parametrize(
        ("criterion", "changes"),
        [
            ("chip", {"chip": None}),
            ("mode", {"mode": "fast"}),
            ("filter", {"filter": "R"}),
            ("interval", {"timestamp_end": NIGHT}),
            ("is_valid", {"is_valid": 0}),
            ("quality_flags", {"quality_flags": BAD}),
            ("METHOD", {"method": {"METHOD": 5}}),
            ("visible", {}),
        ],
    )
    def test_the_message_names_exactly_the_criterion(self, context, criterion, changes):
        frame = mode_frame()
        made = self.many(frame, timestamp_start=NIGHT - 90 * DAY, **changes)
        context.commit(frame, *made)
        if criterion == "visible":
            context.set_privileges(2)
        with pytest.raises(CalibrationNotFound) as told:
            choose(frame, self.NEED, parameters())
        nearest = [line for line in str(told.value).splitlines() if "nearest:" in line]
        assert len(nearest) == 3
        assert all(f" fails only by {criterion} is " in line for line in nearest)
        assert {tuple(c.fails) for c in told.value.explanation.candidates} == {(criterion,)}
        lines = str(told.value).splitlines()
        lines = lines[lines.index(next(x for x in lines if x.startswith("    calibration"))) :]
        table = [line.split() for line in lines]
        assert table[0][2:] == ["chip", "mode", "filter", "interval", "is_valid", "flags",
                                "METHOD", "visible"]  # fmt: skip
        column = table[0].index("flags" if criterion == "quality_flags" else criterion) + 1
        rows = [row for row in table[1:] if row[0] == "-"]
        assert len(rows) == 3
        assert all(row[column] == "NO" and row.count("NO") == 1 for row in rows)
        assert all(len(line) <= 82 for line in lines)
        assert ("context.set_privileges(1) shows" in str(told.value)) == (criterion == "visible")

    def test_among_many_that_fail_by_more_those_that_fail_by_one_are_named(self, context):
        frame = mode_frame()
        worse = self.many(frame, 150, is_valid=0, quality_flags=BAD)
        other = self.many(frame, 50, chip=None)
        context.commit(frame, *worse, *other)
        with pytest.raises(CalibrationNotFound) as told:
            choose(frame, self.NEED, parameters())
        assert str(told.value).count("fails only by chip is None") == 3
        assert "is_valid is" not in str(told.value)

    @pytest.mark.heavy
    def test_a_hundred_orders_of_insertion_give_one_choice(self, context):
        rng, seen = random.Random(5), set()
        for trial in range(100):
            frame = mode_frame(chip=f"chip {trial}")
            made = self.many(frame)
            for n, each in enumerate(made):
                # Of each night some fifteen, many of them made in the same second.
                each.creation_date = datetime.datetime(2021, 1, 1) + n // 40 * SECOND
                each.is_valid = int(n % 7 > 0)
            own = [c for c in made if c.night == NIGHT and c.is_valid]
            best = max(own, key=lambda c: (c.creation_date, c.object_id))
            order = list(made)
            rng.shuffle(order)
            seen.add(order.index(best))
            context.commit(frame, *order)
            assert choose(frame, self.NEED, parameters()) is best
        assert len(seen) > 20

    def test_a_shuffled_store_gives_the_same_choice(self, context):
        rng = random.Random(7)
        for trial in range(8):
            frame = mode_frame(chip=f"chip {trial}")
            made = self.many(frame)
            for each in made:
                each.creation_date = datetime.datetime(2021, 1, 1)
            best = max((c for c in made if c.night == NIGHT), key=lambda c: c.object_id)
            rng.shuffle(made)
            context.commit(frame, *made)
            assert choose(frame, self.NEED, parameters()) is best


class TestServing:
    """When each calibration serves, against the choice itself."""

    NIGHTS = tuple((NIGHT + n * DAY, NIGHT + (n + 0.5) * DAY, NIGHT + (n + 1.5) * DAY)
                   for n in range(-25, 26))  # fmt: skip

    @pytest.mark.parametrize("seed", range(6))
    def test_it_is_the_choice_at_any_date(self, context, seed):
        rng = random.Random(seed)
        source = raw()
        made = []
        for n in range(14):
            each = cal(source, rng.randint(-12, 12), width=rng.randint(0, 6))
            each.timestamp_start += rng.uniform(-1, 1) * DAY
            each.is_valid = rng.choice([0, 1, 1, 2])
            each.quality_flags = rng.choice([0, 0, 0, BAD, MILD])
            made.append(forever(source) if n == 0 else each)
        context.commit(source, *made)
        found = serving_intervals(made, self.NIGHTS)
        edges = [t for c in made for t in (c.timestamp_start, c.timestamp_end)]
        at = [t + d * SECOND for t in edges for d in (-1, 0, 1)]
        at += [NIGHT + rng.uniform(-24, 25) * DAY for _ in range(60)]
        compared = 0
        for when in at:
            if not self.NIGHTS[0][1] <= when < self.NIGHTS[-1][2]:
                continue
            night = next(n for n, begin, end in self.NIGHTS if begin <= when < end)
            frame = PrRaw(chip=source.chip, filter="V", night=night, DATE_OBS=when)
            told = [c for c in made if any(a <= when < b for a, b in found[c.object_id])]
            try:
                assert told == [choose(frame, CAL)]
            except CalibrationNotFound:
                assert told == []
            compared += 1
        assert compared > 60

    def test_intervals_are_joined_and_what_is_bad_never_serves(self, context):
        source = raw()
        first, bad = cal(source), cal(source)
        context.commit(source, first, bad)
        context.update_is_valid(bad, 0, "light leak")
        later = stored(context, cal(source))[0]
        found = serving_intervals([first, bad, later], self.NIGHTS)
        assert found[bad.object_id] == []
        assert not serves_at_all(bad)
        # A remake has the same interval, all of which it eclipses.
        assert found[first.object_id] == []
        assert found[later.object_id] == [(later.timestamp_start, later.timestamp_end)]

    def test_only_what_competes_is_in_one_group(self, context):
        frames = [raw(), raw(filter="R")]
        made = [cal(f, pars={"PrCal.process_params.METHOD": m}) for f in frames for m in (5, 6, 6)]
        context.commit(*frames, *made)
        groups = competing(made)
        assert sorted(map(len, groups.values())) == [1, 1, 2, 2]
        assert {dict(key)["METHOD"] for key in groups} == {5, 6}


class TestGivenByTheUser:
    def test_may_be_out_of_date_invalid_and_flagged(self, context, frame):
        old = cal(frame, -300)
        old.is_valid, old.quality_flags = 0, BAD
        assert check_given(frame, CAL, old, parameters()) is old

    def test_must_be_of_the_class(self, context, frame):
        with pytest.raises(AweTypeError, match="cal is a PrCal object, not PrRaw"):
            check_given(frame, CAL, frame)

    def test_must_fit_in_what_matters(self, context, frame):
        with pytest.raises(AweValueError, match="its chip is B, needed is A"):
            check_given(frame, CAL, cal(raw(chip="B")))
        other = cal(frame, pars={"PrCal.process_params.METHOD": 5})
        with pytest.raises(AweValueError, match="its METHOD is 5, needed is 6"):
            check_given(frame, CAL, other, parameters())


class TestNeeds:
    def test_each_time_is_asked_about_and_a_reason_is_shared(self, context):
        made = [raw(hours=hours) for hours in (20, 21, 22)] + [raw(chip="B"), raw(chip="B")]
        context.commit(*made, cal(made[0], timestamp_start=made[1].DATE_OBS))
        task = PrTask(what=list)
        needs = Needs(task)
        reasons = [needs.lacking(unit) for unit in task.units()]
        assert [reason is None for reason in reasons] == [False, True, True, False, False]
        assert "interval" in str(reasons[0])
        assert reasons[3] is reasons[4]
        assert [Needs(task, [PrCal]).lacking(unit) for unit in task.units()] == [None] * 5
        task.cal = made
        assert [Needs(task).lacking(unit) for unit in task.units()] == [None] * 5
        plan = task.plan()
        assert [unit.error is None for unit in plan] == [True] * 5
        del task.cal
        assert [str(unit.error) for unit in task.plan()] == [str(reason) for reason in reasons]
