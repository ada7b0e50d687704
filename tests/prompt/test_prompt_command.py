"""The `awe` command: scripts, -c, errors, exit statuses, settings, users' own files."""

import stat
import sys

import pytest

import awe

OBSERVED = "Note(name='first', observer=Observer(name='Vera')).commit()"


def test_version_and_help(run):
    version = run("--version")
    assert (version.returncode, version.stdout) == (0, f"awe {awe.__version__}\n")
    for word in ("SCRIPT.py", "ingest", "demo", "verify", "reindex", "AWE_HOME"):
        assert word in run("--help").stdout


def test_command_has_every_name_preloaded(run):
    names = "context, datetime.datetime, np.float32, ingest, DBObject, Note, Observer"
    done = run("-c", f"print([type(x).__name__ for x in ({names})])")
    assert done.stderr == ""
    assert done.stdout.startswith("['Context', 'type', 'type', 'function', 'DBMeta'")


def test_every_class_of_the_model_and_every_task_is_preloaded(run):
    code = (
        "import awe.model, pathlib, awe.recipes\n"
        "missing = [n for n in awe.model.__all__ if n not in globals()]\n"
        "tasks = [p.stem for p in pathlib.Path(awe.recipes.__path__[0]).glob('*Task.py')]\n"
        "from awe.prompt.namespace import lazy_names\n"
        "missing += [t for t in tasks if t not in lazy_names()]\n"
        "print(missing)"
    )
    assert run("-c", code).stdout == "[]\n"


def test_one_process_finds_what_another_stored(run):
    assert run("-c", OBSERVED).returncode == 0
    found = run("-c", "print(len(Note.observer.name == 'Vera'), len(Note.select_all()))")
    assert found.stdout == "1 1\n"


def test_start_imports_nothing_heavy(run):
    heavy = "{'IPython', 'astropy', 'matplotlib', 'numba', 'photutils', 'scipy'}"
    done = run("-c", f"import sys; len(Note.select_all()); print({heavy} & set(sys.modules))")
    assert done.stdout == "set()\n"


# What a first query needs of the rooms above the store, and of other people's libraries.
_COLD_ROOMS = {
    "awe.base", "awe.dpu", "awe.model", "awe.process", "awe.prompt", "awe.recipes", "awe.store",
    "awe.view",
}  # fmt: skip
_COLD_MODULES = {
    "awe.dpu.jobs", "awe.process.choice", "awe.process.flags", "awe.process.imports",
    "awe.process.lineage", "awe.process.own_code", "awe.process.parameters",
    "awe.process.product", "awe.process.task", "awe.process.traced", "awe.process.wanted",
    "awe.view.bars",
}  # fmt: skip
_COLD_LIBRARIES = {"ZODB", "numpy", "persistent", "transaction", "zodbpickle", "zope"}


def test_a_cold_query_imports_only_what_it_needs(run):
    code = """
import sys
print(len((RawScienceFrame.chip.name == 'A') & (RawScienceFrame.is_valid > 0)))
print([frame.filename for frame in RawScienceFrame.EXPTIME > 5])
print(*sys.modules)
"""
    # The first start makes the store, which needs more.
    assert run("-c", "0").returncode == 0
    done = run("-c", code)
    modules = done.stdout.splitlines()[-1].split()
    ours = {m for m in modules if m.startswith("awe.")}
    assert {".".join(m.split(".")[:2]) for m in ours} == _COLD_ROOMS
    judged = ("awe.dpu.", "awe.process.", "awe.recipes.", "awe.view.")
    assert {m for m in ours if m.startswith(judged)} <= _COLD_MODULES
    # What Python's own installation brings along begins with an underscore.
    others = {m.split(".")[0] for m in modules if m[0] != "_"}
    assert others - {"awe", "awe_user"} - sys.stdlib_module_names == _COLD_LIBRARIES


def test_script_sees_its_arguments_and_names(run, tmp_path):
    (tmp_path / "helper.py").write_text("answer = 42\n")
    (tmp_path / "night.py").write_text(
        "import sys, helper\n"
        "def inside():\n"
        "    return len(Note.select_all())\n"
        "print(__name__, sys.argv[1:], inside(), helper.answer, __file__)\n"
    )
    done = run("night.py", "a", "--b")
    assert done.returncode == 0
    assert done.stdout == "__main__ ['a', '--b'] 0 42 night.py\n"


def test_script_error_shows_traceback_of_the_script_only(run, tmp_path):
    (tmp_path / "bad.py").write_text("def deep():\n    return Note.get(name='x')\n\ndeep()\n")
    done = run("bad.py")
    assert done.returncode == 1
    assert 'File "bad.py", line 4' in done.stderr
    assert "AweLookupError: No Note that you may see" in done.stderr
    assert "scripts.py" not in done.stderr


def test_script_decides_its_own_exit_status(run, tmp_path):
    (tmp_path / "leave.py").write_text("raise SystemExit(7)\n")
    assert run("leave.py").returncode == 7


