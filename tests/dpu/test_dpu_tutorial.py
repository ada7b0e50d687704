"""The tutorial's `dpu` lines, typed at the real prompt: on simulated and on real frames."""

import importlib.util
import subprocess
from pathlib import Path

import pytest

_CALIBRATE = "Bias>DomeFlat>TwilightFlat>MasterFlat"


def _prompt_tools():
    path = Path(__file__).resolve().parents[1] / "prompt" / "conftest.py"
    spec = importlib.util.spec_from_file_location("awe_prompt_tools", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


tools = _prompt_tools()


@pytest.fixture
def typed(tmp_path, dpu_that_ends):
    """Give a function that types lines at a prompt in a fresh AWE_HOME, and one for `awe -c`."""
    home = tmp_path / "home"
    home.mkdir()
    opened = []

    def awe(code):
        done = subprocess.run(
            [tools.AWE, "-c", code], env=tools.environment_of(home), cwd=tmp_path,
            capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def open_one():
        prompt = tools.Prompt(home, tmp_path)
        opened.append(prompt)

        def enter(line, timeout=60):
            prompt.child.send(line + "\r")
            text = prompt.read(timeout=timeout)
            assert "Traceback" not in text, text
            assert "Error" not in text, text
            return text

        return prompt, enter

    with dpu_that_ends(home):
        yield awe, open_one
        for prompt in opened:
            prompt.child.close(force=True)


@pytest.mark.heavy
def test_tutorial_on_the_simulated_night(typed, tmp_path):
    """Section 3.1.2: run by names and by template, status, logs, cancel."""
    from awe.simulate import simulate_night

    awe, open_one = typed
    night = tmp_path / "night"
    simulate_night(night, ccds=2, biases=3, domes=2, twilights=2, exposures=3)
    awe(
        f"ingest({str(night)!r}, commit=True)\n"
        f"dpu.wait(dpu.run({_CALIBRATE!r}, instrument='OMEGACAM', commit=True))"
    )
    prompt, enter = open_one()
    enter(
        "query = (RawScienceFrame.instrument.name == 'OMEGACAM') & "
        "(RawScienceFrame.chip.name == 'ESO_CCD_#65')"
    )
    enter("filenames = [raw.filename for raw in query]")
    text = enter("dpu.run('Reduce', instrument='OMEGACAM', raw_filenames=filenames, commit=True)")
    assert "Job 2: Reduce, 3 units queued" in text
    prompt.child.send("dpu.run('Reduce', instrument='OMEGACAM', template='2012-06-01T08:51:44',\r")
    prompt.read(ready=bool)
    assert "Job 3: Reduce, 3 units queued" in enter("        chip='ESO_CCD_#65', commit=True)")
    table = enter("dpu.get_status()")
    assert "The DPU runs since" in table
    assert "job  sequence" in table
    logs = enter("dpu.get_logs()", 120)
    assert "job 2 | done: 3 done" in logs
    assert "job 3 | done: 3 done" in logs
    (file,) = tmp_path.glob("20*.log")
    assert "Reduce OMEGACAM.2012-06-01T08:52" in file.read_text()
    text = enter("for jobid in dpu.get_jobids(): dpu.cancel_job(jobid)\r")
    assert "Job 3 is over already: done." in text
    red = enter("dpu.get_job_result(3)")
    assert red.count("<ReducedScienceFrame") == 3
    enter("qred = (ReducedScienceFrame.raw==query[0]).project_only().user_only()")
    assert "2" in enter("len(qred)").split()
    assert "bias" in enter("dpu.show_sequence_options('Reduce')")
    assert not list(tmp_path.glob("*.fits"))
    assert prompt.leave() == 0


@pytest.mark.heavy
def test_wait_shows_progress_and_an_interrupt_leaves_the_job(typed, tmp_path):
    """Ctrl-C at `dpu.wait` goes back to the prompt; the job goes on."""
    _, open_one = typed
    recipes = tmp_path / "home" / "recipes"
    recipes.mkdir()
    recipes.joinpath("naps.py").write_text(
        "import time\nfrom awe.process import Task, Unit\n\n\nclass NapTask(Task):\n"
        '    """Sleep."""\n\n'
        "    def units(self):\n        return [Unit(str(i), {}) for i in range(8)]\n\n"
        "    def make(self, unit, folder):\n"
        "        time.sleep(4 if unit.label in '01' else 0.7)\n        return []\n"
    )
    prompt, enter = open_one()
    enter("dpu.run('Nap')")
    prompt.child.send("dpu.wait()\r")
    text = prompt.read(ready=lambda t: "Job 1 [." in t, timeout=30)
    assert "0/8" in text
    assert "so far" in text
    text = prompt.read(ready=lambda t: "Job 1 [#" in t, timeout=30)
    assert "left" in text
    prompt.child.send("\x03")
    assert "Job 1 goes on. Again: dpu.wait(1)" in prompt.read()
    assert "<job 1: done, 8 of 8 done>" in enter("dpu.wait(1)")
    assert prompt.leave() == 0


@pytest.mark.heavy
def test_chain_on_the_real_night(typed, shared_data, tmp_path):
    """From raw frames of a one-metre telescope to reduced ones, in one call."""
    awe, open_one = typed
    raw = shared_data / "nickel_ccd2_20240513" / "raw"
    awe(f"ingest({str(raw)!r}, commit=True)")
    _, enter = open_one()
    enter("job = dpu.run('Bias>TwilightFlat>MasterFlat>Reduce', instrument='NICKEL', commit=True)")
    text = enter("dpu.wait(job)", 200)
    assert "9 of 9 done, " in text
    assert ": done, 9 of 9 done>" in text
    assert "there is no dome flat" in enter("dpu.get_job_result(job)[-1].lineage()")
