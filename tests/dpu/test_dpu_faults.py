"""What goes wrong on the pool: nothing is lost, stored twice or half-stored."""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from awe.base.errors import AweError
from awe.dpu import processor
from awe.dpu.control import DpuError, DpuHome
from awe.dpu.jobs import find_job, units_of
from awe.dpu.processor import Processor


def _states(context, number):
    context.refresh()
    return [unit.state for unit in units_of(context, find_job(context, number))]


def test_killed_worker_is_replaced_and_its_unit_done_once(dpu, context, marks, sheets, no_trace):
    """SIGKILL of a worker: its unit is begun again, the others never know."""
    job = dpu.run("Trial", how=["well", "die_first", "nap", "well"], marks=str(marks), commit=True)
    assert dpu.wait(job).state == "done"
    assert sheets() == [0, 1, 2, 3]
    units = units_of(context, find_job(context, job))
    assert [unit.attempt for unit in units] == [1, 2, 1, 1]
    here = socket.gethostname()
    began = (marks / "1").read_text().split()
    assert len(set(began)) == 2
    assert units[1].worker == f"{here}:{began[1]}"
    assert "killed by SIGKILL" in "\n".join(dpu.get_logs(job))
    no_trace(context)


def test_unit_that_kills_its_worker_twice_has_failed(dpu, context, sheets, no_trace, capsys):
    """What kills every worker is not tried for ever, and says so."""
    job = dpu.run("Trial", how=["die", "well"], commit=True)
    assert dpu.wait(job).state == "failed"
    assert _states(context, job) == ["failed", "done"]
    assert sheets() == [1]
    text = capsys.readouterr().out
    assert "1 failed (unit0): the worker process was killed by SIGKILL" in text
    assert "memory" in text
    no_trace(context)


def test_killed_dpu_goes_on_where_it_was(
    dpu, context, marks, sheets, no_trace, until, kill, is_alive
):  # fmt: skip
    """SIGKILL of the DPU: workers end, what ran is lost and run again, nothing is stored twice."""
    how = ["well", "sleep_first", "sleep_first", "well"]
    job = dpu.run("Trial", how=how, marks=str(marks), commit=True)
    workers = until(lambda: [(marks / "1").read_text(), (marks / "2").read_text()])
    kill(DpuHome().running().pid)
    until(lambda: not any(is_alive(int(pid)) for pid in workers), 5)
    assert "not running" in repr(dpu.get_status())
    assert _states(context, job) == ["done", "running", "running", "queued"]
    assert dpu.wait(job).state == "done"
    assert sheets() == [0, 1, 2, 3]
    assert (marks / "0").read_text().count("\n") == 1
    assert (marks / "1").read_text().count("\n") == 2
    assert "lost: the DPU ended" in "\n".join(dpu.get_logs(job))
    no_trace(context)


def test_cancel_stops_what_runs_within_two_seconds(dpu, context, marks, sheets, no_trace, until):
    """Also a unit that does not listen; what is queued never starts."""
    how = ["sleep", "stuck", "well"]
    job = dpu.run("Trial", how=how, marks=str(marks), commit=True)
    until(lambda: (marks / "0").read_text() and (marks / "1").read_text())
    began = time.monotonic()
    dpu.cancel_job(job)
    until(lambda: "running" not in _states(context, job), 3)
    assert time.monotonic() - began < 2.5
    assert _states(context, job)[:2] == ["cancelled", "cancelled"]
    status = dpu.wait(job)
    assert (status.state, status.counts) == ("cancelled", {"cancelled": 3})
    assert sheets() == []
    assert not (marks / "2").exists()
    again = dpu.run("Trial", how=["well"], commit=True)
    assert dpu.wait(again).state == "done"
    no_trace(context)
    dpu.cancel_job(again)


def test_time_limit_stops_a_unit_and_no_other(dpu, context, marks, sheets, no_trace, capsys):
    """`dpu_time` holds for each unit by itself."""
    job = dpu.run("Trial", how=["sleep", "stuck", "well", "well"], commit=True, dpu_time=1.0)
    assert dpu.wait(job).state == "failed"
    assert _states(context, job) == ["failed", "failed", "done", "done"]
    assert sheets() == [2, 3]
    assert "2 failed (unit0, unit1): it took longer than 1 s" in capsys.readouterr().out
    no_trace(context)


def test_failures_are_grouped_by_cause(dpu, context, sheets, capsys, no_trace):
    """A user's error shows its remedy, a bug its traceback; neither is swallowed."""
    job = dpu.run("Trial", how=["refuse", "bug", "refuse", "well"], commit=True)
    assert dpu.wait(job).failed == 3
    text = capsys.readouterr().out
    assert "2 failed (unit0, unit2): not good" in text
    assert "Mend it." in text
    assert "1 failed (unit1): KeyError: 'absent'" in text
    assert "in _bug" in text
    assert f"dpu.rerun_failed({job})" in text
    assert sheets() == [3]
    no_trace(context)


