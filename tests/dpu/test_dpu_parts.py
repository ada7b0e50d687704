"""The parts: schedule, values, logs, parcels, objects at hand."""

import datetime
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from awe.base.errors import AweTypeError
from awe.dpu import values, waiting, work
from awe.dpu.logs import JobLog
from awe.dpu.schedule import JobSchedule


def _unit(number, step, group="A", beam="", kind="make", state="queued"):
    return SimpleNamespace(
        number=number, step=step, group=group, beam=beam, kind=kind, state=state, label=str(number)
    )


def _ready(schedule):
    found = []
    while (unit := schedule.next()) is not None:
        found.append(unit.number)
    return found


def test_units_wait_for_their_own_ccd_only():
    """B's flat starts when B's bias is done, whatever A's does."""
    biases = [_unit(0, 0, "A"), _unit(1, 0, "B")]
    flats = [_unit(2, 1, "A"), _unit(3, 1, "B")]
    schedule = JobSchedule([[], [0]])
    schedule.add([*biases, *flats])
    assert schedule.open() == []
    assert _ready(schedule) == [0, 1]
    schedule.ended(biases[1], "done")
    schedule.open()
    assert _ready(schedule) == [3]
    schedule.ended(biases[0], "done")
    schedule.open()
    assert _ready(schedule) == [2]
    assert not schedule.is_over
    for flat in flats:
        schedule.ended(flat, "done")
    assert schedule.is_over


def test_steps_that_do_not_need_each_other_do_not_wait():
    """Twilight flats need the bias, not the dome flats."""
    schedule = JobSchedule([[], [0], [0]])
    bias, dome, twilight = _unit(0, 0), _unit(1, 1), _unit(2, 2)
    schedule.add([bias, dome, twilight])
    schedule.open()
    schedule.next()
    schedule.ended(bias, "done")
    schedule.open()
    assert _ready(schedule) == [1, 2]


def test_failure_blocks_its_own_filter_and_what_hangs_on_it():
    """The other filter and the other CCD go on."""
    flats = [_unit(0, 0, "A", "r"), _unit(1, 0, "A", "g"), _unit(2, 0, "B", "r")]
    masters = [_unit(3, 1, "A", "r"), _unit(4, 1, "A", "g"), _unit(5, 1, "B", "r")]
    science = [_unit(6, 2, "A", "r"), _unit(7, 2, "B", "r")]
    schedule = JobSchedule([[], [0], [0, 1]])
    schedule.add([*flats, *masters, *science])
    schedule.open()
    _ready(schedule)
    schedule.ended(flats[0], "failed")
    schedule.ended(flats[1], "done")
    schedule.ended(flats[2], "done")
    blocked = [(unit.number, culprit.number) for unit, culprit in schedule.open()]
    assert blocked == [(3, 0)]
    assert _ready(schedule) == [4, 5]
    schedule.ended(masters[1], "done")
    assert [(u.number, c.number) for u, c in schedule.open()] == [(6, 0)]


def test_units_of_a_ccd_follow_each_other_where_a_step_needs_itself():
    """The second finds what the first has made; another CCD does not wait."""
    units = [_unit(0, 0, "A"), _unit(1, 0, "A"), _unit(2, 0, "B")]
    schedule = JobSchedule([[0]])
    schedule.add(units)
    assert schedule.open() == []
    assert _ready(schedule) == [0, 2]
    schedule.give_back(units[0])
    assert _ready(schedule) == [0]
    schedule.ended(units[0], "failed")
    assert schedule.open() == []
    assert _ready(schedule) == [1]
    schedule.ended(units[1], "done")
    schedule.ended(units[2], "done")
    assert schedule.is_over


