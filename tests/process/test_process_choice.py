"""Choice of calibrations: every criterion, the order, the explanation."""

import datetime
import random

import process_lab as lab
import pytest
from process_lab import CAL, cal, forever, raw

from awe.base.errors import AweTypeError, AweValueError
from awe.process import CalibrationNotFound, choose, explain, register_flag, resolve
from awe.process.choice import check_given

BAD = register_flag("TEST_BAD", 1 << 40, "a flag of the tests that disqualifies")
MILD = register_flag("TEST_MILD", 1 << 41, "a flag of the tests that warns", disqualifies=False)
SECOND = datetime.timedelta(seconds=1)


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


def test_a_hundred_orders_of_insertion_give_one_choice(context):
    """The choice hangs on what the candidates are, not on when they were stored."""
    rng = random.Random(3)
    for trial in range(100):
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


def test_table_marks_the_choice(context, frame):
    near, far = stored(context, cal(frame), cal(frame, -30))
    lines = str(explain(frame, CAL, parameters())).splitlines()
    assert lines[0].startswith("cal for <PrRaw")
    assert lines[1] == f"> {near!r}"
    assert f"  {far!r}" in lines
    assert "      NO  interval" in "\n".join(lines)
    assert "      yes METHOD               6" in lines


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
