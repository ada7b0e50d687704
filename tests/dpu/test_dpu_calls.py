"""What the user types: run, status, logs, results, bad calls."""

import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from awe.base.errors import AweError, AweLookupError, AweTypeError, AweValueError
from awe.dpu.control import DpuHome
from awe.dpu.jobs import find_job, jobs_of_user, units_of
from awe.dpu.local import LocalProcessor
from awe.dpu.spool import load_recipe
from awe.process import TaskError
from awe.process.choice import at_level_one
from awe.process.own_code import helpers_of


def test_run_tells_what_is_queued_and_what_became_of_it(dpu, context, sheets, capsys):
    """Number, status, result and summary belong together."""
    job = dpu.run("Trial", how=["well"] * 3, commit=True)
    assert capsys.readouterr().out == f"Job {job}: Trial, 3 units queued\n"
    status = dpu.wait(job)
    assert (status.state, status.done, status.failed, status.units) == ("done", 3, 0, 3)
    assert f"Job {job} Trial: done; 3 of 3 done, 3 products committed" in capsys.readouterr().out
    made = dpu.get_job_result(job)
    assert [sheet.number for sheet in made] == [0, 1, 2] == sheets()
    assert all(sheet.is_committed and sheet.path().stat().st_size == 100_000 for sheet in made)
    assert job in dpu.get_jobids()
    table = repr(dpu.get_status(job))
    assert re.search(rf"^{job} +Trial +done +#{{10}} +3 +0 +3 +0:0\d +- +ada@", table, re.M)
    assert "The DPU runs since" in table
    assert not list(Path().glob("sheet*"))


def test_logs_come_when_the_job_is_over_and_go_into_one_file(dpu, tmp_path, monkeypatch, capsys):
    """`get_logs` waits, returns the lines and appends them to <date+time>.log."""
    monkeypatch.chdir(tmp_path)
    first = dpu.run("Trial", how=["nap"], commit=True)
    lines = dpu.get_logs()
    text = "\n".join(lines)
    assert "Trial unit0 | hello from 0" in text
    assert lines[-1].endswith(f"job {first} | done: 1 done")
    second = dpu.run("Trial", how=["nap"], commit=True)
    capsys.readouterr()
    followed = dpu.get_logs([second], follow=True)
    assert capsys.readouterr().out.splitlines() == followed
    # The prompt shows what is returned: not all of it a second time.
    assert repr(followed) == f"{len(followed)} lines"
    (file,) = tmp_path.glob("*.log")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\.log", file.name)
    assert file.read_text().splitlines() == [*lines, *followed]
    assert repr(lines) == text


def test_products_of_commit_false_travel_by_value(dpu, context, home, sheets):
    """They are complete, can be committed later, and go when the job is forgotten."""
    job = dpu.run("Trial", how=["well", "well"])
    dpu.wait(job)
    made = dpu.get_job_result(job)
    assert [sheet.is_committed for sheet in made] == [False, False]
    assert sheets() == []
    folder = Path(find_job(context, job).folder)
    assert made[0].path().parent.is_relative_to(folder)
    assert dpu.get_job_result(job)[0] is made[0]
    made[0].commit()
    assert sheets() == [0]
    assert made[0].path().read_text() == "0" * 100_000
    again = dpu.get_job_result(job)
    assert [sheet.is_committed for sheet in again] == [True, False]
    assert again[0] is made[0]
    dpu.forget_job(job)
    assert not folder.exists()
    assert job not in dpu.get_jobids()
    assert made[0].path().exists()


def test_files_of_units_do_not_meet(dpu, context, sheets):
    """Each attempt has a folder of its own, whatever its files are called."""
    job = dpu.run("Trial>Print", how=["well", "well", "well"])
    assert dpu.wait(job).state == "done"
    prints = [p for p in dpu.get_job_result(job) if type(p).__name__ == "Print"]
    assert [p.filename for p in prints] == ["print.txt"] * 3
    assert [p.path().read_text() for p in prints] == ["0", "1", "2"]
    assert sheets() == []


def test_second_run_of_a_chain_that_stores_nothing_has_what_the_first_made(
    dpu, context, tmp_path, sheets
):  # fmt: skip
    """Products of the steps that went well travel on; the first job can be forgotten."""
    spoilt = tmp_path / "spoilt"
    spoilt.touch()
    job = dpu.run("Trial>Print", how=["well", "well"], together=True, spoil=str(spoilt))
    assert dpu.wait(job).state == "failed"
    first = dpu.rerun_failed(job)
    assert dpu.wait(first).state == "failed"
    spoilt.unlink()
    again = dpu.rerun_failed(first)
    dpu.forget_job(job)
    dpu.forget_job(first)
    assert dpu.wait(again).state == "done"
    (made,) = dpu.get_job_result(again)
    assert made.path().read_text() == "01"
    assert [sheet.path().read_text()[0] for sheet in made.sheets] == ["0", "1"]
    made.commit()
    assert sheets() == [0, 1]


