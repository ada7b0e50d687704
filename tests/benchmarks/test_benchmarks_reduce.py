"""The benchmark of the reduction runs on small frames, and both sides find the same."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

_SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "reduce.py"


@pytest.mark.heavy
def test_reduction_benchmark_compares_both_sides(tmp_path):
    for name in ("ccdproc", "astroscrappy", "acstools", "skimage"):
        pytest.importorskip(name)
    environment = {k: v for k, v in os.environ.items() if not k.startswith("AWE_")}
    environment["AWE_HOME"] = str(tmp_path / "home")
    command = [sys.executable, str(_SCRIPT), "--smoke"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    for step in ("calibrate", "cosmic rays", "trail", "weight", "**whole chain**"):
        row = next(line for line in done.stdout.splitlines() if line.startswith(f"| {step} "))
        assert all(float(cell) >= 0 for cell in row.split("|")[2:5]), row
    assert "combination of 3" in done.stdout
    unit = next(line for line in done.stdout.splitlines() if line.startswith("| whole unit"))
    assert float(unit.split("|")[2]) > 0
    medians = [float(m) for m in re.findall(r"'median': ([\d.]+)", done.stdout)]
    assert medians == pytest.approx([600, 600], abs=5)
    assert medians[0] == pytest.approx(medians[1], rel=1e-4)
