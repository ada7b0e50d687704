"""Frames with and without trails, and with much that looks like one."""

import numpy as np

__all__ = ["chord", "line_distance", "make_frame", "options"]

GAIN, READ_NOISE, FULL_WELL = 2.5, 5.0, 150e3
BETA = 3.0


def moffat(fwhm, size, dx, dy):
    """Draw a star of flux 1 on a stamp."""
    x = np.arange(-size, size + 1, dtype=np.float32)
    a = fwhm / 2 / np.sqrt(2 ** (1 / BETA) - 1)
    return (
        (BETA - 1)
        / (np.pi * a * a)
        * (1 + ((x - dx) ** 2 + (x[:, None] - dy) ** 2) / a**2) ** -BETA
    )


def add(image, stamp, x, y):
    """Add a square stamp about a pixel."""
    size = len(stamp) // 2
    ny, nx = image.shape
    x0, x1, y0, y1 = (
        max(x - size, 0),
        min(x + size + 1, nx),
        max(y - size, 0),
        min(y + size + 1, ny),
    )
    if x0 < x1 and y0 < y1:
        part = stamp[y0 - y + size : y1 - y + size, x0 - x + size : x1 - x + size]
        image[y0:y1, x0:x1] += part


def add_stars(rng, image, count, fwhm, saturated):
    """Add stars with a steep distribution of fluxes, and some that bleed."""
    ny, nx = image.shape
    flux = np.minimum(300 * rng.random(count) ** (-1 / 0.7), 1e6)
    flux = np.concatenate([flux, 10 ** rng.uniform(6.5, 7.8, saturated)])
    for f, x, y in zip(
        flux, rng.uniform(0, nx, len(flux)), rng.uniform(0, ny, len(flux)), strict=True
    ):
        size = 8 if f < 3e3 else 16 if f < 1e5 else 40 if f < 3e6 else 150
        add(image, f * moffat(fwhm, size, x - round(x), y - round(y)), round(x), round(y))


def bleed(rng, image, wings):
    """Fill the columns of full pixels, and give what is full; with faint charge beside."""
    marked = np.zeros(image.shape, dtype=bool)
    full = image >= FULL_WELL
    for column in np.flatnonzero(full.any(axis=0)):
        rows = np.flatnonzero(full[:, column])
        excess = (image[rows, column] - FULL_WELL).sum() / FULL_WELL
        low, high = max(0, int(rows[0] - excess)), int(rows[-1] + excess) + 1
        image[low:high, column] = FULL_WELL
        marked[low:high, column] = True
        if wings:
            for beside, share in ((-2, 5e-4), (-1, 5e-3), (1, 5e-3), (2, 5e-4)):
                if 0 <= column + beside < image.shape[1]:
                    image[low:high, column + beside] += share * FULL_WELL
    return marked


def add_cosmics(rng, image, count):
    """Add straight hits of cosmic rays."""
    ny, nx = image.shape
    for _ in range(count):
        t, along = rng.uniform(0, np.pi), np.arange(0, min(rng.exponential(6), 80) + 1, 0.5)
        x = (rng.uniform(0, nx) + along * np.cos(t)).astype(int)
        y = (rng.uniform(0, ny) + along * np.sin(t)).astype(int)
        inside = (x >= 0) & (x < nx) & (y < ny)
        image[y[inside], x[inside]] += rng.lognormal(7, 0.8)


