"""The lit section of real and simulated frames against what one sees there."""

import numpy as np
import pytest

from awe.base.errors import AweValueError
from awe.pixels import lit_section


def simulate(rng, lit, shape=(420, 440), level=3000.0):
    """Give a frame with vignetting, lit in the section only."""
    y, x = np.mgrid[: shape[0], : shape[1]] / max(shape)
    light = level * (1 - 0.8 * ((x - 0.5) ** 2 + (y - 0.5) ** 2))
    y0, y1, x0, x1 = lit
    frame = np.full(shape, 200.0)
    frame[y0:y1, x0:x1] += rng.poisson(light[y0:y1, x0:x1])
    return (frame + rng.normal(0, 5, shape)).astype(np.uint16)


@pytest.mark.parametrize(
    "lit",
    [
        (0, 420, 0, 440),
        (0, 414, 0, 433),
        (5, 420, 6, 440),
        (0, 360, 48, 392),
        (60, 420, 50, 400),
        (4, 416, 4, 436),
    ],
)
def test_simulated_frames(rng, lit):
    assert lit_section([simulate(rng, lit)]) == lit


def test_faint_frames_together_show_the_edge(rng):
    lit = (0, 410, 24, 424)
    assert lit_section([simulate(rng, lit, level=25.0) for _ in range(5)]) == lit


def test_a_bias_has_no_edge(rng):
    assert lit_section([simulate(rng, (0, 420, 0, 440), level=0.0)]) == (0, 420, 0, 440)


def test_a_bad_column_in_the_lit_part_is_no_edge(rng):
    frame = simulate(rng, (0, 420, 24, 440))
    frame[:, 90] = 65535
    frame[:, 60] = 0
    assert lit_section([frame]) == (0, 420, 24, 440)


def test_nickel(shared_data, read_images):
    folder = shared_data / "nickel_ccd2_20240513" / "raw"
    for number in (1035, 1036, 1037, 1047, 1048, 1052, 1059, 1074, 1083):
        ((_, raw),) = read_images(folder / f"d{number}.fits")
        assert lit_section([raw]) == (0, 1024, 0, 1024), number


def test_kast_flats(shared_data, read_images):
    """Rows 0 to 21 lie beyond the slit, but are not unlit: there is scattered light."""
    for number in (11, 12, 13):
        ((_, raw),) = read_images(shared_data / "kast_blue_2015" / "raw" / f"b{number}.fits.gz")
        assert lit_section([raw]) == (0, 350, 0, 2048)


def test_efosc2_frames_contradict_their_header(shared_data, read_images):
    """The header says 6 columns of prescan and 6 rows of overscan at the top."""
    files = sorted((shared_data / "efosc2_header_samples").glob("*.fits.gz"))
    frames = [data for file in files for _, data in read_images(file)]
    assert len(frames) == 3
    assert lit_section(frames) == (0, 1024, 0, 1023)
    assert lit_section(frames[:1]) == (0, 1024, 0, 1023)


def test_saao_and_vimos(shared_data, read_images):
    ((_, raw),) = read_images(shared_data / "misc_images" / "ccdproc_a8280271.fits")
    assert lit_section([raw]) == (0, 512, 16, 528)
    for _, raw in read_images(shared_data / "eso_misc_headers" / "vimos.fits.gz"):
        # Columns 20 and 860 of the binned frame are lit in half.
        assert lit_section([raw]) == (0, 959, 21, 860)


def test_errors():
    with pytest.raises(AweValueError, match="without a frame"):
        lit_section([])
    with pytest.raises(AweValueError, match="Frame 2 of 2"):
        lit_section([np.zeros((9, 9)), np.zeros((9, 8))])