def test_script_with_wrong_syntax(run, tmp_path):
    (tmp_path / "typo.py").write_text("x = (1\n")
    done = run("typo.py")
    assert done.returncode == 1
    assert "SyntaxError" in done.stderr


def test_command_error_of_the_user_is_a_message(run):
    done = run("-c", "Note.seing > 1")
    assert done.returncode == 2
    assert done.stderr == "awe: Note has no attribute 'seing'. Did you mean 'seeing'?\n"


def test_command_error_of_another_kind_shows_traceback(run):
    done = run("-c", "def f():\n    1 / 0\nf()")
    assert done.returncode == 1
    assert "ZeroDivisionError" in done.stderr
    assert "1 / 0" in done.stderr


def test_standard_input_is_a_script(run):
    done = run(stdin="print(len(Note.select_all()))\n")
    assert (done.returncode, done.stdout) == (0, "0\n")


def test_edits_left_behind_are_told(run):
    run("-c", OBSERVED)
    done = run("-c", "n = Note.get(name='first'); n.seeing = 0.8")
    assert "1 object has edits that are not committed: <Note" in done.stderr
    assert run("-c", "print(Note.get(name='first').seeing)").stdout == "None\n"


def test_misspelt_command_names_the_nearest(run):
    done = run("ingset", "x.fits")
    assert done.returncode == 2
    assert "Did you mean 'ingest'?" in done.stderr
    wrong_option = run("--verion")
    assert wrong_option.returncode == 2
    assert "Did you mean '--version'" in wrong_option.stderr


def test_missing_script_names_the_nearest_file(run, tmp_path):
    (tmp_path / "reduce.py").write_text("")
    done = run("reduec.py")
    assert done.returncode == 2
    assert "Did you mean 'reduce.py'" in done.stderr


@pytest.mark.heavy
def test_verify_and_reindex(run, awe_home):
    run("-c", OBSERVED)
    assert run("verify").returncode == 0
    assert run("reindex").returncode == 0
    assert run("verify").stdout == "Nothing is wrong.\n"
    orphan = awe_home / "data" / "aa" / "bb" / "orphan.fits"
    orphan.parent.mkdir(parents=True)
    orphan.write_bytes(b"x")
    done = run("verify")
    assert done.returncode == 1
    assert "orphan.fits" in done.stdout
    run("verify", "--repair")
    assert not orphan.exists()
    assert run("verify").returncode == 0


def test_home_is_private(run, tmp_path):
    fresh = tmp_path / "fresh"
    assert run("-c", "print(context.user_name)", AWE_HOME=str(fresh)).stdout == "ada\n"
    assert stat.S_IMODE(fresh.stat().st_mode) == 0o700
    assert stat.S_IMODE((fresh / "data").stat().st_mode) == 0o700


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("AWE_HOME=FILE", "is a file, not a folder"),
        ("AWE_HOME=/proc/awe", "cannot be made"),
        ("AWE_HOME=FILE/below", "cannot be made"),
        ("AWE_STORE=/proc/foo", "store = /proc/foo cannot be made"),
        ("AWE_DATA=/proc/bar", "data = /proc/bar cannot be made"),
        ("AWE_DATA=FILE", "is a file, not a folder"),
    ],
)
def test_folder_that_cannot_be_is_told_without_traceback(run, tmp_path, setting, words):
    (tmp_path / "file").write_text("")
    name, _, value = setting.replace("FILE", str(tmp_path / "file")).partition("=")
    done = run("-c", "1", **{name: value})
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.heavy
def test_settings_file_and_variables_that_override_it(run, awe_home, tmp_path):
    run("-c", "context.create_project('KIDS'); context.create_project('TUTORIAL2015')")
    (awe_home / "Environment.cfg").write_text(
        f"[global]\nproject = KIDS\nprivileges = 2\ndata_server = {tmp_path / 'bytes'}\n"
    )
    tell = "print(context.project.name, context.privileges, context.files.folder.name)"
    assert run("-c", tell).stdout == "KIDS 2 bytes\n"
    assert run("-c", tell, AWE_PROJECT="TUTORIAL2015").stdout == "TUTORIAL2015 2 bytes\n"
    assert run("-c", tell, AWE_PRIVILEGES="1").stdout == "KIDS 1 bytes\n"
    there = str(tmp_path / "elsewhere")
    other = run("-c", tell, AWE_STORE=there, AWE_PROJECT="", AWE_USER="bob")
    assert other.returncode == 2
    assert "There is no project 'KIDS'" in other.stderr


def test_wrong_setting_is_named(run, awe_home):
    (awe_home / "Environment.cfg").write_text("projct = KIDS\n")
    done = run("-c", "1")
    assert done.returncode == 2
    assert "Did you mean 'project'" in done.stderr


