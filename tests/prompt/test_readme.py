"""The README: its tour is typed at the real prompt and its answers are compared."""

import doctest
import os
import re
import subprocess
from pathlib import Path

import pytest

_README = Path(__file__).resolve().parents[2] / "README.md"
_LOOSE = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def _tour():
    """Give (line typed, answer expected) of the README's session."""
    (block,) = re.findall(r"```text\n(.*?)```", _README.read_text(), re.DOTALL)
    steps = re.split(r"^awe> ", block, flags=re.MULTILINE)[1:]
    for step in steps:
        line, _, answer = step.partition("\n")
        yield line, answer.strip("\n")


@pytest.mark.heavy
def test_the_tour_of_the_readme(awe_path, awe_home, open_prompt, tmp_path):
    """The demonstration runs in under a minute and every line of the tour answers as printed."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("AWE_")}
    env |= {"AWE_HOME": str(awe_home), "AWE_USER": "ada", "MPLBACKEND": "agg"}
    demo = subprocess.run([awe_path, "demo"], env=env, cwd=tmp_path, capture_output=True, text=True,
                          timeout=240, check=False)  # fmt: skip
    assert demo.returncode == 0, demo.stdout + demo.stderr
    seconds = int(re.search(r"All in (\d+) s", demo.stdout).group(1))
    assert seconds < 60
    assert (awe_home / "demo" / "reduced.png").stat().st_size > 10_000
    pulls = re.findall(r"T\d\d:\d\d:\d\d +(-?\d\.\d+) +(\d\.\d+)", demo.stdout)
    assert len(pulls) == 4
    assert all(abs(float(m)) < 0.05 and 0.95 < float(s) < 1.05 for m, s in pulls)

    checker = doctest.OutputChecker()
    prompt = open_prompt()
    for line, expected in _tour():
        prompt.child.send(line + "\r")
        text = prompt.read(timeout=60)
        answer = text.replace("awe>", "").strip()
        # The echo of the line may be wrapped by the terminal: what follows its last word counts.
        answer = _after_echo(answer, line)
        assert checker.check_output(expected + "\n", answer + "\n", _LOOSE), (line, answer)
    assert prompt.leave() == 0


def _after_echo(answer, line):
    flat = 0
    letters = line.replace(" ", "")
    for letter in letters:
        flat = answer.index(letter, flat) + 1
    rows = answer[flat:].splitlines()[1:]
    # A progress bar is drawn over itself and is no part of the answer.
    return "\n".join(row for row in rows if "[####" not in row).strip("\n ")


def test_the_example_instrument_of_the_readme(tmp_path):
    """The YAML of the README is accepted as it stands."""
    from awe.instruments import load_folder

    (block,) = re.findall(r"```yaml\n(.*?)```", _README.read_text(), re.DOTALL)
    (tmp_path / "mycam.yaml").write_text(block)
    assert load_folder(tmp_path) == []
