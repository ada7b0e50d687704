"""The tutorial, typed line by line at the real prompt: on a simulated night and on real frames."""

import os
import subprocess

import pytest


def _awe(awe_path, home, folder, code):
    env = {k: v for k, v in os.environ.items() if not k.startswith("AWE_")}
    env |= {"AWE_HOME": str(home), "AWE_USER": "ada", "MPLBACKEND": "agg"}
    done = subprocess.run(
        [awe_path, "-c", code], env=env, cwd=folder, capture_output=True, text=True, timeout=300,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _answer(prompt, line, timeout=60):
    """Type a line and give what is printed after its echo."""
    prompt.child.send(line + "\r")
    text = prompt.read(timeout=timeout)
    assert "Traceback" not in text, text
    assert "Error" not in text, text
    return text


def _number(prompt, line):
    lines = _answer(prompt, line).splitlines()
    return next(int(text) for text in lines if text.strip().isdigit())


@pytest.fixture
def simulated_home(awe_home, awe_path, tmp_path, default_night):
    """Give an AWE_HOME with the tutorial's night in TUTORIAL2015, and calibrations of a CCD."""
    raw = [*default_night.biases[:3], *default_night.domes[:2], *default_night.twilights[:2],
           *default_night.science]  # fmt: skip
    setup = (
        "context.create_project('TUTORIAL2015', 'The tutorial')\n"
        "context.set_project('TUTORIAL2015')\n"
        f"ingest(*{[str(path) for path in raw]!r}, commit=True)\n"
        "for task in (BiasTask, DomeFlatTask, TwilightFlatTask, MasterFlatTask):\n"
        "    task(instrument='OMEGACAM', chip='ESO_CCD_#65', commit=True, folder=None).execute()\n"
    )
    _awe(awe_path, awe_home, tmp_path, setup)
    return awe_home


def test_tutorial_on_the_simulated_night(simulated_home, open_prompt, tmp_path):
    """Sections 3.1.1, 3.1.2 (local reduction) and 3.1.3 (1 to 3)."""
    prompt = open_prompt()
    project = _answer(prompt, "print(context.get_current_project())")
    assert "Maximum Privileges: 4 (World)" in project
    _answer(prompt, "context.set_project('TUTORIAL2015')")
    _answer(prompt, "context.set_privileges(1)")
    project = _answer(prompt, "print(context.get_current_project())")
    for words in ("Project:     TUTORIAL2015  (id = ", "Description: The tutorial",
                  "Current Privileges: 1 (MyDB)"):  # fmt: skip
        assert words in project

    for line in (
        "query = \\",
        "         (RawScienceFrame.instrument.name == 'OMEGACAM') & \\",
        "         (RawScienceFrame.template.start == "
        "datetime.datetime(2012, 6, 1, 8, 51, 44)) & \\",
    ):
        prompt.child.send(line + "\r")
        prompt.read(ready=bool)
    _answer(prompt, "         (RawScienceFrame.is_valid > 0)")
    assert _number(prompt, "len(query)") == 160
    _answer(prompt, "query = query & (RawScienceFrame.chip.name == 'ESO_CCD_#65')")
    assert _number(prompt, "len(query)") == 5

    _answer(prompt, "raw = query.max('DATE_OBS')")
    info = _answer(prompt, "raw.info()")
    assert "2012-06-01 09:18:50" in info
    assert "ESO_CCD_#65" in info
    rows = _answer(prompt, "for r in query: print(r.DATE_OBS, r.filter.name, r.imstat.max)\r")
    assert sum("OCAM_r_SDSS" in row and "2012-06-01 0" in row for row in rows.splitlines()) == 5
    _answer(prompt, "raw.retrieve()")
    assert len(list(tmp_path.glob("OMEGACAM.2012-06-01T09*_1.fits"))) == 1
    assert "Picture:" in _answer(prompt, "raw.inspect()")
    assert "zscale" in _answer(prompt, "help(raw.inspect)")

    _answer(prompt, "filenames = [raw.filename for raw in query]")
    _answer(
        prompt, "task = ReduceTask(instrument='OMEGACAM', raw_filenames=filenames, commit=True)"
    )
    assert "5 of 5 done" in _answer(prompt, "task.execute()")
    assert len(list(tmp_path.glob("Sci-ADA-OMEGACAM-------*-Red---Sci-*.fits"))) == 5
    prompt.child.send("task = ReduceTask(instrument='OMEGACAM', template='2012-06-01T08:51:44',\r")
    prompt.read(ready=bool)
    _answer(prompt, "                  chip='ESO_CCD_#65', commit=True)")
    assert "5 of 5 done" in _answer(prompt, "task.execute()")

    _answer(prompt, "qred = (ReducedScienceFrame.raw==query[0])")
    _answer(prompt, "qred.project_only()")
    _answer(prompt, "qred.user_only()")
    assert _number(prompt, "len(qred)") == 2
    _answer(prompt, "red = qred.max('creation_date')")
    _answer(
        prompt,
        "qred=[(ReducedScienceFrame.raw==raw).project_only().user_only().max('creation_date') "
        "for raw in query]",
    )
    assert _number(prompt, "len(qred)") == 5
    assert "Picture:" in _answer(prompt, "qred[0].inspect()")
    assert "raw_bias_frames" in _answer(prompt, "qred[0].bias.info()")
    assert "twilightflat" in _answer(prompt, "qred[0].flat.info()")
    _answer(prompt, "red=qred[0] #To allow Tab completion in next command....")
    assert "Picture:" in _answer(prompt, "red.bias.raw_bias_frames[0].inspect()")
    assert "raw_filenames" in _answer(prompt, "help(ReduceTask)")
    tree = _answer(prompt, "red.lineage()")
    assert tree.count("<RawBiasFrame") >= 3
    assert "<RawTwilightFlatFrame" in tree
    assert prompt.leave() == 0


@pytest.mark.heavy
def test_like_session_on_the_real_night(awe_home, awe_path, open_prompt, shared_data, tmp_path):
    """The same steps on a real night of a one-metre telescope, from raw files to lineage."""
    raw = shared_data / "nickel_ccd2_20240513" / "raw"
    prompt = open_prompt()
    assert "19  stored" in _answer(prompt, f"_ = ingest({str(raw)!r}, commit=True)", 120)
    _answer(prompt, "query = (RawScienceFrame.instrument.name == 'NICKEL')")
    assert _number(prompt, "len(query)") == 6
    for task in ("BiasTask", "TwilightFlatTask", "MasterFlatTask"):
        text = _answer(prompt, f"_ = {task}(instrument='NICKEL', commit=True).execute()", 120)
        assert "1 of 1 done" in text
    text = _answer(prompt, "_ = ReduceTask(instrument='NICKEL', commit=True).execute()", 120)
    assert "6 of 6 done" in text
    _answer(prompt, "red = (ReducedScienceFrame.OBJECT.like('UGC*')).max('creation_date')")
    assert "True" in _answer(prompt, "red.raw in query")
    assert _number(prompt, "len(red.bias.raw_bias_frames)") == 10
    assert "NICKEL_1" in _answer(prompt, "red.bias.info()")
    assert "d1074.fits" in _answer(prompt, "red.raw.raw_fits")
    assert "there is no dome flat" in _answer(prompt, "red.lineage()")
    assert "Picture:" in _answer(prompt, "red.inspect()")
    dependents = _answer(prompt, "red.bias.raw_bias_frames[0].dependents()")
    assert dependents.count("<ReducedScienceFrame") == 6
    assert prompt.leave() == 0
