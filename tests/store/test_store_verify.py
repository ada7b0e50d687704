"""Verify finds what does not fit together; reindex and repair mend what can be mended."""

import contextlib
import fcntl
import os
import shutil
import sqlite3

import numpy as np
import pytest
from store_lab import LabChip, LabFrame, LabInstrument, LabNote, LabStat, make_frame, open_lab
from ZODB.utils import u64

from awe.base.errors import AweError
from awe.store import blocks, plain
from awe.store.columns import column_from_values
from awe.store.integrity import database_problems
from awe.store.plain import HostileRecordError
from awe.store.records import PAGE_ROWS, ColumnRecord, Row
from awe.store.session import row_of
from awe.store.staging import DESK_LOCK, is_in_use
from awe.store.verify import reindex, verify


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """Make a store with frames in segments and in the tail; give its folder."""
    folder = tmp_path_factory.mktemp("prepared")
    with pytest.MonkeyPatch.context() as patch, contextlib.closing(open_lab(folder)) as context:
        _small_segments(patch)
        chip = LabChip(name="c1", instrument=LabInstrument(name="OMEGACAM"))
        frames = [
            make_frame(folder, f"{k}.fits", number=k, chip=chip, imstat=LabStat(mean=float(k)),
                       header={"K": k}, tags=[str(k)] * (k % 3))
            for k in range(20)
        ]  # fmt: skip
        context.commit(frames)
        frames = [make_frame(folder, f"{k}.fits", number=k, inputs=frames[:3]) for k in (20, 21)]
        context.commit(frames)
        assert verify(context) == []
    return folder


@pytest.fixture
def lab(prepared, tmp_path, monkeypatch):
    """Give the context of a copy of the prepared store."""
    _small_segments(monkeypatch)
    shutil.copytree(prepared, tmp_path, dirs_exist_ok=True)
    context = open_lab(tmp_path)
    # The tests change records past awe.
    context.session.begin_writing()
    yield context
    context.close()


def _small_segments(patch):
    patch.setattr(blocks, "TAIL_ROWS", 16)
    patch.setattr(blocks, "LEVELS", (16, 64, 256))


def _store(context):
    """Commit what a test has tampered with, past awe."""
    context.session.root.clock.time += 1
    context.session.commit_transaction()


def _only(problems, *words):
    assert len(problems) == 1, problems
    assert all(word in problems[0] for word in words), problems
    return problems[0]


# --- files ---


def test_a_flipped_byte(lab):
    path = LabFrame.get(number=4).path()
    data = bytearray(path.read_bytes())
    data[3] ^= 1
    path.chmod(0o644)
    path.write_bytes(data)
    _only(verify(lab), "4.fits is damaged")
    assert verify(lab, checksums=False) == []


def test_a_file_that_was_cut(lab):
    path = LabFrame.get(number=4).path()
    path.chmod(0o644)
    os.truncate(path, 5)
    _only(verify(lab, checksums=False), "4.fits has 5 bytes")


def test_a_missing_file(lab):
    frame = LabFrame.get(number=4)
    frame.path().unlink()
    _only(verify(lab, repair=True), "4.fits", "is missing", frame.object_id)


def test_foreign_files(lab, tmp_path):
    data = tmp_path / "data"
    for place in ("stray", "aa/bb/stray", "incoming/stray", "incoming/dead/stray"):
        (data / place).parent.mkdir(parents=True, exist_ok=True)
        (data / place).write_text(place)
    problems = verify(lab)
    assert len(problems) == 4
    assert all(p.startswith("No object has the file") for p in problems)
    assert (data / "stray").exists()
    assert all(p.startswith("Moved ") for p in verify(lab, repair=True))
    assert verify(lab) == []
    kept = sorted(p.read_text() for p in (data / "lost+found").iterdir())
    assert kept == ["aa/bb/stray", "incoming/dead/stray", "incoming/stray", "stray"]
    assert LabFrame.get(number=4).path().exists()


def test_files_that_wait_for_their_commit_are_left_alone(lab, tmp_path):
    frame = make_frame(tmp_path, "new.fits", number=99)
    (staged,) = frame.prepare_files(lab)
    desk = staged.temporary.parent
    # Whoever looks holds nothing of it afterwards: others still find it locked.
    assert is_in_use(desk)
    with open(desk / DESK_LOCK, "rb") as stream, pytest.raises(BlockingIOError):
        fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
    assert verify(lab, repair=True) == []
    frame.commit()
    assert verify(lab, repair=True) == []
    assert not is_in_use(tmp_path / "data" / "incoming" / "nobody")


