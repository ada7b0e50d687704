"""Several processes on one store."""

import time

import pytest
from store_lab import LabFrame, LabNote, finish, make_frame, open_lab, start

from awe.store.verify import verify


@pytest.fixture
def lab(tmp_path):
    """Give the context of a new store."""
    context = open_lab(tmp_path)
    yield context
    context.close()


@pytest.mark.heavy
def test_four_writers_two_readers_and_a_verify(lab, tmp_path):
    flag = tmp_path / "over"
    others = [start("watch", "-", tmp_path, 5, flag) for _ in range(2)]
    others.append(start("check", "-", tmp_path, flag))
    writers = [start("write", "-", tmp_path, f"w{k}", 50, 5) for k in range(4)]
    told = [finish(w, 300) for w in writers]
    flag.touch()
    rounds = [finish(o, 120) for o in others]
    assert all(lines[-1] == "done 49" for lines in told)
    assert all(int(lines[0].split()[0]) >= 1 for lines in rounds)
    lab.refresh()
    assert len(LabFrame.select_all()) == 1000
    names = {f"w{w}-{b}-{k}.fits" for w in range(4) for b in range(50) for k in range(5)}
    assert set(LabFrame.select_all().table("filename")["filename"]) == names
    assert verify(lab) == []
    assert not list((tmp_path / "data" / "incoming").iterdir())


@pytest.mark.heavy
def test_a_verify_beside_deletions_reports_nothing(lab, tmp_path):
    flag = tmp_path / "over"
    writers = [start("until_killed", "-", tmp_path, f"k{k}") for k in range(2)]
    for writer in writers:
        assert writer.stdout.readline().startswith("made")
    checker = start("check", "-", tmp_path, flag)
    time.sleep(4.0)
    flag.touch()
    rounds = finish(checker)
    for writer in writers:
        writer.kill()
        writer.communicate()
    assert int(rounds[0]) >= 2


def test_two_writers_and_a_reader(lab, tmp_path):
    flag = tmp_path / "over"
    reader = start("watch", "-", tmp_path, 5, flag)
    writers = [start("write", "-", tmp_path, f"w{k}", 8, 5) for k in range(2)]
    for writer in writers:
        finish(writer)
    flag.touch()
    finish(reader)
    lab.refresh()
    assert len(LabFrame.select_all()) == 80
    assert verify(lab) == []


@pytest.mark.heavy
def test_writers_in_one_extent_never_wait_for_ever(lab, tmp_path):
    writers = [start("notes", "-", tmp_path, f"n{k}", 150) for k in range(3)]
    for writer in writers:
        finish(writer, 120)
    lab.refresh()
    assert len(LabNote.select_all()) == 450
    assert len(LabNote.value <= 0.0) == 450
    assert verify(lab) == []


@pytest.mark.heavy
def test_edits_of_one_object_are_reported_and_none_is_lost(lab, tmp_path):
    LabNote(name="shared", value=0.0).commit()
    writers = [start("shared", "-", tmp_path, f"s{k}", 20) for k in range(3)]
    told = [finish(w) for w in writers]
    lab.refresh()
    note = LabNote.get(name="shared")
    assert note.value == 60.0
    assert [c.new for c in note.history()] == [float(k) for k in range(1, 61)]
    assert {c.why for c in note.history()} == {"s0", "s1", "s2"}
    assert all(lines[0].startswith("20 ") for lines in told)


def test_first_starts_at_the_same_time(tmp_path):
    processes = [start("first_start", "-", tmp_path) for _ in range(5)]
    assert [finish(p) for p in processes] == [["1 me"]] * 5
    context = open_lab(tmp_path)
    assert verify(context) == []
    context.close()


@pytest.mark.heavy
def test_each_extent_has_one_tail_in_the_order_of_commit(lab, tmp_path):
    writers = [start("write", "-", tmp_path, f"w{k}", 10, 3) for k in range(2)]
    for writer in writers:
        finish(writer)
    lab.refresh()
    found = list(LabFrame.select_all())
    serials = [f._fresh_row().serial for f in found]
    times = [f.committed_at for f in found]
    assert serials == sorted(serials)
    assert times == sorted(times)
    # The rows of one commit stand together, and have one time.
    batches = [f.batch for f in found]
    assert [batches[k : k + 3] for k in range(0, 60, 3)] == [[b] * 3 for b in batches[::3]]
    assert len(set(times)) == 20


def test_a_query_sees_one_snapshot_until_it_is_moved(lab, tmp_path):
    make_frame(tmp_path, "a.fits", number=1).commit()
    mine = LabFrame.number == 1
    assert len(mine) == 1
    finish(start("write", "-", tmp_path, "w", 2, 2))
    assert len(LabFrame.select_all()) == 1
    assert len(LabFrame.number == 1) == 1
    lab.refresh()
    assert len(LabFrame.select_all()) == 5
    assert len(mine) == 2
    finish(start("write", "-", tmp_path, "v", 2, 2))
    assert len(LabFrame.select_all()) == 5
    make_frame(tmp_path, "b.fits", number=2).commit()
    assert len(LabFrame.select_all()) == 10
