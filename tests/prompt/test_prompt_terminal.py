"""The awe> prompt, typed at in a real pseudo-terminal."""

import subprocess
import sys

import pytest


def note(title):
    """Give the line that stores a note; each test has a title of its own."""
    return (
        f"Note(name={title!r}, seeing=1.0, "
        f"observer=Observer.get_or_create(name='Vera Rubin')).commit()"
    )


def last(answer):
    """Give the line above the next prompt."""
    return answer.rstrip().splitlines()[-2]


def test_banner_and_prompt(prompt, awe_home):
    for words in ("User:        ada", "Project:     ada's project", "Privileges:  1 (MyDB)",
                  f"Store:       {awe_home / 'store'}", "objects)"):  # fmt: skip
        assert words in prompt.start
    assert prompt.start.rstrip(" ").rstrip("\n ").endswith("\nawe>")
    assert "In [" not in prompt.start
    assert prompt.enter("6 * 7").splitlines()[1] == "42"
    assert prompt.leave() == 0
    assert (awe_home / "history.sqlite").exists()


def test_input_over_several_lines(shared):
    prompt, _ = shared
    prompt.enter(note("lines"))
    prompt.child.send("query = \\\r")
    assert "...>" in prompt.read(ready=bool)
    prompt.child.send("     (Note.seeing > 0.5) & (Note.name == 'lines') & \\\r")
    prompt.child.send("     (Note.observer.name == 'Vera Rubin')\r")
    prompt.read()
    assert last(prompt.enter("len(query)")) == "1"
    assert prompt.enter("for n in query: print('seen', n.name)").count("seen lines") == 1


def test_error_of_the_user_is_a_message_without_traceback(shared):
    prompt, _ = shared
    answer = prompt.enter("Note.seing > 1")
    assert "NoAttributeError: Note has no attribute 'seing'. Did you mean 'seeing'?" in answer
    assert "Traceback" not in answer
    answer = prompt.enter("context.set_project('ada')")
    assert "There is no project 'ada'" in answer
    assert "Traceback" not in answer
    assert "Traceback" in prompt.enter("1 / 0")


def test_edit_on_one_line_is_committed_on_the_next(shared):
    prompt, run = shared
    titles = "print([n.name for n in Note.name.like('edit*')])"
    prompt.enter(note("edit me"))
    prompt.enter("n = Note.get(name='edit me')")
    prompt.enter("n.name = 'edited'")
    assert "uncommitted edits: name" in prompt.enter("n")
    assert run("-c", titles).stdout == "['edit me']\n"
    prompt.enter("context.commit()")
    assert "uncommitted" not in prompt.enter("n")
    assert run("-c", titles).stdout == "['edited']\n"


def test_change_by_another_process_in_between_is_reported(shared):
    prompt, run = shared
    prompt.enter(note("both"))
    prompt.enter("n = Note.get(name='both')")
    prompt.enter("n.seeing = 0.7")
    other = run("-c", "n = Note.get(name='both'); n.seeing = 0.9; n.commit()")
    assert other.returncode == 0, other.stderr
    answer = prompt.enter("context.commit()")
    assert "0.9" in answer
    assert "0.7" in answer
    assert "Traceback" not in answer
    assert run("-c", "print(Note.get(name='both').seeing)").stdout == "0.9\n"
    prompt.enter("context.rollback()")
    assert last(prompt.enter("n.seeing")) == "0.9"


def test_each_line_sees_one_snapshot(shared, awe_path):
    prompt, run = shared
    prompt.enter("import subprocess; snaps = Note.name.like('snap*')")
    assert last(prompt.enter("len(snaps)")) == "0"
    run("-c", "Note(name='snap 1').commit()")
    assert last(prompt.enter("len(snaps)")) == "1"
    command = [str(awe_path), "-c", "Note(name='snap 2').commit()"]
    prompt.enter(f"command = {command}")
    during = "len(snaps), subprocess.run(command).returncode, len(snaps)"
    assert last(prompt.enter(during)) == "(1, 0, 1)"
    assert last(prompt.enter("len(snaps)")) == "2"


def test_loop_that_commits_in_its_body(shared):
    prompt, _ = shared
    prompt.enter("context.commit([Note(name=f'loop {i}', seeing=float(i)) for i in range(5)])")
    prompt.child.send("for n in Note.name.like('loop*').order_by('seeing'):\r")
    prompt.child.send("n.seeing = n.seeing + 100.0\r")
    prompt.child.send("context.commit()\r")
    prompt.enter("")
    assert last(prompt.enter("len(Note.seeing >= 100.0)")) == "5"