def spoil(rng, image, kind):
    """Add what may look like a trail."""
    ny, nx = image.shape
    x, y = np.arange(nx, dtype=np.float32), np.arange(ny, dtype=np.float32)[:, None]
    if kind == "columns":
        image[rng.integers(ny) :, rng.integers(nx)] += rng.uniform(20, 2000)
        image[: rng.integers(ny), rng.integers(nx)] -= rng.uniform(20, 200)
        image[rng.integers(ny), rng.integers(nx) :] += rng.uniform(20, 200)
    elif kind == "amplifiers":
        image[:, nx // 2 :] += rng.uniform(-30, 30)
        image[ny // 2 :] *= 1 + rng.uniform(-0.01, 0.01)
    elif kind == "galaxy":
        t, q, size = rng.uniform(0, np.pi), rng.uniform(0.1, 1), nx * rng.uniform(0.02, 0.06)
        x, y = x - rng.uniform(0, nx), y - rng.uniform(0, ny)
        u, v = x * np.cos(t) + y * np.sin(t), y * np.cos(t) - x * np.sin(t)
        image += 3000 * np.exp(-1.68 / size * np.hypot(u, v / q))
    elif kind == "spikes":
        x0, y0, turn = rng.uniform(0, nx), rng.uniform(0, ny), rng.uniform(0, 90)
        for t in np.radians(turn + np.array([0, 90, 180, 270])):
            along = np.arange(2, 120, 0.25)[:, None]
            beside = np.array([-1, 0, 1])
            column = np.rint(x0 + along * np.cos(t) - beside * np.sin(t)).astype(int)
            row = np.rint(y0 + along * np.sin(t) + beside * np.cos(t)).astype(int)
            inside = (column >= 0) & (column < nx) & (row >= 0) & (row < ny)
            light = np.broadcast_to(1e4 / (1 + (along / 10) ** 2), inside.shape)
            np.add.at(image, (row[inside], column[inside]), light[inside])
    elif kind == "halo":
        r2 = (x - rng.uniform(0, nx)) ** 2 + (y - rng.uniform(0, ny)) ** 2
        image += 1e5 / (1 + r2 / 900) ** 1.2


KINDS = ("plain", "columns", "amplifiers", "galaxy", "halo", "spikes")


def line_distance(shape, ends):
    """Compute the distance of each pixel from a line, and its place along it over the length."""
    (x0, y0), (x1, y1) = ends
    length = np.hypot(x1 - x0, y1 - y0)
    c, s = (x1 - x0) / length, (y1 - y0) / length
    x = np.arange(shape[1], dtype=np.float32) - np.float32(x0)
    y = (np.arange(shape[0], dtype=np.float32) - np.float32(y0))[:, None]
    return y * np.float32(c) - x * np.float32(s), (x * c + y * s) / length


def add_trail(image, ends, peak, fwhm):
    """Add a trail, and give where it has more than half of its peak."""
    distance, place = line_distance(image.shape, ends)
    near = (np.abs(distance) < 40) & (place >= 0) & (place <= 1)
    a = fwhm / 2 / np.sqrt(2 ** (1 / (BETA - 0.5)) - 1)
    image[near] += peak * (1 + (distance[near] / a) ** 2) ** (0.5 - BETA)
    return near & (np.abs(distance) < fwhm / 2)


def chord(rng, shape, shortest=0.6):
    """Draw a line through a frame; those within a degree of rows and columns are left out."""
    ny, nx = shape
    while True:
        t = np.radians(rng.integers(2) * 90 + rng.uniform(1, 89))
        x, y, c, s = rng.uniform(0, nx - 1), rng.uniform(0, ny - 1), np.cos(t), np.sin(t)
        cuts = np.sort([[-x / c, (nx - 1 - x) / c], [-y / s, (ny - 1 - y) / s]], axis=1)
        low, high = cuts[:, 0].max(), cuts[:, 1].min()
        if high - low >= shortest * min(shape):
            return (x + low * c, y + low * s), (x + high * c, y + high * s)


def make_frame(seed, shape, *, trails=(), kind="plain", density=1 / 1400, sky=1500.0, fwhm=3.6):
    """Make a reduced frame: the pixels in ADU, a mask and where the trails are.

    A trail is (ends, peak in standard deviations of the sky, full width at half maximum).
    """
    rng = np.random.default_rng(seed)
    area = shape[0] * shape[1]
    slope = np.linspace(-0.05, 0.05, shape[1], dtype=np.float32) * rng.uniform(-1, 1)
    image = np.full(shape, sky, dtype=np.float32) * (1 + slope)
    saturated = rng.poisson(area / 1e6)
    add_stars(rng, image, int(area * density), fwhm, saturated)
    spoil(rng, image, kind)
    noise = np.sqrt(sky + READ_NOISE**2)
    truth = [add_trail(image, ends, peak * noise, width) for ends, peak, width in trails]
    marked = bleed(rng, image, wings=seed % 2 == 0)
    if seed % 4 == 3:
        # Nobody told the search what bled.
        marked[:] = False
    add_cosmics(rng, image, int(area * 1.1e-4))
    sigma = np.sqrt(np.maximum(image, 0) + READ_NOISE**2)
    image += sigma * rng.standard_normal(shape, dtype=np.float32)
    image /= GAIN
    return image, marked | (image >= 0.95 * FULL_WELL / GAIN), truth


def options(k):
    """Choose what is on frame k of a series."""
    density = (1 / 1400, 1 / 5000, 1 / 400)[k % 3]
    sky = (1500.0, 300.0, 5000.0)[k // 3 % 3]
    return {
        "kind": KINDS[k % len(KINDS)],
        "density": density,
        "sky": sky,
        "fwhm": 2.6 + 0.4 * (k % 7),
    }