def test_failed_units_are_run_again_by_one_call(dpu, context, marks, sheets):
    """Only what is not done; a job in which nothing failed is refused."""
    how = ["well", "die_first", "die", "well"]
    job = dpu.run("Trial", how=how, marks=str(marks), commit=True)
    dpu.wait(job)
    assert sheets() == [0, 1, 3]
    again = dpu.rerun_failed(job)
    units = units_of(context, find_job(context, again))
    assert [unit.label for unit in units] == ["unit2"]
    dpu.wait(again)
    good = dpu.run("Trial", how=["well"], commit=True)
    dpu.wait(good)
    with pytest.raises(AweValueError, match="Nothing failed"):
        dpu.rerun_failed(good)


def test_jobs_are_seen_whatever_the_privileges(dpu, context):
    """A job belongs to its user; its products go where the prompt was when it was submitted."""
    context.create_project("TEAM")
    context.set_project("TEAM")
    context.set_privileges(2)
    try:
        job = dpu.run("Trial", how=["nap", "well", "well"], commit=True)
        assert dpu.get_status(job)[0].units == 3
        assert context.privileges == 2
        with at_level_one(context):
            assert [j.privileges for j in jobs_of_user(context)][-1] == 1
    finally:
        context.set_project("ada's project")
        context.set_privileges(1)
    # The units of both jobs run in the same two workers at the same time.
    other = dpu.run("Trial", how=["well", "nap", "well"], commit=True)
    assert [dpu.wait(each).state for each in (job, other)] == ["done", "done"]
    record = find_job(context, job)
    assert (record.project_name, record.level) == ("TEAM", 2)
    places = {(s.project.name, s.privileges) for s in dpu.get_job_result(job)}
    assert places == {("TEAM", 2)}
    places = {(s.project.name, s.privileges) for s in dpu.get_job_result(other)}
    assert places == {("ada's project", 1)}


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        ({"sequence": "Tryal", "how": ["well"]}, AweLookupError, "Did you mean 'Trial'"),
        ({"sequence": "Trial>Redcue", "how": ["well"]}, AweLookupError, "'Reduce'"),
        ({"sequence": "Trial", "hwo": ["well"]}, AweTypeError, "Did you mean 'how'"),
        ({"sequence": "Trial"}, AweTypeError, "needs the argument how"),
        ({"sequence": "Trial", "how": []}, TaskError, "no input"),
        ({"sequence": 3}, AweTypeError, "'Bias>Reduce'"),
        (
            {"sequence": "Trial>>Print", "how": ["well"]},
            AweValueError,
            "name of a recipe is missing",
        ),
        ({"sequence": "Trial", "how": ["well"], "dpu_time": 0}, AweValueError, "dpu_time"),
        ({"sequence": "Trial", "how": ["well"], "dpu_time": "1"}, AweTypeError, "seconds"),
        ({"sequence": "Trial", "how": [{1, object()}]}, AweTypeError, "cannot travel"),
        ({"sequence": "Reduce", "instrument": "NOSUCH"}, AweLookupError, "NOSUCH"),
    ],
)
def test_bad_calls_are_refused_before_anything_is_queued(dpu, context, call, error, words):
    """The message names what was meant."""
    before = dpu.get_jobids()
    with pytest.raises(error, match=re.escape(words)) as caught:
        dpu.run(**call)
    assert isinstance(caught.value, AweError)
    assert dpu.get_jobids() == before


def test_calls_that_are_misspelt(dpu):
    """A word that there is not, and an argument without its name."""
    for processor in (dpu, LocalProcessor()):
        with pytest.raises(AttributeError, match="Did you mean 'get_jobids'"):
            processor.get_jobs()
        with pytest.raises(AweTypeError, match="by name, not as 'OMEGACAM'"):
            processor.run("Reduce", "OMEGACAM")


def test_numbers_of_jobs_that_do_not_exist(dpu):
    """The nearest ones are named."""
    with pytest.raises(AweLookupError, match="no job 4711"):
        dpu.get_job_result(4711)
    with pytest.raises(AweTypeError, match="not str 'x'"):
        dpu.get_status("x")


def test_recipes_and_their_options_are_listed(dpu, capsys):
    """Ours and the user's own."""
    names = dpu.get_sequence_identifiers()
    assert {"Bias", "Reduce", "Trial"} <= set(names)
    dpu.show_sequence_identifiers()
    assert "Make Sheets, each in its own way." in capsys.readouterr().out
    assert {"instrument", "raw_filenames", "commit"} <= set(dpu.get_sequence_options("Bias>Reduce"))
    dpu.show_sequence_options("Trial")
    assert re.search(r"how +what each unit does \(must be given\)", capsys.readouterr().out)


