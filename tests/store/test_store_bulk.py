"""Storing many objects: short cuts give what the long way gives, and little is written twice."""

import contextlib
import datetime

import numpy as np
import pytest
from store_lab import LabChip, LabFrame, LabInstrument, LabNote, LabStat, open_new

from awe.base.errors import AweAttributeError, AweError, AweTypeError
from awe.store import blocks
from awe.store.verify import verify


@pytest.fixture
def lab(tmp_path, monkeypatch):
    """Give a context of which the segments are small."""
    monkeypatch.setattr(blocks, "TAIL_ROWS", 4)
    monkeypatch.setattr(blocks, "LEVELS", (4, 16, 64))
    monkeypatch.setattr(blocks, "LARGEST", 64)
    with contextlib.closing(open_new(tmp_path)) as context:
        yield context


def _segments(context):
    (_, extent), *_ = context.session.extents_of(LabNote)
    return extent.segments


@pytest.mark.parametrize("batch", [7, 20, 49, 64, 150])
def test_segments_follow_each_other_and_none_is_too_large(lab, batch):
    values = [float(n) if n % 7 else None for n in range(300)]
    texts = [f"t{n * 37 % 300}" if n % 5 else None for n in range(300)]
    for first in range(0, 300, batch):
        last = min(first + batch, 300)
        lab.commit(
            [LabNote(name=f"n{n}", value=values[n], text=texts[n]) for n in range(first, last)]
        )
    stop = 0
    for segment in _segments(lab):
        assert segment.start == stop
        assert 0 < segment.count <= 64
        stop += segment.count
    table = LabNote.select_all().table("value", "text")
    assert np.ma.array(table["value"]).tolist() == values
    assert np.ma.array(table["text"]).tolist() == texts
    assert verify(lab) == []


@pytest.mark.parametrize("batch", [16, 30, 50])
def test_a_row_is_written_few_times(lab, batch, monkeypatch):
    written = []
    make = blocks.make_segment

    def counted(start, count, columns):
        written.append(count)
        return make(start, count, columns)

    monkeypatch.setattr(blocks, "make_segment", counted)
    rows = 640 // batch * batch
    for first in range(0, rows, batch):
        lab.commit([LabNote(name=f"n{first + n}") for n in range(batch)])
    # Once in each of the three sizes, and somewhat more where a segment is cut.
    assert sum(written) <= 3.5 * rows


def test_a_full_segment_stays_the_same_record(lab):
    lab.commit([LabNote(name=f"a{n}") for n in range(60)])
    (first,) = _segments(lab)
    for batch in range(12):
        lab.commit([LabNote(name=f"b{batch}.{n}") for n in range(10)])
        assert _segments(lab)[0] is first


def _same(make, values):
    """Tell what the constructor makes of values: the attributes, or the error."""
    try:
        obj = make(**values)
    except AweError as err:
        return type(err), str(err)
    return {name: getattr(obj, name) for name in obj._attributes}


@pytest.mark.parametrize("warm", [{}, {"number": 1, "EXPTIME": 2.0, "batch": "a"}])
@pytest.mark.parametrize(
    "values",
    [
        {"number": 2**63 - 1, "EXPTIME": 2.0, "batch": "b"},
        {"number": 2**63, "EXPTIME": 2.0, "batch": "b"},
        {"number": True, "EXPTIME": 2.0, "batch": "b"},
        {"number": 1, "EXPTIME": 3, "batch": "b"},
        {"number": np.int64(1), "EXPTIME": np.float32(0.5), "batch": np.str_("b")},
        {"number": 1, "EXPTIME": 2.0, "batch": "\u00e9\u4e2d"},
        {"number": 1, "EXPTIME": 2.0, "batch": "\ud800"},
        {"number": None, "EXPTIME": None, "batch": None},
        {"number": 1, "EXPTIME": 2.0, "bach": "b"},
        {"DATE_OBS": datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)},
        {"DATE_OBS": datetime.datetime(2020, 1, 1)},
        {"imstat": {"mean": 1.0, "count": 2}, "tags": ["a"], "inputs": ()},
        {"imstat": LabStat(count=2), "tags": None},
    ],
)
def test_what_was_made_before_changes_nothing(lab, warm, values):
    expected = _same(LabFrame, values)
    if warm:
        for _ in range(3):
            assert LabFrame(**warm).number == 1
    for _ in range(3):
        assert _same(LabFrame, values) == expected


def test_values_that_are_good_one_by_one_are_kept_as_they_are(lab):
    when = datetime.datetime(2020, 1, 1, 12)
    for number in (0, -(2**63), 2**63 - 1):
        frame = LabFrame(number=number, EXPTIME=float("nan"), DATE_OBS=when, batch="x")
        assert (frame.number, frame.DATE_OBS, frame.batch) == (number, when, "x")
    for number in (2**63, -(2**63) - 1):
        with pytest.raises(AweError, match="64 bits"):
            LabFrame(number=number, EXPTIME=1.0, DATE_OBS=when, batch="x")
    aware = when.replace(tzinfo=datetime.timezone(datetime.timedelta(hours=2)))
    frame = LabFrame(number=1, EXPTIME=1.0, DATE_OBS=aware, batch="x")
    in_utc = frame.DATE_OBS
    assert in_utc == datetime.datetime(2020, 1, 1, 10)


def test_records_take_their_fields_in_any_order(lab):
    both = LabStat(mean=1.0, count=2)
    assert LabStat(count=2, mean=1.0) == both
    assert LabStat(count=2).mean is None
    assert both.replace(mean=3.0) == LabStat(mean=3.0, count=2)
    assert hash(LabStat(count=2, mean=1.0)) == hash(both)
    for _ in range(2):
        with pytest.raises(AweTypeError, match=r"LabStat\.count"):
            LabStat(mean=1.0, count="two")
        with pytest.raises(AweAttributeError, match="has no field 'cout'"):
            LabStat(mean=1.0, cout=2)


def test_a_link_takes_objects_of_its_class_only(lab):
    instrument = LabInstrument(name="I")
    for _ in range(2):
        assert LabChip(name="c", instrument=instrument).instrument is instrument
        with pytest.raises(AweTypeError, match="takes a LabInstrument object"):
            LabChip(name="c", instrument=LabChip(name="d"))


def test_counts_asked_anew_are_counts_asked_again(lab):
    lab.commit([LabNote(name=f"n{n}", value=float(n)) for n in range(50)])
    query = LabNote.value > 10
    assert [len(query), len(query)] == [39, 39]
    lab.session.forget_answers()
    assert [len(query), len(LabNote.value > 10)] == [39, 39]


def test_objects_read_right_after_they_were_stored_in_bulk(lab):
    notes = [LabNote(name=f"n{n}", value=float(n), extra={"n": n}) for n in range(200)]
    lab.commit(notes)
    assert [n.value for n in notes] == [float(n) for n in range(200)]
    assert notes[3].extra["n"] == 3
    notes[3].value = -1.0
    lab.commit()
    assert LabNote.get(name="n3").value == -1.0
    assert len(LabNote.value < 0) == 1
    assert verify(lab) == []