def test_units_found_on_the_way_are_waited_for():
    """What a selection finds belongs to its step."""
    bias, select, later = _unit(0, 0), _unit(1, 1, kind="select"), _unit(2, 2)
    schedule = JobSchedule([[], [0], [0, 1]])
    schedule.add([bias, select, later])
    schedule.open()
    _ready(schedule)
    schedule.ended(bias, "done")
    schedule.open()
    assert _ready(schedule) == [1]
    found = _unit(1, 1)
    schedule.add([found])
    schedule.ended(select, "done")
    schedule.open()
    assert schedule.next() is found
    assert schedule.next() is None
    schedule.ended(found, "done")
    schedule.open()
    assert schedule.next() is later


def test_units_that_ended_before_a_restart_stay_so():
    """A failed one of before blocks, a done one is not done again."""
    schedule = JobSchedule([[], [0]])
    schedule.add([_unit(0, 0, state="failed"), _unit(1, 0, "B", state="done"), _unit(2, 1, "A"),
                  _unit(3, 1, "B", state="lost")])  # fmt: skip
    assert [unit.number for unit, _ in schedule.open()] == [2]
    assert _ready(schedule) == [3]


def test_values_come_back_as_they_were():
    """Plain values, times, paths, and dicts that look like ours."""
    given = {
        "a": [1, 2.5, None, True, "text"],
        "when": datetime.datetime(2012, 6, 1, 8, 51, 44, 5),
        "night": datetime.date(2012, 6, 1),
        "path": Path("/tmp/x"),
        "number": np.float32(0.5),
        "odd": {"$time": "no time", "x": 1},
    }
    back = values.loads(values.dumps(given, "test"))
    assert back == {**given, "night": datetime.datetime(2012, 6, 1)}
    with pytest.raises(AweTypeError, match="test: a object cannot travel"):
        values.dumps([object()], "test")


def test_log_gives_whole_lines_from_where_one_was(tmp_path):
    """Printed lines carry their unit; half a line waits for its end."""
    log = JobLog(tmp_path / "deep" / "log")
    assert log.read() == ([], 0)
    with log.capture("unit"):
        print("one\ntwo")
        print("three", end="")
    lines, end = log.read()
    assert [line[20:] for line in lines] == ["unit | one", "unit | two", "unit | three"]
    with open(log.path, "a") as stream:
        stream.write("half")
    assert log.read(end) == ([], end)


def test_objects_at_hand_are_found_by_iterations(context):
    """They meet the conditions or not, as stored ones do, and only inside the block."""
    from awe.model import Chip, Instrument
    from awe.store.at_hand import at_hand
    from awe.store.registry import find_class

    sheet_class = find_class("Sheet")
    sheets = [sheet_class(number=n, filename=f"s{n}.txt") for n in (1, 5, 9)]
    instrument = Instrument(name="HANDCAM")
    chip = Chip(name="one", instrument=instrument)
    with at_hand([*sheets, chip, instrument]):
        assert list(sheet_class.number > 3) == sheets[1:]
        assert list((sheet_class.number > 3) & ~(sheet_class.number == 9)) == [sheets[1]]
        assert list(sheet_class.number.between(1, 5)) == sheets[:2]
        assert list(sheet_class.number.in_([9])) == sheets[2:]
        assert list((sheet_class.number < 2) | (sheet_class.filename.like("s9*"))) == [
            sheets[0], sheets[2],
        ]  # fmt: skip
        assert list(sheet_class.sha256 == None) == sheets  # noqa: E711
        assert list(Chip.instrument.name == "HANDCAM") == [chip]
        assert len(sheet_class.number > 3) == 0
    assert list(sheet_class.number > 3) == []


def test_parcels_keep_links_records_and_identity(context, tmp_path):
    """New objects travel with what they link to; the second time they are the same."""
    from awe.store import parcels
    from awe.store.registry import find_class

    sheet_class = find_class("Sheet")
    path = tmp_path / "sheet.txt"
    path.write_text("text")
    sheet = sheet_class(number=3)
    sheet.attach(path)
    (copy,) = parcels.unpack(data := parcels.pack([sheet]))
    assert copy is not sheet
    assert (copy.object_id, copy.number, copy.path()) == (sheet.object_id, 3, path)
    assert parcels.unpack(data)[0] is copy
    assert parcels.arrived(copy.object_id) is copy
    copy.commit()
    assert parcels.unpack(data)[0] is copy
    object_id = copy.object_id
    del copy
    assert parcels.unpack(data)[0].is_committed
    assert sheet_class[object_id].number == 3