def test_recipe_travels_as_it_was_when_it_was_submitted(dpu, context, home):
    """With what it imports: a changed file runs nowhere by mistake, a changed copy is refused."""
    DpuHome().stop()
    files = [home / "recipes" / name for name in ("trials.py", "_words.py")]
    good = [file.read_text() for file in files]
    dpu._start = lambda desk: None
    first, second = (dpu.run("Trial", how=[how], commit=True) for how in ("well", "refuse"))
    dpu.cancel_job(second)
    own, helper = (hashlib.sha256(text.encode()).hexdigest() for text in good)
    copy = home / "dpu" / "spool" / f"{helper}.py"
    assert copy.read_text() == good[1]
    assert copy.stat().st_mode & 0o077 == 0
    assert copy.parent.stat().st_mode & 0o077 == 0
    job = find_job(context, first)
    assert job.checksums == (own,)
    assert json.loads(job.helpers[0]) == {"awe_user._words": helper}
    files[1].write_text('HELLO = "changed"\n')
    del dpu._start
    try:
        with pytest.raises(AweLookupError, match=r"_words.py was changed since this prompt loaded"):
            dpu.run("Trial", how=["well"])
        copy.write_text(f"{good[1]}# changed")
        assert dpu.wait(first).state == "failed"
        (unit,) = units_of(context, job)
        assert "The recipe awe_user._words is not the one that was submitted" in unit.error
        copy.write_text(good[1])
        first = dpu.rerun_failed(first)
        assert dpu.wait(first).state == "done"
        assert "hello from 0" in "\n".join(dpu.get_logs(first))
        second = dpu.rerun_failed(second)
        assert dpu.wait(second).state == "failed"
        for checksum, text in zip((own, helper), good, strict=True):
            copy = home / "dpu" / "spool" / f"{checksum}.py"
            # The workers have loaded the right one: what they have is what counts.
            copy.write_text(f"{text}# changed")
        job = find_job(context, second)
        _forget_what_is_loaded()
        with pytest.raises(AweLookupError, match="not the one that was submitted"):
            load_recipe(job.modules[0], own, {"awe_user._words": helper}, copy.parent)
    finally:
        for file, checksum, text in zip(files, (own, helper), good, strict=True):
            file.write_text(text)
            (home / "dpu" / "spool" / f"{checksum}.py").write_text(text)
    cls = load_recipe(job.modules[0], own, {"awe_user._words": helper}, copy.parent)
    assert helpers_of(sys.modules[cls.__module__]) == {"awe_user._words": helper}
    DpuHome().stop()


def _forget_what_is_loaded():
    sys.modules["awe_user._words"].__awe_checksum__ = "another"


def test_lpu_has_the_same_calls_in_this_process(context, sheets, capsys, tmp_path, monkeypatch):
    """It returns when the work is done."""
    monkeypatch.chdir(tmp_path)
    lpu = LocalProcessor()
    job = lpu.run("Trial", how=["well", "refuse", "well"], commit=True, dpu_time=9)
    text = capsys.readouterr().out
    assert "2 of 3 done" in text
    assert text.startswith("dpu_time holds on the pool; in this process")
    assert lpu.get_jobids() == [job]
    status = lpu.wait(job)
    assert (status.state, status.done, status.failed) == ("failed", 2, 1)
    assert [sheet.number for sheet in lpu.get_job_result(job)] == [0, 2] == sheets()
    assert any("Mend it." in line for line in lpu.get_logs())
    again = lpu.rerun_failed(job)
    assert lpu.get_status(again)[0].units == 1
    with pytest.raises(AweTypeError, match="Did you mean 'how'"):
        lpu.run("Trial", hwo=1)
    with pytest.raises(AweLookupError, match="no job 9"):
        lpu.cancel_job(9)


def _awe(*arguments, **more):
    awe = Path(sys.executable).parent / "awe"
    return subprocess.run(
        [awe, *arguments], capture_output=True, text=True, timeout=120, check=False,
        env={**os.environ, **more},
    )  # fmt: skip


def test_jobs_and_the_pool_belong_to_their_user(dpu, context):
    """Another user of the store sees no jobs, and does not use the DPU of somebody else."""
    job = dpu.run("Trial", how=["well"], commit=True)
    dpu.wait(job)
    code = (
        "print(dpu.get_jobids())\ntry:\n    dpu.run('Trial', how=['well'])\n"
        "finally:\n    print(dpu.get_jobids())"
    )
    refused = _awe("-c", code, AWE_USER="bob")
    assert refused.stdout.split() == ["[]", "[]"], refused.stderr
    assert refused.returncode == 2
    assert "works for ada on" in refused.stderr
    assert "awe dpu stop" in refused.stderr


@pytest.mark.heavy
def test_awe_dpu_in_a_shell(context, home):
    """Start, status and stop, with an exit status that tells whether it runs."""
    DpuHome().stop()
    started = _awe("dpu", "start", "--workers", "1")
    assert started.returncode == 0, started.stderr
    assert ", 1 workers" in started.stdout
    assert _awe("dpu", "status").returncode == 0
    assert "It ran already" in _awe("dpu", "start", "--workers", "2").stdout
    refused = _awe("dpu", "start", "--workers", "0")
    assert refused.returncode != 0
    assert "at least 1 worker, not 0" in refused.stderr
    stopped = _awe("dpu", "stop")
    assert "was stopped" in stopped.stdout
    assert DpuHome().running() is None
    absent = _awe("dpu", "status")
    assert absent.returncode == 1
    assert "The DPU is not running" in absent.stdout