# --- columns ---


@pytest.mark.parametrize(
    ("path", "spec", "value"),
    [
        ("number", "int", 77),
        ("filename", "str", "x.fits"),
        ("imstat.mean", "float", None),
        ("tags", ("list", "str"), ("x",)),
        ("$serial", "int", 999),
        ("header", "present", False),
    ],
)
def test_a_wrong_column_and_its_repair(lab, path, spec, value):
    extent = lab.session.extent(LabFrame)
    segment = extent.segments[0]
    block = blocks.SegmentBlock(lab.session, extent, segment)
    blocks.set_value(block, segment, path, spec, 5, value)
    _store(lab)
    _only(verify(lab), "LabFrame", f"column {path} is wrong in 1 rows", "row 5", "awe reindex")
    assert reindex(lab) == len(LabFrame.select_all()) + 4
    assert verify(lab) == []
    assert [f.filename for f in (LabFrame.number == 5)] == ["5.fits"]


def test_a_whole_column_that_is_wrong(lab):
    extent = lab.session.extent(LabFrame)
    segment = extent.segments[0]
    wrong = ColumnRecord(column_from_values("int", [1, 2] * (segment.count // 2)))
    segment.columns = {**segment.columns, "number": wrong}
    _store(lab)
    found = verify(lab)
    assert any(f"wrong in {segment.count} rows" in problem for problem in found)
    assert any("the zone of the column number" in problem for problem in found)
    assert len(found) == 2
    reindex(lab)
    assert verify(lab) == []


def test_a_column_that_cannot_be_read(lab):
    extent = lab.session.extent(LabFrame)
    extent.segments[0].columns["number"]._packed = b"cos\nsystem\n."
    extent.segments[0].columns["number"]._p_changed = True
    _store(lab)
    lab.session._connection.cacheMinimize()
    _only(verify(lab), "column number", "os.system")
    reindex(lab)
    assert verify(lab) == []


# --- links and unique values ---


def _tamper(context, obj, **changes):
    """Write other raw values into a row, and into its columns."""
    session = context.session
    extent = session.extent(type(obj))
    number = row_of(obj._packed)
    page = extent.pages[number // PAGE_ROWS]
    row = page.rows[number % PAGE_ROWS]
    fields = type(obj)._fields()
    values = tuple(changes.get(n, v) for (n, _), v in zip(fields, row.values(), strict=True))
    page.rows[number % PAGE_ROWS] = Row(
        row.layout, row.object_id, row.domain, row.serial, row.committed, plain.dumps(values)
    )
    page._p_changed = True
    specs = dict(fields)
    blocks.update_segments(
        session, extent, number, {name: (specs[name], raw) for name, raw in changes.items()}
    )
    _store(context)


def test_a_dangling_link(lab):
    frame = LabFrame.get(number=4)
    _tamper(lab, frame, chip=frame.chip._packed + 50)
    _only(verify(lab), frame.object_id, "links to a missing object")


def test_a_dangling_link_in_a_list(lab):
    frame = LabFrame.get(number=20)
    _tamper(lab, frame, inputs=(frame._packed, frame._packed + 50))
    _only(verify(lab), frame.object_id, "links to a missing object")


def test_a_unique_value_of_a_missing_object(lab):
    tree = lab.session.root.unique["DataObject:filename"].tree
    tree["somewhere\0ghost.fits"] = LabFrame.get(number=4)._packed + 1000
    _store(lab)
    _only(verify(lab), "ghost.fits", "of a missing object")
    reindex(lab)
    assert verify(lab) == []


def test_a_unique_value_that_leads_nowhere_or_elsewhere(lab, tmp_path):
    tree = lab.session.root.unique["DataObject:filename"].tree
    (key,) = [k for k in tree if k.endswith("\x004.fits")]
    other = tree[key.replace("4.fits", "5.fits")]
    del tree[key]
    _store(lab)
    _only(verify(lab), "does not lead to", "4.fits")
    tree[key] = other
    _store(lab)
    _only(verify(lab), "does not lead to", "4.fits")
    tree[key] = LabFrame.get(number=4)._packed
    tree[key.replace("4.fits", "old.fits")] = other
    _store(lab)
    _only(verify(lab), "holds 1 values that no object has")
    reindex(lab)
    assert verify(lab) == []
    with pytest.raises(ValueError, match="must be unique"):
        make_frame(tmp_path, "4.fits", b"another").commit()


def test_reindex_refuses_what_cannot_be_unique(lab):
    _tamper(lab, LabFrame.get(number=4), filename="5.fits")
    problems = verify(lab)
    assert any("does not lead to" in p for p in problems)
    with pytest.raises(ValueError, match="must be unique"):
        reindex(lab)
    assert len(LabFrame.select_all()) == 22


# --- records beside the row ---


def test_a_record_of_its_own_that_is_missing(lab):
    frame = LabFrame.get(number=4)
    extent = lab.session.extent(LabFrame)
    number = row_of(frame._packed)
    extent.pages[number // PAGE_ROWS].set_child(number % PAGE_ROWS, "header", None)
    _store(lab)
    _only(verify(lab), frame.object_id, "header is missing or left over")


def test_a_damaged_history(lab):
    frame = LabFrame.get(number=4)
    frame.comment = "x"
    frame.commit()
    lab.session.root.changes[frame._packed] = b"cos\nsystem\n."
    _store(lab)
    _only(verify(lab), "history", "os.system")


def test_an_unreadable_page_keeps_files_where_they_are(lab, tmp_path):
    page = lab.session.extent(LabFrame).pages[0]
    page._blob = b"cos\nsystem\n."
    page.__dict__.pop("_v_rows", None)
    page._p_changed = True
    _store(lab)
    lab.session._connection.cacheMinimize()
    files = [p for p in (tmp_path / "data").rglob("*.fits") if p.is_file()]
    problems = verify(lab, repair=True)
    assert any("os.system" in p for p in problems)
    assert all(p.exists() for p in files)


def test_a_large_store_is_compared_block_by_block(lab):
    lab.commit([LabNote(name=f"n{k}", value=float(k), extra={"k": k}) for k in range(300)])
    found = LabNote.select_all()
    lab.delete(found[40:60])
    assert verify(lab) == []
    assert np.array_equal(
        LabNote.select_all().table("value")["value"], [*range(40), *range(60, 300)]
    )
    reindex(lab)
    assert verify(lab) == []
    assert len(LabNote.select_all()) == 280


# --- damage of the database itself ---


def _change_state(folder, number, change):
    """Change a record past everything, None deletes it; give what it was."""
    with contextlib.closing(sqlite3.connect(folder / "store" / "main.sqlite3")) as database:
        select = "SELECT state FROM object_state WHERE zoid = ?"
        former = database.execute(select, (number,)).fetchone()[0]
        state = change(former)
        if state is None:
            database.execute("DELETE FROM object_state WHERE zoid = ?", (number,))
        else:
            update = "UPDATE object_state SET state = ? WHERE zoid = ?"
            database.execute(update, (state, number))
        database.commit()
    return former


_HARMS = {
    "missing": lambda state: None,
    "cut": lambda state: state[: len(state) // 2],
    "no pickle": lambda state: b"",
    "other contents": lambda state: state.split(b".", 1)[0] + b".\x80\x03K\x01.",
}


@pytest.fixture(scope="module")
def whole_store(tmp_path_factory):
    """Make a store that is whole; give it and the numbers of its records by what they are."""
    folder = tmp_path_factory.mktemp("whole")
    with contextlib.closing(open_lab(folder)) as context:
        context.commit([LabNote(name=f"n{k}", value=float(k), extra={"a": k}) for k in range(1100)])
        root, extent = context.session.root, context.session.extent(LabNote)
        segment = extent.segments[0]
        records = {
            "schema": context.session.schema(LabNote), "extent": extent, "page": extent.page(3),
            "shelf": extent.pages, "segment": segment, "column": segment.columns["value"],
            "child": extent.page(0).children[0, "extra"], "unique": root.unique["LabNote:name"],
            "root": root, "clock": root.clock, "domains": root.domains, "names": root.names,
            "extents": root.extents, "first": context.session._connection.root(),
        }  # fmt: skip
        for record in records.values():
            record._p_activate()
        return folder, {name: u64(record._p_oid) for name, record in records.items()}


@pytest.mark.parametrize("harm", _HARMS)
@pytest.mark.parametrize(
    "record", ["schema", "extent", "page", "shelf", "segment", "column", "child", "unique"]
)
def test_a_record_that_is_damaged(whole_store, tmp_path, record, harm, caplog):
    folder, numbers = whole_store
    shutil.copytree(folder / "store", tmp_path / "store")
    _change_state(tmp_path, numbers[record], _HARMS[harm])
    with contextlib.ExitStack() as opened:
        found = []
        with contextlib.suppress(HostileRecordError):
            context = opened.enter_context(contextlib.closing(open_lab(tmp_path)))
            found = verify(context)
        # What hinders even opening says so by itself.
        assert found or record in ("schema", "extent", "unique")


@pytest.mark.parametrize(
    ("record", "right", "wrong"), [("page", b"n100", b"n900"), ("child", b"K\x00", b"K\x01")]
)
def test_a_value_that_changed_in_the_database(whole_store, tmp_path, record, right, wrong):
    folder, numbers = whole_store
    shutil.copytree(folder / "store", tmp_path / "store")
    _change_state(tmp_path, numbers[record], lambda state: state.replace(right, wrong, 1))
    with contextlib.closing(open_lab(tmp_path)) as context:
        assert any("its checksum is wrong" in problem for problem in verify(context))


_MIXED = ("first", "root", "clock", "domains", "names", "extents", "schema", "extent", "segment",
          "column", "unique")  # fmt: skip


@pytest.mark.parametrize(("one", "other"), list(zip(_MIXED, (*_MIXED[1:], "first"), strict=True)))
def test_two_records_that_are_mixed_up(whole_store, tmp_path, one, other, caplog):
    folder, numbers = whole_store
    shutil.copytree(folder / "store", tmp_path / "store")
    state = _change_state(tmp_path, numbers[other], bytes)
    state = _change_state(tmp_path, numbers[one], lambda _: state)
    _change_state(tmp_path, numbers[other], lambda _: state)
    with contextlib.ExitStack() as opened:
        found = []
        try:
            context = opened.enter_context(contextlib.closing(open_lab(tmp_path)))
            found = verify(context)
        except AweError as err:
            found = [str(err)]
        assert "damaged" in str(found)


def test_a_zone_that_hides_rows(lab):
    extent = lab.session.extent(LabFrame)
    segment = extent.segments[0]
    low, high, *rest = segment.zones["number"]
    segment.set_zone("number", "int", (low + 1, high, *rest))
    _store(lab)
    assert len(LabFrame.number == low) == 0
    _only(verify(lab), "zone of the column number", "awe reindex")
    reindex(lab)
    assert verify(lab) == []
    assert len(LabFrame.number == low) == 1


def test_a_zone_of_one_text_is_right_however_it_is_written(lab):
    frame = LabFrame.get(number=4)
    frame.comment = "once"
    frame.commit()
    segment = lab.session.extent(LabFrame).segments[0]
    low, high, *rest = segment.zones["comment"]
    segment.set_zone("comment", "str", (low, "".join(list(high)), *rest))
    _store(lab)
    assert verify(lab) == []


def test_a_name_that_differs_between_two_places(lab):
    lab.session.schema(LabFrame).name = "Other"
    _store(lab)
    assert any("'Other' and 'LabFrame'" in problem for problem in verify(lab))


def test_a_damaged_database_file(whole_store, tmp_path):
    folder, _ = whole_store
    shutil.copytree(folder / "store", tmp_path / "store")
    path = tmp_path / "store" / "main.sqlite3"
    assert database_problems(tmp_path / "store") == []
    content = bytearray(path.read_bytes())
    content[8192 * 3 + 3] ^= 255
    path.write_bytes(bytes(content))
    found = database_problems(tmp_path / "store")
    assert found
    assert all("main.sqlite3 is damaged: " in line for line in found)


def test_a_store_whose_first_record_leads_nowhere(whole_store, tmp_path):
    folder, _ = whole_store
    shutil.copytree(folder / "store", tmp_path / "store")
    _change_state(tmp_path, 0, lambda state: state.replace(b"awe", b"avv", 1)[: len(state)])
    with pytest.raises(AweError, match=r"damaged|not loaded"):
        open_lab(tmp_path)
