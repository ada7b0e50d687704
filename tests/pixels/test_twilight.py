"""Stars in twilight flats that were dithered are left out."""

import numpy as np
import pytest

from awe.pixels import ArrayStack, StarFreeStack, combine, find_stars

SHAPE = (300, 280)
GAIN, NOISE = 2.5, 2.0


def star(y0, x0, peak, width=4.07):
    """Paint a star with the wings that stars have."""
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    return peak * (1 + ((y - y0) ** 2 + (x - x0) ** 2) / width**2) ** -3.5


def twilights(rng, count, stars):
    """Give frames, their levels, and where their stars are brighter than the noise."""
    flat = rng.normal(1, 0.01, SHAPE)
    frames, levels, light = [], [], []
    for k in range(count):
        level = 30000 * 0.8**k
        sky = level * flat * (1 + 0.001 * k * np.linspace(-1, 1, SHAPE[1]))
        added = np.zeros(SHAPE)
        for y, x, peak in stars:
            added += star(y + 40 * k, x - 30 * k, peak)
        frames.append(rng.normal(sky + added, np.sqrt((sky + added) / GAIN + NOISE**2)))
        levels.append(float(np.median(frames[-1])))
        light.append(added / level)
    return flat, frames, levels, light


@pytest.mark.parametrize("count", [2, 3, 5])
def test_residual_of_stars_is_less_than_the_noise(rng, count):
    stars = [
        (rng.uniform(0, 300), rng.uniform(0, 280), 10 ** rng.uniform(2.3, 4.3)) for _ in range(40)
    ]
    flat, frames, levels, light = twilights(rng, count, stars)
    options = {"read_noise": NOISE, "gain": GAIN, "scale": levels}
    stack = ArrayStack(frames)
    reference = combine(stack, sigma_clip=None, method="median", **options).data
    clean = StarFreeStack(stack, levels, reference, NOISE, GAIN)
    assert len(clean) == count
    made = combine(clean, sigma_clip=5.0, **options)
    touched = np.max(light, axis=0) > 0.002
    assert touched.mean() > 0.02
    # Each pixel has its own noise; the star light that is left shows in the mean of many.
    before = combine(stack, sigma_clip=5.0, **options)
    excess, worse = (
        np.nanmean(residual[touched]) - np.nanmean(residual[~touched])
        for residual in ((each.data - flat) / each.error for each in (made, before))
    )
    assert abs(excess) < 0.3
    if count == 2:
        assert worse > 2


def test_flat_sky_has_no_stars(rng):
    _, frames, levels, _ = twilights(rng, 3, [])
    stack = ArrayStack(frames)
    reference = combine(stack, sigma_clip=None, method="median", scale=levels).data
    clean = StarFreeStack(stack, levels, reference, NOISE, GAIN)
    assert np.mean([clean.stars(k).mean() for k in range(3)]) < 0.01


def test_cosmic_ray_is_no_star_but_the_clip_takes_it(rng):
    image = rng.normal(100, 1, SHAPE)
    image[50, 60] += 5000
    found = find_stars(image, np.full(SHAPE, 100.0), 1.0)
    assert found[:40].mean() < 0.05
    assert found[50, 60] == found[52, 60]
