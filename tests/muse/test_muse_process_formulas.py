"""The formulas of adaptive optics on plain numbers: values written out, limits, what is odd."""

import numpy as np
import pytest

from awe.base.errors import AweValueError
from awe.pixels.adaptive_optics import (
    AOMUSE_2022,
    ImageQuality,
    end_point_means,
    ground_layer_gain,
    is_notched,
    line_of_sight_seeing,
    valid_lasers,
    window_edges,
    window_means,
)

_NOTCH = (576.0, 605.0)


def test_seeing_of_an_infinite_outer_scale():
    """r0 of 10.07 cm at 500 nm is a seeing of 1 arcsec, whatever the outer scale once did."""
    quality = ImageQuality()
    assert quality.seeing(0.1007) == pytest.approx(1.0, abs=1e-3)
    assert quality.at_500nm(0.1, 1e12) == pytest.approx(quality.seeing(0.1), rel=1e-3)
    # Tokovinin (2002): sqrt(1 - 2.183 (r0 / L0)^0.356), for a telescope without limit.
    wide = ImageQuality(diameter=1e9)
    expected = np.sqrt(1 - 2.183 * (0.1 / 22.0) ** 0.356)
    assert wide.outer_scale_factor(0.1, 22.0) == pytest.approx(expected, rel=1e-6)
    # Where the outer scale is as small as r0 the root ends, not the program.
    assert quality.at_500nm(0.2, 0.2) == 0.0


def test_what_the_one_of_2022_had_otherwise():
    """5.3 per cent by the coefficient, less than 0.02 per cent by the missing 1."""
    ratio = AOMUSE_2022.at_500nm(0.145, 20.5) / ImageQuality().at_500nm(0.145, 20.5)
    assert ratio == pytest.approx(1.028 / 0.976, rel=2e-4)
    assert ratio != 1.028 / 0.976


@pytest.mark.parametrize(("r0", "outer"), [(0, 20), (0.1, 0), (-1, 20), (np.nan, 20)])
def test_turbulence_that_cannot_be(r0, outer):
    """It is refused."""
    with pytest.raises(AweValueError, match="above 0 m"):
        ImageQuality().at_500nm(r0, outer)


def test_gain_airmass_and_wavelength():
    """Written out."""
    assert ground_layer_gain(0.7) == pytest.approx(1.09 + 0.294 - 0.9702 + 1.01185)
    assert ground_layer_gain(0.0) == 1.09
    assert line_of_sight_seeing(0.9, 1.0) == 0.9
    assert line_of_sight_seeing(1.0, 2.0) == pytest.approx(2**0.6)
    found = ImageQuality(instrument_fwhm=0.0).at([500.0, 1000.0], 0.8)
    np.testing.assert_allclose(found, [0.8, 0.8 * 0.5**0.2])
    np.testing.assert_allclose(ImageQuality().at(500.0, 0.4), 0.5)


def test_a_window_is_spoilt_where_it_overlaps_with_the_notch():
    """By its ends alone a wide window round the notch looks good; touching is no overlap."""
    low, high = [567, 576, 580, 521, 605, 500], [613, 605, 590, 576, 651, 590]
    assert list(is_notched(low, high, _NOTCH)) == [True, True, True, False, False, True]
    ends = is_notched(low, high, _NOTCH, ends_only=True)
    assert list(ends) == [False, False, True, False, False, True]
    # Wavelength may run down.
    assert list(is_notched([613], [567], _NOTCH)) == [True]


def test_windows_have_all_samples():
    """Of a straight line the mean is its middle; edges are shared; few samples, few windows."""
    edges = window_edges(3681, 10)
    assert list(edges[[0, 1, -1]]) == [0, 368, 3680]
    line = 475 + 0.125 * np.arange(3681)
    np.testing.assert_allclose(window_means(line, edges), np.arange(498, 913, 46))
    np.testing.assert_allclose(end_point_means(line, edges), np.arange(498, 913, 46))
    bent = (line - 700) ** 2
    assert window_means(bent, edges)[0] < end_point_means(bent, edges)[0]
    assert list(window_edges(3, 10)) == [0, 1, 2]
    with pytest.raises(AweValueError, match="two samples"):
        window_edges(1, 10)
    holes = window_means([1.0, np.nan, 3.0, np.nan, np.inf], np.array([0, 2, 4]))
    assert list(holes) == [2.0, 3.0]
    assert np.isnan(window_means([np.nan, np.nan], np.array([0, 1]))).all()


def test_lasers_that_count():
    """Turbulence in the ground layer, and an outer scale within the limits."""
    good = valid_lasers([0.5, 0.0, 0.5, 0.5, np.nan], [20, 20, 8, 31, 20], 8, 30)
    assert list(good) == [True, False, False, False, False]
