"""The same store on a PostgreSQL server, which the tests start themselves."""

import contextlib
import os
import threading
import time

import pytest
from server_lab import Postgres
from store_lab import LabFrame, LabNote, finish, make_frame, open_url, start

from awe.store import current
from awe.store.commit import UniqueError
from awe.store.edits import StaleEditError
from awe.store.housekeeping import sweep
from awe.store.storage import StoreError, connect_postgresql
from awe.store.verify import reindex, verify

pytestmark = pytest.mark.heavy


@pytest.fixture(scope="module")
def server():
    """Run a server while the tests of this file run."""
    running = Postgres()
    running.start()
    yield running
    running.remove()


@pytest.fixture
def url(server, tmp_path):
    """Give the address of an empty database."""
    if not server.is_up:
        server.start()
    name = f"d{abs(hash(tmp_path)) % 10**12}"
    with contextlib.closing(connect_postgresql(server.url("postgres"))) as connection:
        connection.cursor().execute(f"CREATE DATABASE {name}")
    return server.url(name)


@pytest.fixture
def lab(url, tmp_path):
    """Give the context of a new store on the server."""
    context = open_url(url, tmp_path)
    yield context
    context.close()


def test_commit_query_edit_delete(lab, url, tmp_path):
    frames = [make_frame(tmp_path, f"{k}.fits", number=k, header={"K": k}) for k in range(30)]
    lab.commit(frames)
    assert len(LabFrame.number > 9) == 20
    frames[3].comment = "bad"
    lab.commit(why="saw it")
    with pytest.raises(UniqueError):
        make_frame(tmp_path, "3.fits", b"other").commit()
    path = frames[4].path()
    lab.delete([frames[4]])
    assert not path.exists()
    lab.close()
    with contextlib.closing(open_url(url, tmp_path)) as again:
        found = LabFrame.get(number=3)
        assert (found.comment, found.header["K"], found.history()[0].why) == ("bad", 3, "saw it")
        assert len(LabFrame.select_all()) == 29
        assert verify(again) == []
        assert reindex(again) > 29
        assert sweep(again) >= 0
        assert verify(again) == []


def test_two_writers_two_readers_and_a_verify(lab, url, tmp_path):
    flag = tmp_path / "over"
    others = [start("watch", url, tmp_path, 5, flag) for _ in range(2)]
    others.append(start("check", url, tmp_path, flag))
    writers = [start("write", url, tmp_path, f"w{k}", 20, 5) for k in range(2)]
    for writer in writers:
        finish(writer)
    flag.touch()
    for other in others:
        finish(other)
    lab.refresh()
    assert len(LabFrame.select_all()) == 200
    serials = [f._fresh_row().serial for f in LabFrame.select_all()]
    assert serials == sorted(serials)
    assert verify(lab) == []


def test_edits_of_one_object(lab, url, tmp_path):
    LabNote(name="shared", value=0.0).commit()
    for process in [start("shared", url, tmp_path, f"s{k}", 15) for k in range(2)]:
        finish(process)
    lab.refresh()
    assert LabNote.get(name="shared").value == 30.0
    with contextlib.closing(open_url(url, tmp_path)):
        other = LabNote.get(name="shared")
        other.value = 1.0
        other.commit()
    current.set_context(lab)
    mine = lab.session.get(other._packed)
    assert mine.value == 30.0
    mine.value = 2.0
    with pytest.raises(StaleEditError, match=r"1\.0"):
        mine.commit()


def test_first_starts_at_the_same_time(url, tmp_path):
    processes = [start("first_start", url, tmp_path) for _ in range(4)]
    assert [finish(p) for p in processes] == [["1 me"]] * 4


def test_the_lock_is_one_for_all_and_freed_by_a_death(lab, url, tmp_path):
    order = []

    def wait():
        with lab.session.lock.held():
            order.append("second")

    with lab.session.lock.held():
        thread = threading.Thread(target=wait)
        thread.start()
        time.sleep(0.3)
        order.append("first")
    thread.join()
    assert order == ["first", "second"]
    process = start("until_killed", url, tmp_path, "k")
    assert process.stdout.readline().startswith("made")
    process.kill()
    process.communicate()
    LabNote(name="after").commit()
    assert all("no object has" in p for p in verify(lab, repair=True))
    assert verify(lab) == []
    assert len(LabFrame.select_all()) % 3 == 0


def test_a_server_that_is_killed(lab, server, tmp_path):
    frame = make_frame(tmp_path, "a.fits", number=1)
    server.stop()
    with pytest.raises(StoreError) as caught:
        frame.commit()
    assert "reached" in str(caught.value)
    assert not frame.is_committed
    with pytest.raises(StoreError):
        lab.refresh()
    with pytest.raises(StoreError):
        open_url(lab.session.where, tmp_path)
    server.start()
    lab.refresh()
    assert len(LabFrame.select_all()) == 0
    frame.commit()
    assert frame.path().exists()
    assert len(LabFrame.select_all()) == 1
    assert verify(lab) == []


@pytest.mark.parametrize("moment", ["before", "within"])
def test_a_server_that_is_killed_during_a_commit(lab, server, tmp_path, monkeypatch, moment):
    frame = make_frame(tmp_path, "a.fits", number=1)
    commit = lab.session.commit_transaction

    def killed():
        if moment == "within":
            commit()
        server.stop()
        if moment == "before":
            commit()
        else:
            lab.session.begin()

    monkeypatch.setattr(lab.session, "commit_transaction", killed)
    with pytest.raises(StoreError):
        frame.commit()
    monkeypatch.undo()
    assert not frame.is_committed
    server.start()
    frame.commit()
    assert frame.is_committed
    assert len(LabFrame.select_all()) == 1
    assert frame.path().exists()
    assert verify(lab) == []


def test_a_child_of_fork_leaves_the_connection_alone(lab):
    LabNote(name="before").commit()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            lab.reopen()
            LabNote(name="child").commit()
            lab.close()
            code = 0
        finally:
            os._exit(code)
    assert os.waitpid(pid, 0)[1] == 0
    LabNote(name="after").commit()
    assert {n.name for n in LabNote.select_all()} == {"before", "child", "after"}
