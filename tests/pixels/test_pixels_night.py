"""A real night from raw to reduced, and the memory that a combination takes."""

import json
import tracemalloc

import numpy as np
import pytest

from awe.pixels import (
    MASK_BITS,
    Amplifier,
    ArrayStack,
    assemble,
    combine,
    imstat,
    normalise_flat,
    overscan_levels,
    reduce_ccd,
)

AMPS = [
    Amplifier(0, (0, 1024, 0, 1024), overscan_x=(0, 1024, 1024, 1056), gain=1.79, read_noise=9.5)
]


@pytest.fixture(scope="module")
def nickel(shared_data, read_images):
    """Give the master bias, the flat, a function that reads a frame, and the reference."""
    folder = shared_data / "nickel_ccd2_20240513" / "raw"

    def read(number):
        return read_images(folder / f"d{number}.fits")[0][1]

    def correct(number):
        raw = [read(number)]
        return assemble(raw, AMPS, overscan_levels(raw, AMPS, 6))

    bias = combine(ArrayStack([correct(k) for k in range(1001, 1011)]), read_noise=5.4, gain=np.inf)
    twilights = [correct(k) - bias.data for k in (1035, 1036, 1037)]
    scale = [np.median(flat) for flat in twilights]
    flat = combine(ArrayStack(twilights), read_noise=5.4, gain=1.79, scale=scale)
    reference = json.loads((shared_data / "reference_stats.json").read_text())["nickel"]
    return bias, normalise_flat(flat.data), read, reference


def box_scatter(image):
    """Give the scatter in per cent of the medians of boxes of 64 x 64 pixels."""
    medians = [
        np.nanmedian(image[y : y + 64, x : x + 64])
        for y in range(0, 1024, 64)
        for x in range(0, 960, 64)
    ]
    return 100 * np.std(medians) / np.median(medians)


def test_bias_and_flat_are_those_measured_independently(nickel):
    bias, flat, _, reference = nickel
    assert np.median(bias.data) == pytest.approx(
        reference["masterbias_median_after_overscan"], abs=0.6
    )
    assert np.median(bias.error) == pytest.approx(5.4 / np.sqrt(10), rel=0.02)
    good = flat.flat[~flat.bad]
    expected = np.array(reference["masterflat_p1_p50_p99"])
    measured = np.percentile(good, [1, 50, 99])
    assert measured / measured[1] == pytest.approx(expected / expected[1], abs=0.01)


def test_flat_field_evens_the_sky_as_measured_independently(nickel):
    bias, flat, read, reference = nickel
    result = reduce_ccd(
        [read(1074)], AMPS, 6, bias.data, flat.flat, saturation=60000, bias_error=bias.error
    )
    sky = reference["science"]["d1074"]
    before = reduce_ccd([read(1074)], AMPS, 6, bias.data).data
    assert np.median(before) == pytest.approx(sky["sky_before"] - 13.75, rel=0.02)
    good = np.where(result.mask == 0, result.data, np.nan)
    after = box_scatter(good)
    assert after < 0.85 * box_scatter(before)
    assert after == pytest.approx(sky["after_pct"], abs=0.5)
    assert (result.mask[:, 256] & MASK_BITS["saturated"]).all()
    # Neighbours on an empty patch of sky differ by what their weights say.
    patch = np.s_[600:700, 600:700]
    difference = np.diff(result.data[patch], axis=1)[:, ::2]
    weight = result.weight[patch]
    variance = (1 / weight[:, :-1] + 1 / weight[:, 1:])[:, ::2]
    assert imstat(difference / np.sqrt(variance)).stdev == pytest.approx(1, abs=0.08)


class Endless:
    """A stack whose frames are made when they are read."""

    shape = (800, 1000)

    def __init__(self, count):
        self.count = count

    def __len__(self):
        return self.count

    def rows(self, k, y0, y1):
        return np.full((y1 - y0, 1000), k, dtype=np.uint16)


def test_memory_does_not_grow_with_the_number_of_frames():
    combine(Endless(3))
    peaks = []
    for count in (8, 64):
        tracemalloc.start()
        result = combine(Endless(count), read_noise=100.0, gain=np.inf)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert result.data[0, 0] == pytest.approx((count - 1) / 2)
    # All frames as float32 would take 205 MB.
    assert peaks[1] < 1.1 * peaks[0] < 40e6
