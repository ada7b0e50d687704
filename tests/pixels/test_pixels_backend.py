"""The choice between the kernels and the definitions."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import awe
from awe.base.errors import AweValueError
from awe.pixels import imstat, kernel_name, use_kernel

SCRIPT = """
import sys
import numpy as np
import awe.pixels as pixels
assert "numba" not in sys.modules and "astropy" not in sys.modules, "imported too early"
{block}
frames = [np.full((6, 7), 100.0 + k) for k in range(3)]
amp = [pixels.Amplifier(0, (0, 6, 0, 5), overscan_x=(0, 6, 5, 7), gain=1.0, read_noise=1.0)]
with __import__("warnings").catch_warnings(record=True) as caught:
    __import__("warnings").simplefilter("always")
    assert pixels.combine(pixels.ArrayStack(frames)).data[0, 0] == 101
    assert pixels.imstat(frames[0].astype("f4")).mean == 100
    assert pixels.reduce_ccd(frames, amp).data.sum() == 0
print(pixels.kernel_name(), len(caught), [str(c.message)[:27] for c in caught])
"""


def run(block):
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(block=block)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_numba_is_imported_only_when_it_is_needed():
    assert run("") == "numba 0 []"


def test_all_works_without_numba():
    assert run("sys.modules['numba'] = None") == "numpy 0 []"


def test_broken_numba_is_reported_once(tmp_path):
    package = tmp_path / "numba"
    package.mkdir()
    (package / "__init__.py").write_text("raise ImportError('needs an older NumPy')")
    answer = run(f"sys.path.insert(0, {str(tmp_path)!r})")
    assert answer == "numpy 1 ['numba cannot be imported (n']"


def test_a_form_is_chosen_for_a_block_only():
    before = kernel_name()
    with use_kernel("numpy"):
        assert kernel_name() == "numpy"
    assert kernel_name() == before
    with pytest.raises(AweValueError, match="'fortran'"), use_kernel("fortran"):
        pass


def test_compiled_code_is_not_kept_in_the_package():
    """What pip did not install it would not remove, and it would hide the next installation."""
    imstat(np.random.default_rng(1).normal(size=(64, 64)).astype(np.float32))
    assert not list(Path(awe.__file__).parent.rglob("*.nb[ci]"))