def test_disk_that_is_full_stores_nothing_of_the_unit(dpu, context, sheets, capsys, no_trace):
    """The file cannot be copied into the store: the unit fails, the others are stored."""
    job = dpu.run("Trial", how=["full", "well", "full", "well"], commit=True)
    assert dpu.wait(job).state == "failed"
    assert "2 failed" in (text := capsys.readouterr().out)
    assert "Is the disk full?" in text
    assert sheets() == [1, 3]
    no_trace(context)


def test_prompt_that_closes_leaves_the_job_running(dpu, context, home, sheets, until, marks):
    """The DPU outlives the prompt that started it."""
    code = f"dpu.run('Trial', how=['nap'] * 6, marks={str(marks)!r}, commit=True)"
    awe = Path(sys.executable).parent / "awe"
    done = subprocess.run(
        [awe, "-c", code], capture_output=True, text=True, timeout=60, check=False, env=os.environ
    )
    assert done.returncode == 0, done.stderr
    assert ": Trial, 6 units queued" in done.stdout
    until(lambda: sheets() == [0, 1, 2, 3, 4, 5])
    assert until(lambda: dpu.get_status()[-1].state == "done")


def test_stopped_dpu_queues_what_ran(dpu, context, marks, sheets, until, no_trace, is_alive):
    """`awe dpu stop` ends cleanly; the next start goes on, and what it stopped is no loss."""
    job = dpu.run("Trial", how=["sleep_and_die", "well"], marks=str(marks), commit=True)
    worker = int(until(lambda: (marks / "0").read_text()))
    until(lambda: sheets() == [1])
    assert DpuHome().stop()
    assert not is_alive(worker)
    assert _states(context, job) == ["queued", "done"]
    (unit, _) = units_of(context, find_job(context, job))
    # As after many stops.
    unit.attempt = 20
    unit.commit()
    assert dpu.wait(job).state == "done"
    context.refresh()
    assert (unit.attempt, unit.losses) == (22, 1)
    assert sheets() == [0, 1]
    no_trace(context)


@pytest.mark.parametrize("moment", ["die_staging", "die_storing"])
def test_worker_that_is_killed_while_it_stores_leaves_nothing(
    dpu, context, marks, sheets, no_trace, moment
):  # fmt: skip
    """While the file is copied, and when it lies in its place but the commit has not landed."""
    job = dpu.run("Trial", how=[moment, "well"], marks=str(marks), commit=True)
    assert dpu.wait(job).state == "done"
    assert sheets() == [0, 1]
    units = units_of(context, find_job(context, job))
    assert [unit.attempt for unit in units] == [2, 1]
    no_trace(context)


def test_database_that_is_full_stores_nothing_of_the_unit(
    dpu, context, sheets, capsys, no_trace
):  # fmt: skip
    """The file has been moved in already: it goes, the unit fails, the others are stored."""
    job = dpu.run("Trial", how=["full_store", "well"], commit=True)
    assert dpu.wait(job).state == "failed"
    assert "database or disk is full" in capsys.readouterr().out
    assert _states(context, job) == ["failed", "done"]
    assert sheets() == [1]
    no_trace(context)


@pytest.mark.heavy
def test_workers_that_cannot_start_are_told(dpu, context, sheets, tmp_path, monkeypatch):
    """The DPU ends and says why; the job is kept, and done once it is mended."""
    (tmp_path / "odd_opener.py").write_text(
        "import multiprocessing, os, signal\n"
        "from awe.prompt import namespace\n"
        "def open_session():\n"
        "    if multiprocessing.parent_process() is not None:\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "    return namespace.open_session()\n"
    )
    DpuHome().stop()
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(processor, "_MOST_RESTARTS", 1)
    odd = Processor("odd_opener:open_session")
    job = odd.run("Trial", how=["well"], commit=True)
    with pytest.raises(DpuError, match=r"\d workers .* killed by SIGKILL while it loaded"):
        odd.wait(job)
    monkeypatch.undo()
    assert _states(context, job) == ["queued"]
    assert dpu.wait(job).state == "done"
    assert sheets() == [0]


