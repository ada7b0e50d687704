"""The parts: schedule, values, logs, parcels, objects at hand."""

import datetime
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from awe.base.errors import AweTypeError
from awe.dpu import values
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