def test_settings_of_astro_wise_that_are_not_ours_are_ignored(run, awe_home):
    (awe_home / "Environment.cfg").write_text(
        "[global]\ndatabase_engine = oracle_9i\ndata_port = 8000\ndpu_name = dpu\n"
        "dpu_aweversion = current\nquery_not_all_mydb = 1\nuse_n_chars_md5 = 2\n"
        "python_logging_level = 10\ndatabase_user = vera\n"
    )
    done = run("-c", "print(context.user_name)", AWE_USER="")
    assert done.stdout == "vera\n"
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("AweWarning: ")
    assert "data_port, database_engine, dpu_aweversion, dpu_name" in done.stderr


def test_misspelt_variable_names_the_nearest(run):
    done = run("-c", "print(1)", AWE_PROJCT="KIDS", AWE_FOR_SOMETHING_ELSE="1")
    assert done.stdout == "1\n"
    assert done.stderr.count("\n") == 1
    assert "AWE_PROJCT" in done.stderr
    assert "Did you mean AWE_PROJECT?" in done.stderr


def test_broken_user_file_is_reported_and_skipped(run, awe_home):
    (awe_home / "recipes" / "broken.py").write_text(
        "from awe.store import DBObject\n"
        "class HalfMade(DBObject):\n    '''Half.'''\n"
        "import no_such_module\n"
    )
    (awe_home / "recipes" / "leaves.py").write_text("raise SystemExit(3)\n")
    (awe_home / "instruments").mkdir()
    (awe_home / "instruments" / "camera.yaml").write_text("name: [\n")
    done = run("-c", "import awe_user.notes; print(awe_user.notes.Note is Note)")
    assert done.stdout == "True\n"
    lines = sorted(done.stderr.splitlines())
    assert len(lines) == 3
    assert "camera.yaml was skipped" in lines[0]
    assert "broken.py was skipped: ModuleNotFoundError: No module named 'no_such_m" in lines[1]
    assert "leaves.py was skipped: SystemExit: 3" in lines[2]
    assert "NameError" in run("-c", "HalfMade").stderr


def test_user_task_and_helper_names(run, awe_home):
    (awe_home / "recipes" / "mine.py").write_text(
        "from awe.process import Argument, Task\n"
        "class CountTask(Task):\n"
        "    '''Count the notes.'''\n"
        "    arguments = (Argument('limit', 'how many at most', 5),)\n"
    )
    done = run("-c", "help(CountTask); print(CountTask(limit=3).limit)")
    assert "Count the notes." in done.stdout
    assert "how many at most" in done.stdout
    assert "CountTask(commit=True).execute()" in done.stdout
    assert done.stdout.endswith("3\n")


def test_help_of_a_class(run):
    text = run("-c", "help(Note)").stdout
    assert "A note of the night." in text
    assert "Seeing when it was written [arcsec] (mutable)" in text
    assert "link to Observer" in text
    assert "__" not in text
    assert "select_all()" in text


def test_help_of_terms_and_of_other_things(run):
    code = "help(Note.observer.name); help(Observer(name='x')); help(Note.info); help()"
    text = run("-c", code).stdout
    for words in ("Note.observer.name: Full name (str)", "Somebody at a telescope.",
                  "Print all attributes", "context.set_project"):  # fmt: skip
        assert words in text


def test_reader_of_a_pipe_may_go_away(run):
    done = run("-c", "for i in range(200000): print(i)", pipe="| head -1")
    assert (done.stdout, done.stderr) == ("0\n", "")


def test_warning_is_one_line(run, tmp_path):
    code = (
        "import warnings\n"
        "from awe.base.errors import AweWarning\n"
        "warnings.warn('mind it', AweWarning)\n"
    )
    (tmp_path / "warns.py").write_text(code)
    assert run("-c", code).stderr == "AweWarning: mind it\n"
    assert run("warns.py").stderr == "AweWarning: mind it\n"


def test_home_that_others_can_read_is_closed(run, awe_home):
    (awe_home / "data").mkdir()
    for folder in (awe_home, awe_home / "data"):
        folder.chmod(0o755)
    assert run("-c", "1").stderr == ""
    for folder in (awe_home, awe_home / "data"):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_home_that_is_everybodys_is_left_and_told(run, tmp_path):
    everybodys = tmp_path / "everybodys"
    everybodys.mkdir()
    everybodys.chmod(0o1777)
    done = run("-c", "1", AWE_HOME=str(everybodys))
    assert "can be read by others (mode 1777)" in done.stderr
    assert done.stderr.count("\n") == 1
    assert stat.S_IMODE(everybodys.stat().st_mode) == 0o1777


def test_settings_file_that_is_no_text(run, awe_home):
    (awe_home / "Environment.cfg").write_bytes(b"project = \xe9t\xe9\n")
    done = run("-c", "1")
    assert done.returncode == 2
    assert "Environment.cfg cannot be read" in done.stderr
    assert "Traceback" not in done.stderr