@pytest.mark.heavy
def test_cancel_while_no_dpu_runs_is_heard_at_the_next_start(
    dpu, context, marks, until, kill, sheets
):  # fmt: skip
    """What ran then is cancelled, not run again; what stores nothing leaves nothing."""
    job = dpu.run("Trial", how=["well", "sleep", "sleep", "well"], marks=str(marks))
    until(lambda: (marks / "1").read_text() and (marks / "2").read_text())
    folder = Path(find_job(context, job).folder)
    assert list(folder.glob("scratch/*/*"))
    kill(DpuHome().running().pid)
    until(lambda: DpuHome().running() is None)
    dpu.cancel_job(job)
    assert dpu.wait(job).counts == {"done": 1, "cancelled": 3}
    other = dpu.run("Trial", how=["well"], commit=True)
    assert dpu.wait(other).state == "done"
    assert _states(context, job) == ["done", "cancelled", "cancelled", "queued"]
    assert not (marks / "3").exists()
    assert (marks / "1").read_text().count("\n") == 1
    # What was done before stays to be had; of what was stopped nothing is left.
    assert [sheet.number for sheet in dpu.get_job_result(job)] == [0]
    assert len(list(folder.glob("made/*.parcel"))) == 1
    assert not list(folder.glob("scratch/*/*"))


def test_files_are_left_where_the_user_wants_them(dpu, tmp_path, sheets):
    """By default the DPU leaves none; with folder= copies, once they are stored."""
    wanted = tmp_path / "wanted"
    job = dpu.run("Trial", how=["well", "refuse"], commit=True, folder=wanted)
    dpu.wait(job)
    (sheet,) = dpu.get_job_result(job)
    assert [p.name for p in wanted.iterdir()] == [sheet.filename]


def test_files_that_cannot_be_left_are_told(dpu, tmp_path, sheets, capsys):
    """Before anything is queued where that is known then; what was stored stays stored."""
    wanted = tmp_path / "wanted"
    wanted.write_text("a file")
    before = dpu.get_jobids()
    with pytest.raises(AweError, match="No file can be written into"):
        dpu.run("Trial", how=["well"], commit=True, folder=wanted)
    assert dpu.get_jobids() == before
    wanted.unlink()
    job = dpu.run("Trial", how=["bar"], marks=str(wanted), commit=True, folder=wanted)
    assert repr(dpu.wait(job)) == f"<job {job}: done, 1 of 1 done>"
    text = capsys.readouterr().out
    assert re.search(r"1 stored, but \(unit0\): sheet0\S+ cannot be put into", text)
    assert sheets() == [0]


@pytest.mark.heavy
def test_dpu_that_ends_again_and_again_is_told(dpu, context, monkeypatch):
    """`wait` does not start it for ever; the end of its log tells why."""
    DpuHome().stop()
    monkeypatch.setattr(dpu, "_start", lambda desk: desk.log.write_text("No space left"))
    monkeypatch.setattr(DpuHome, "wait_until_ready", lambda desk: None)
    job = dpu.run("Trial", how=["well"])
    with pytest.raises(DpuError, match="No space left"):
        dpu.wait(job)
    monkeypatch.undo()
    assert dpu.wait(job).state == "done"


@pytest.mark.heavy
def test_dpu_whose_folder_was_removed_ends(tmp_path, until, is_alive):
    """Nobody can find it any more; its workers end with it, whatever they do."""
    home = tmp_path / "home"
    (home / "recipes").mkdir(parents=True)
    (home / "recipes" / "trials.py").write_text(
        "import os, time\nfrom pathlib import Path\nfrom awe.process import Argument, Task, Unit\n"
        "class StuckTask(Task):\n"
        '    arguments = (Argument("marks", "where"),)\n'
        "    def units(self):\n        return [Unit(str(i), {'i': i}) for i in range(2)]\n"
        "    def make(self, unit, folder):\n"
        "        Path(self.marks, str(unit.inputs['i'])).write_text(str(os.getpid()))\n"
        "        while True:\n"
        "            try:\n                time.sleep(1000)\n"
        "            except KeyboardInterrupt:\n                continue\n"
    )
    awe = Path(sys.executable).parent / "awe"
    kept = {k: v for k, v in os.environ.items() if not k.startswith("AWE_")}
    done = subprocess.run(
        [awe, "-c", f"dpu.run('Stuck', marks={str(tmp_path)!r})"], capture_output=True, text=True,
        timeout=60, check=False, env={**kept, "AWE_HOME": str(home), "AWE_DPU_WORKERS": "2"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    workers = [int(until(lambda i=i: (tmp_path / str(i)).read_text(), 60)) for i in range(2)]
    pid = DpuHome(home / "dpu").running().pid
    assert all(map(is_alive, [pid, *workers]))
    shutil.rmtree(home)
    until(lambda: not any(map(is_alive, [pid, *workers])), 30)
    assert not home.exists()
