"""Frames for the benchmark of the reduction: one CCD of 2144 x 4200 pixels with all its ills."""

from pathlib import Path

import numpy as np

from awe.fits import Image, write_hdus
from awe.pixels import Amplifier

__all__ = ["GAIN", "READ_NOISE", "SATURATION", "amplifiers", "make_frames"]

GAIN, READ_NOISE, SATURATION = 2.5, 5.0, 60000.0
_SKY = 600.0
_BORDER, _ROWS = 48, 100


def amplifiers(shape):
    """Give the amplifier of the CCD.

    Parameters
    ----------
    shape : tuple of int
        Shape ``(ny, nx)`` of the lit pixels.

    Returns
    -------
    list of Amplifier
        One.
    """
    ny, nx = shape
    last = _BORDER + nx
    return [
        Amplifier(
            0, (0, ny, _BORDER, last), prescan_x=(0, ny, 0, _BORDER),
            overscan_x=(0, ny, last, last + _BORDER), gain=GAIN, read_noise=READ_NOISE,
        )
    ]  # fmt: skip


def make_frames(folder, shape, biases, seed=20121105):
    """Write the frames: raw.fits, bias.fits, flat.fits, illumination.fits, maps.npz, bias_*.fits.

    Parameters
    ----------
    folder : pathlib.Path
        Where to.
    shape : tuple of int
        Shape ``(ny, nx)`` of the lit pixels.
    biases : int
        How many raw biases.
    seed : int, optional
        Of the random numbers.
    """
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    bias = (3 * np.sin(x / 97) + rng.normal(0, 1, shape)).astype(np.float32)
    distance = (x / shape[1] - 0.5) ** 2 + (y / shape[0] - 0.5) ** 2
    flat = rng.normal(1 - 0.2 * distance, 0.008).astype(np.float32)
    flat /= flat.mean()
    illumination = (1 + 0.02 * (x / shape[1] - 0.5)).astype(np.float32)
    hot, cold = (rng.random(shape) < 4e-4 for _ in range(2))
    flat[cold] *= 0.5
    scene = _scene(shape, rng)
    electrons = rng.poisson(np.maximum(scene * flat * illumination * GAIN, 0))
    electrons = electrons + hot * rng.integers(500, 20000, shape)
    _hit(electrons, rng)
    lit = electrons / GAIN + bias
    _write(folder / "raw.fits", _raw(lit, rng))
    for name, image in (("bias", bias), ("flat", flat), ("illumination", illumination)):
        _write(folder / f"{name}.fits", image)
    np.savez(folder / "maps.npz", hot=hot, cold=cold)
    for k in range(biases):
        _write(folder / f"bias_{k:02d}.fits", _raw(bias, rng))


def _scene(shape, rng):
    """Make sky, stars and a trail, in ADU."""
    scene = np.full(shape, _SKY)
    half = 20
    dy, dx = np.mgrid[-half : half + 1, -half : half + 1]
    number = max(shape[0] * shape[1] // 1400, 5)
    places = rng.uniform(half + 1, np.array(shape) - half - 1, (number, 2))
    heights = 30 * rng.pareto(0.7, number).clip(0.3, 5000)
    for (star_y, star_x), height in zip(places, heights, strict=True):
        j, i = int(star_y), int(star_x)
        r2 = (dy - star_y + j) ** 2 + (dx - star_x + i) ** 2
        stamp = height * (1 + r2 / 4.5) ** -2.5
        scene[j - half : j + half + 1, i - half : i + half + 1] += stamp
    rows = np.arange(shape[0])
    for offset in range(-3, 4):
        columns = np.rint(0.2 * shape[1] + 0.12 * rows).astype(int) + offset
        inside = (columns >= 0) & (columns < shape[1])
        scene[rows[inside], columns[inside]] += 60 * np.exp(-0.5 * (offset / 1.6) ** 2)
    return scene


def _hit(electrons, rng):
    """Add cosmic rays: short tracks of any direction."""
    for _ in range(max(electrons.size // 9300, 3)):
        y, x = rng.uniform(0, electrons.shape, 2)
        angle, length = rng.uniform(0, np.pi), rng.exponential(8) + 1
        charge = rng.lognormal(6.5, 1)
        for step in np.arange(0, length, 0.7):
            j, i = int(y + step * np.sin(angle)), int(x + step * np.cos(angle))
            if 0 <= j < electrons.shape[0] and 0 <= i < electrons.shape[1]:
                electrons[j, i] += int(charge)


def _raw(lit, rng):
    """Make the raw frame around the lit pixels."""
    ny, nx = lit.shape
    raw = rng.normal(300.0, READ_NOISE / GAIN, (ny + _ROWS, nx + 2 * _BORDER)).astype(np.float32)
    raw += 2 * np.sin(np.arange(ny + _ROWS) / 300.0)[:, None].astype(np.float32)
    raw[:ny, _BORDER : _BORDER + nx] += lit
    return np.clip(np.rint(raw), 0, 65535).astype(np.uint16)


def _write(path: Path, image):
    write_hdus(path, [Image(image)])
