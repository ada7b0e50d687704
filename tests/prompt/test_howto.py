"""The page of how-tos and the tutorial: every line that they let one type works, in their order."""

import ast
import doctest
import re
from pathlib import Path

import pytest

_DOCS = Path(__file__).resolve().parents[2] / "docs"
_LOOSE = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
# The night of the page, and the frames of which the sections speak, come before the rest.
_FIRST = ("simulate_night(", "query = RawScienceFrame.select(")
_RUN = """
import ast
context.create_project('HOWTO', 'To try things')
context.set_project('HOWTO')
for node in ast.parse(r'''{lines}''').body:
    line = ast.unparse(node)
    print('awe>', line, flush=True)
    exec(compile(ast.Interactive([node]), line, 'single'), globals())
"""


def _lines():
    text = (_DOCS / "howto.md").read_text()
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    blocks = [b for b in blocks if "(DBObject)" not in b]
    first = [b for word in _FIRST for b in blocks if word in b]
    return "".join(first + [b for b in blocks if b not in first])


@pytest.mark.heavy
def test_every_line_of_the_howtos_works(awe_home, run, tmp_path):
    """On the night that the page itself simulates."""
    script = tmp_path / "howto.py"
    script.write_text(_RUN.format(lines=_lines()))
    try:
        done = run(script, timeout=500)
    finally:
        run("dpu", "stop")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    for words in ("comes out identical", "Job 1 Reduce: done", "raised to level 2"):
        assert words in done.stdout
    for name in ("red.png", "night.ecsv", "mine.yaml", "provenance.json", "m13/SHA256SUMS"):
        assert (tmp_path / name).stat().st_size > 100


def _typed(text):
    """Give what is typed at the prompt of a page with what stands below it."""
    for block in re.findall(r"```text\n(.*?)```", text, re.DOTALL):
        for part in re.split(r"^awe> ", block, flags=re.MULTILINE)[1:]:
            rows = part.splitlines()
            count = next(n for n in range(1, len(rows) + 1) if _is_whole("\n".join(rows[:n])))
            yield "\n".join(rows[:count]), "\n".join(rows[count:])


def _is_whole(text):
    try:
        ast.parse(text)
    except SyntaxError:
        return False
    return True


@pytest.mark.heavy
def test_every_line_of_the_tutorial_answers_as_printed(open_prompt, run):
    """Typed at the prompt; where an answer stands below a line it is the one that comes."""
    prompt, checker, count = open_prompt(), doctest.OutputChecker(), 0
    for line, expected in _typed((_DOCS / "tutorial.md").read_text()):
        # As a terminal pastes several lines.
        prompt.child.send(f"\x1b[200~{line}\x1b[201~\r" if "\n" in line else line + "\r")
        text = prompt.read(timeout=120)
        assert "Traceback" not in text, text
        assert "Error" not in text.replace("ERROR", ""), text
        if expected:
            tail = text.replace("awe>", "").strip().splitlines()[-len(expected.splitlines()) :]
            shown = "\n".join(tail)
            assert checker.check_output(expected + "\n", shown + "\n", _LOOSE), (line, text)
            count += 1
    assert count > 5
    run("dpu", "stop")
