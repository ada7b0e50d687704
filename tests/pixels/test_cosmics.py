"""Cosmic rays: the definition against the kernels, and what single pixels do."""

import numpy as np
import pytest

from awe.base.errors import AweValueError
from awe.pixels import MASK_BITS, find_cosmics, ref_cosmics, use_kernel

GAIN, READ_NOISE, SKY = 2.5, 5.0, 400.0
NOISE = np.sqrt(SKY / GAIN + (READ_NOISE / GAIN) ** 2)


def field(rng, shape, stars=(), hits=(), fwhm=3.0):
    """Draw a frame in ADU: sky, stars `(y, x, peak)` and hits `(rows, columns, ADU)`."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    light = np.full(shape, SKY)
    for y0, x0, peak in stars:
        light += peak * np.exp(-4 * np.log(2) * ((y - y0) ** 2 + (x - x0) ** 2) / fwhm**2)
    image = rng.poisson(light * GAIN) / GAIN + rng.normal(0, READ_NOISE / GAIN, shape)
    for rows, columns, height in hits:
        image[rows, columns] += height
    return image.astype(np.float32)


def crowd(rng, shape):
    """Draw a frame with stars and straight tracks in all directions, and bad places."""
    stars = [(*rng.uniform(0, shape), 10 ** rng.uniform(1.5, 4)) for _ in range(shape[0] // 2)]
    hits = []
    for _ in range(12):
        start, angle = rng.uniform(0, shape), rng.uniform(0, 2 * np.pi)
        steps = np.arange(rng.integers(1, 12))[:, None] * (np.sin(angle), np.cos(angle))
        rows, columns = np.clip(np.rint(start + steps), 0, np.array(shape) - 1).astype(int).T
        hits.append((rows, columns, 10 ** rng.uniform(2, 3.5)))
    image = field(rng, shape, stars, hits)
    image[rng.random(shape) < 0.003] = np.nan
    mask = (rng.random(shape) < 0.01) * np.uint8(MASK_BITS["hot"])
    image[mask > 0] += 3000
    return image, mask, image > 6000


class TestDefinitionAndKernels:
    def both(self, image, **options):
        given = {"gain": GAIN, "read_noise": READ_NOISE} | options
        with use_kernel("numpy"):
            expected = find_cosmics(image, **given)
        with use_kernel("numba"):
            found = find_cosmics(image, **given)
        np.testing.assert_array_equal(found.mask, expected.mask)
        assert found[1:] == expected[1:]
        return found

    @pytest.mark.parametrize("fwhm", [None, 1.5, 3.0])
    def test_agree_on_crowded_frames(self, rng, fwhm):
        for _ in range(3):
            image, mask, saturated = crowd(rng, (120, 93))
            found = self.both(image, mask=mask, saturated=saturated, fwhm=fwhm)
            assert found.count > 3

    def test_agree_without_masks_and_with_other_parameters(self, rng):
        image, *_ = crowd(rng, (64, 80))
        self.both(image)
        few = self.both(image, sigclip=8.0, sigfrac=1.0, objlim=10.0, iterations=1)
        many = self.both(image, sigclip=4.0, sigfrac=0.3, objlim=2.0, iterations=9, grow=1)
        assert few.pixels < many.pixels

    @pytest.mark.parametrize("shape", [(1, 1), (1, 30), (30, 1), (2, 3), (4, 9), (5, 5), (9, 4)])
    def test_agree_on_tiny_frames(self, rng, shape):
        image = field(rng, shape, hits=[(0, 0, 900.0)])
        self.both(image)

    def test_agree_on_amplifiers_with_their_own_noise(self, rng):
        image, mask, saturated = crowd(rng, (60, 80))
        self.both(
            image,
            mask=mask,
            saturated=saturated,
            gain=np.repeat([2.0, 3.0], 40),
            read_noise=np.linspace(4, 9, 60)[:, None],
            background=rng.uniform(0, 50, (60, 80)),
        )

    @pytest.mark.parametrize("shape", [(60, 80), (60, 1), (1, 80), ()])
    def test_agree_on_frames_divided_by_little_light(self, rng, shape):
        image, mask, saturated = crowd(rng, (60, 80))
        flat = rng.uniform(0.02, 1.3, shape)
        illumination = rng.uniform(0.9, 1.1, (60, 80))
        image = image / (flat * illumination)
        given = {"mask": mask, "saturated": saturated, "illumination": illumination}
        assert self.both(image, flat=flat, **given).count > 3
        both = self.both(image, flat=flat * illumination, mask=mask, saturated=saturated)
        assert both.count > 3

    def test_agree_where_no_light_fell(self, rng):
        image, *_ = crowd(rng, (60, 80))
        flat = rng.uniform(0.5, 1.5, (60, 80))
        flat[10:20, 10:20] = 0
        flat[30, 30:35] = np.nan
        flat[40:42, 50] = -0.1
        found = self.both(image, flat=flat)
        assert not found.mask[~(flat > 0)].any()

    def test_are_deterministic_and_leave_their_input(self, rng):
        image, mask, saturated = crowd(rng, (70, 50))
        before = image.copy()
        image.flags.writeable = mask.flags.writeable = saturated.flags.writeable = False
        first = self.both(image, mask=mask, saturated=saturated)
        again = self.both(image, mask=mask, saturated=saturated)
        np.testing.assert_array_equal(first.mask, again.mask)
        np.testing.assert_array_equal(image, before)

    def test_agree_on_views_of_other_types(self, rng):
        image, *_ = crowd(rng, (80, 60))
        expected = self.both(image)
        other = np.asfortranarray(image.astype(np.float64))
        np.testing.assert_array_equal(self.both(other).mask, expected.mask)
        big = self.both(image.T.astype(">f4"))
        assert big.mask.shape == (60, 80)


class TestDefinition:
    def test_a_single_pixel_has_its_height_above_a_flat_background(self):
        image = np.full((9, 9), 20.0)
        image[4, 4] += 7.0
        assert ref_cosmics.sharpness(image)[1, 1] == 7.0
        assert ref_cosmics.sharpness(np.full((9, 9), 3.0)).max() == 0

    def test_fine_structure_is_that_of_stars_and_not_of_single_pixels(self):
        y, x = np.mgrid[:9, :9] - 4
        smooth, wide = ref_cosmics.smoothed(100 * np.exp(-(x**2 + y**2) / 4.0))
        assert smooth[0, 0] - wide[0, 0] > 40
        smooth, wide = ref_cosmics.smoothed(100.0 * ((x == 0) & (y == 0)))
        assert smooth[0, 0] - wide[0, 0] == 0

    @pytest.mark.parametrize(("groups", "places"), [(1, [(1, 1), (2, 2)]), (2, [(1, 1), (1, 3)])])
    def test_a_hit_is_what_touches_by_side_or_corner(self, groups, places):
        mask = np.zeros((5, 6), dtype=bool)
        mask[tuple(np.transpose(places))] = True
        assert ref_cosmics.count_groups(mask) == groups


@pytest.mark.usefixtures("form")
class TestVignettedFrames:
    """The light falls to a fiftieth in a corner, so that after the division its noise is high."""

    flat = np.clip(np.hypot(*np.mgrid[:120, :120]) / 80, 0.02, 1).astype(np.float32)

    def draw(self, rng, hits=()):
        electrons = rng.poisson(SKY * GAIN * self.flat) + rng.normal(0, READ_NOISE, (120, 120))
        for row, column, height in hits:
            electrons[row, column] += height * np.sqrt(SKY * GAIN * self.flat[row, column] + 25)
        return (electrons / GAIN / self.flat).astype(np.float32)

    def test_noise_is_no_cosmic_ray(self, rng):
        image = self.draw(rng)
        found = find_cosmics(image, gain=GAIN, read_noise=READ_NOISE, flat=self.flat)
        blind = find_cosmics(image, gain=GAIN, read_noise=READ_NOISE)
        assert found.pixels <= 1
        assert blind.pixels > 10

    def test_hits_are_found_in_dark_and_light(self, rng):
        places = [(2, 3), (3, 12), (20, 30), (60, 60), (100, 110)]
        image = self.draw(rng, [(row, column, 30) for row, column in places])
        found = find_cosmics(image, gain=GAIN, read_noise=READ_NOISE, flat=self.flat)
        assert all(found.mask[place] for place in places)


@pytest.mark.usefixtures("form")
class TestFindCosmics:
    def find(self, image, **options):
        return find_cosmics(image, **{"gain": GAIN, "read_noise": READ_NOISE} | options)

    def test_a_flat_frame_has_none(self):
        found = self.find(np.full((40, 50), SKY, dtype=np.float32))
        assert found.mask.shape == (40, 50)
        assert (found.count, found.pixels) == (0, 0)
        assert not found.mask.any()

    def test_hits_are_found_pixel_by_pixel(self, rng):
        hits = [(20, 30, 15 * NOISE), ([40, 41, 42], [10, 11, 12], 30 * NOISE)]
        found = self.find(field(rng, (60, 60), hits=hits))
        assert sorted(zip(*np.nonzero(found.mask), strict=True)) == [
            (20, 30), (40, 10), (41, 11), (42, 12),
        ]  # fmt: skip
        assert (found.count, found.pixels) == (2, 4)

    def test_stars_are_left_alone(self, rng):
        stars = [
            (15.3 + 30 * i, 15.1 + 30.2 * j, 10 ** (1 + i)) for i in range(4) for j in range(4)
        ]
        found = self.find(field(rng, (125, 125), stars=stars, fwhm=2.5), fwhm=2.5)
        assert found.pixels == 0

    def test_the_limits_follow_the_seeing(self, rng):
        sharp = field(rng, (40, 40), stars=[(20.0, 20.0, 900.0)], fwhm=1.5)
        assert self.find(sharp, fwhm=1.5).pixels == 0
        assert self.find(sharp, fwhm=5.0).mask[20, 20]
        spread = field(rng, (40, 40))
        spread[20:22, 20:22] += np.array([[1.0, 0.45], [0.35, 0.2]], dtype=np.float32) * 1000
        assert self.find(spread, fwhm=5.0).mask[20, 20]

    def test_a_hit_beside_a_star_does_not_take_the_star_along(self, rng):
        image = field(rng, (41, 41), stars=[(20.0, 20.0, 600.0)], fwhm=3.0)
        image[22, 12:30] += 1000.0
        found = self.find(image, fwhm=3.0)
        assert found.mask[22, 12:30].all()
        assert not found.mask[18:22, 18:23].any()

    def test_a_frame_without_a_good_pixel_has_none(self):
        image = np.full((20, 20), np.nan, dtype=np.float32)
        assert self.find(image).pixels == 0
        image[:] = SKY
        assert self.find(image, mask=np.ones(image.shape, dtype=bool)).pixels == 0
        assert self.find(image, saturated=np.ones(image.shape, dtype=bool)).pixels == 0

    def test_nan_is_not_marked_and_hides_no_hit_beside_it(self, rng):
        image = field(rng, (40, 40), hits=[(20, 20, 30 * NOISE)])
        image[20, 21], image[21, 20], image[:5], image[30, 30] = np.nan, np.inf, np.nan, -np.inf
        found = self.find(image)
        assert found.mask[20, 20]
        assert found.pixels == 1

    # Not in the very corners: half of what surrounds a pixel there is guessed.
    @pytest.mark.parametrize("y", [1, 2, 20, 37, 38])
    @pytest.mark.parametrize("x", [0, 1, 25, 48, 49])
    def test_hits_at_the_borders_are_found(self, rng, y, x):
        found = self.find(field(rng, (40, 50), hits=[(y, x, 20 * NOISE)]))
        assert found.mask[y, x]
        assert found.pixels == 1

    @pytest.mark.parametrize("place", [-2.0, -1.0, -0.4, 0.0, 0.3, 0.9, 1.4, 2.2])
    @pytest.mark.parametrize("fwhm", [2.5, 5.0])
    def test_stars_at_the_borders_are_left_alone(self, rng, place, fwhm):
        stars = [(place, 15.2, 3000.0), (20.4, 49 - place, 8000.0)]
        assert self.find(field(rng, (40, 50), stars=stars, fwhm=fwhm), fwhm=fwhm).pixels == 0

    def test_a_saturated_star_that_bleeds_is_left_alone(self, rng):
        image = field(rng, (120, 80), stars=[(60.0, 40.0, 400_000.0)], hits=[(20, 20, 900.0)])
        image[35:88, 40] = 64_000.0
        image[34, 40], image[88, 40] = 21_000.0, 3_000.0
        full = image >= 60_000
        np.minimum(image, 64_000, out=image)
        found = self.find(image, saturated=full, fwhm=3.0)
        assert found.pixels == 1
        assert found.mask[20, 20]

    def test_the_bit_of_saturated_pixels_does_the_same(self, rng):
        image, mask, saturated = crowd(rng, (60, 60))
        bits = mask | saturated * np.uint8(MASK_BITS["saturated"])
        apart = self.find(image, mask=mask, saturated=saturated)
        np.testing.assert_array_equal(self.find(image, mask=bits).mask, apart.mask)
        np.testing.assert_array_equal(
            self.find(image, mask=mask > 0, saturated=saturated).mask, apart.mask
        )

    @pytest.mark.parametrize("value", [-350.0, 300.0, 30_000.0])
    def test_bad_pixels_have_no_false_neighbours(self, rng, value):
        image = field(rng, (60, 60))
        mask = np.zeros(image.shape, dtype=np.uint8)
        mask[10::7, 10::7] = MASK_BITS["hot"]
        mask[:, 33], mask[40:43, 50:53] = MASK_BITS["bad"], MASK_BITS["cold"]
        image[mask > 0] += value
        assert self.find(image, mask=mask).pixels == 0
        assert self.find(image).pixels > 0 or value < 0

    def test_a_hot_pixel_that_is_not_known_is_a_hit(self, rng):
        image = field(rng, (30, 30), hits=[(12, 17, 5000.0)])
        assert self.find(image).pixels == 1

    def test_each_amplifier_has_its_gain(self, rng):
        electrons = field(rng, (60, 80), hits=[(30, 20, 300.0), (30, 60, 300.0)]) * GAIN
        expected = self.find(electrons / GAIN)
        gain = np.where(np.arange(80) < 40, 1.0, 4.0)
        found = self.find(electrons / gain, gain=gain)
        # The contrast with the sky is not that of one CCD, so the levels are evened out.
        assert expected.count == 2
        assert found.mask[30, 20]
        assert found.mask[30, 60]

    def test_the_noise_of_a_subtracted_sky_remains(self, rng):
        image = field(rng, (80, 80), hits=[(40, 40, 8 * NOISE)])
        expected = self.find(image)
        found = self.find(image - np.float32(SKY), background=SKY)
        np.testing.assert_array_equal(found.mask, expected.mask)
        assert self.find(image - np.float32(SKY)).pixels > expected.pixels

    def test_grow_marks_the_neighbours_that_are_good(self, rng):
        image = field(rng, (30, 30), hits=[(12, 17, 900.0)])
        mask = np.zeros(image.shape, dtype=bool)
        mask[11, 16] = True
        found = self.find(image, mask=mask, grow=1)
        assert (found.count, found.pixels) == (1, 8)
        assert not found.mask[11, 16]

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            ({"gain": 0.0}, "gain must be"),
            ({"gain": np.ones(7)}, "does not broadcast"),
            ({"gain": np.ones((2, 3, 4))}, "does not broadcast"),
            ({"read_noise": -1.0}, "read noise must be"),
            ({"background": np.nan}, "background must be finite"),
            ({"mask": np.zeros((3, 4), dtype=bool)}, "bad pixel mask has shape"),
            ({"saturated": np.zeros((3, 4), dtype=bool)}, "saturated pixels has shape"),
            ({"fwhm": 0.0}, "fwhm is in pixels"),
            ({"sigclip": 0.0}, "sigclip"),
            ({"objlim": np.nan}, "objlim"),
            ({"sigfrac": 1.5}, "sigfrac"),
            ({"iterations": 0}, "iterations"),
            ({"grow": -1}, "grow"),
        ],
    )
    def test_what_makes_no_sense_is_refused(self, options, words):
        with pytest.raises(AweValueError, match=words):
            self.find(np.zeros((10, 10), dtype=np.float32), **options)

    @pytest.mark.parametrize("shape", [(10,), (0, 5), (2, 3, 4)])
    def test_what_is_no_image_is_refused(self, shape):
        with pytest.raises(AweValueError, match="image"):
            self.find(np.zeros(shape, dtype=np.float32))