def test_step_of_all_ccds_has_what_was_made_of_each(context, tmp_path):
    """One of a CCD has that of its own, and what belongs to none."""
    from awe.dpu.jobs import DpuJob, DpuUnit
    from awe.dpu.parcels import made_by, write_parcel
    from awe.store.registry import find_class

    folder = tmp_path / "job"
    job = DpuJob(number=900, sequence="Trial>Print", folder=str(folder))
    units = [DpuUnit(job=job, number=i, step=0, group=group, state="done", attempt=1)
             for i, group in enumerate(("A", "B", ""))]  # fmt: skip
    record = DpuUnit(job=job, number=3, step=1)
    sheets = [find_class("Sheet")(number=unit.number) for unit in units]
    for unit, sheet in zip(units, sheets, strict=True):
        unit.results = [f"Sheet {sheet.object_id}"]
        write_parcel(folder, made_by(unit.object_id, 1), [sheet])
    context.commit(job, *units, record)
    spec = {"folder": str(folder), "stores": False, "step": 1, "needs": [0]}
    found = {group: work._made_before({**spec, "group": group}, record) for group in ("", "A")}
    assert [sheet.number for sheet in found[""]] == [0, 1, 2]
    assert [sheet.number for sheet in found["A"]] == [0, 2]
    context.delete([record, *units, job], why="tried")


def test_log_on_a_full_disk_stops_no_work(capfd):
    """The lines go to where the process itself reports."""
    JobLog("/dev/full").add("unit", "it went on")
    assert "No space left" in (text := capfd.readouterr().err)
    assert "unit | it went on" in text


def test_attempt_is_begun_by_one_process_only(tmp_path):
    """A cluster that gives it to another worker by itself hears that the first was lost."""
    spec = {"folder": str(tmp_path), "scratch": str(tmp_path / "scratch" / "unit-1"),
            "recipe": "Trial", "label": "unit"}  # fmt: skip
    (tmp_path / "scratch" / "unit-1").mkdir(parents=True)
    outcome = work.run_unit(spec)
    assert (outcome["state"], outcome["died"]) == ("lost", True)


class _Desk:
    """Where the DPU leaves the sign that something has changed."""

    news = 0
    runs = True

    def news_at(self):
        return self.news

    def running(self):
        return self.runs


def test_store_is_asked_only_when_something_may_have_changed(monkeypatch):
    """At once the first time, then when there is news, and seldom without."""
    clock = [0.0]
    monkeypatch.setattr(waiting.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(waiting.time, "thread_time", lambda: 0.0)
    desk = _Desk()
    waits = waiting.Waiting(desk)

    def asked(seconds):
        count = 0
        for _ in range(round(seconds / 0.05)):
            count += waits.is_due()
            clock[0] += 0.05
        return count

    assert waits.is_due()
    assert asked(4.9) == 0
    assert asked(20) in (4, 5)
    desk.news += 1
    assert asked(1) == 1
    desk.runs = None
    assert waits.is_due()


def test_what_costs_much_is_asked_seldom(monkeypatch):
    """Asking takes at most a tenth of a processor."""
    clock = [0.0, 0.0]
    monkeypatch.setattr(waiting.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(waiting.time, "thread_time", lambda: clock[1])
    desk = _Desk()
    waits = waiting.Waiting(desk)
    count = 0
    while clock[0] < 20:
        desk.news += 1
        if waits.is_due():
            count += 1
            clock[1] += 0.2
        clock[0] += 0.05
    assert count <= 11