def test_tab_completes_attributes_through_links(shared):
    prompt, _ = shared
    prompt.enter(note("tab"))
    prompt.enter("n = Note.get(name='tab')")
    prompt.type("print('says', n.obs\t")
    prompt.type(".na\t")
    assert "says Vera Rubin" in prompt.enter(")")
    assert "name" in prompt.type("Note.observer.na\t")
    prompt.enter("")


def test_tab_completes_values_inside_quotes(shared):
    prompt, run = shared
    prompt.enter(note("values"))
    prompt.type("len((Note.name == 'values') & (Note.observer.name == 'Ve\t")
    assert last(prompt.enter("'))")) == "1"
    # Between lines no snapshot is held: what another process stored is offered at once.
    run("-c", "Note(name='by Annie', observer=Observer(name='Annie')).commit()")
    prompt.type("len(Note.select(observer='An\t")
    assert last(prompt.enter("'))")) == "1"
    prompt.type('context.set_project("ad\t')
    assert "Error" not in prompt.enter('")')


def test_interrupt_leaves_a_working_prompt(shared):
    prompt, _ = shared
    prompt.child.send("import time; print('started'.upper()); time.sleep(60)\r")
    prompt.read(ready=lambda text: "STARTED" in text)
    prompt.child.sendintr()
    answer = prompt.read()
    assert "Interrupted." in answer
    assert "Traceback" not in answer
    prompt.child.send("half a line")
    prompt.read(ready=bool)
    prompt.child.sendintr()
    prompt.read(ready=lambda text: True)
    assert last(prompt.enter("6 * 7")) == "42"


@pytest.mark.parametrize("way", ["exit\r", "\x04"])
def test_leaving_with_uncommitted_edits_warns_once(prompt, way):
    prompt.enter(note("left"))
    prompt.enter("n = Note.get(name='left')")
    prompt.enter("n.seeing = 0.5")
    prompt.child.send(way)
    answer = prompt.read()
    assert "1 object has edits that are not committed: <Note" in answer
    assert prompt.leave() == 0


def test_history_is_kept_in_the_home(prompt, open_prompt):
    prompt.enter("'a line to remember'")
    prompt.leave()
    assert "a line to remember" in open_prompt().type("\x1b[A")


def test_plain_ipython_gets_the_same_by_load_ext(open_prompt, awe_path, tmp_path):
    (tmp_path / "ip").mkdir()
    options = ("--no-banner", "--no-tip", f"--ipython-dir={tmp_path / 'ip'}")
    plain = open_prompt((str(awe_path.parent / "ipython"), *options), ends="]:")
    plain.enter("%load_ext awe")
    assert "Traceback" not in plain.enter(note("plain"))
    assert "]: 1\n" in plain.enter("len(Note.select_all())")
    answer = plain.enter("Note.seing")
    assert "Did you mean 'seeing'" in answer
    assert "Traceback" not in answer
    plain.type("len(Note.observer.name == 'Ve\t")
    assert "]: 1\n" in plain.enter("')")
    plain.enter("%unload_ext awe")
    assert "NameError" in plain.enter("Note")


def test_load_ext_and_a_task_in_one_cell(tmp_path, environment):
    code = (
        "from IPython.core.interactiveshell import InteractiveShell\n"
        "shell = InteractiveShell()\n"
        "shell.run_cell('%load_ext awe\\nprint(ReduceTask.__name__, 2)').raise_error()\n"
        "shell.run_line_magic('run', 'uses.py')\n"
        "shell.run_line_magic('run', '-i uses.py')\n"
        "shell.user_ns['np'] = 5\n"
        "shell.run_line_magic('run', 'uses.py')\n"
        "print(shell.user_ns['np'], shell.user_ns['left'])\n"
        "shell.run_line_magic('unload_ext', 'awe')\n"
        "print('ReduceTask' in shell.user_ns, 'Note' in vars(shell.new_main_mod('x.py', 'x')))\n"
    )
    (tmp_path / "uses.py").write_text("print(ReduceTask.__name__, Note.__name__)\nleft = 7\n")
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False,
        env={**environment, "IPYTHONDIR": str(tmp_path / "ip")}, timeout=60,
    )  # fmt: skip
    assert done.stdout == "ReduceTask 2\n" + 3 * "ReduceTask Note\n" + "5 7\nFalse False\n"


def test_run_of_a_script_at_the_prompt(shared, tmp_path):
    prompt, _ = shared
    script = tmp_path / "uses.py"
    script.write_text("print('used', ReduceTask.__name__, len(Note.name == 'none'))\n")
    assert "used ReduceTask 0" in prompt.enter(f"%run {script}")
    assert "used ReduceTask 0" in prompt.enter(f"%run -i {script}")
