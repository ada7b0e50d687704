"""Stores, damaged files and figures of their own for the tests of recipes."""

import os
import shutil

import numpy as np
from awe.recipes.IngestTask import IngestTask

import awe.model  # noqa: F401  declares the classes that a store holds
from awe.store.context import Context

__all__ = ["damaged", "ingest", "linked", "open_store", "plain_gains"]


def open_store(folder, user="me", **options):
    """Open the store of a test."""
    return Context(folder / "store", folder / "data", user, **options)


def linked(source, target):
    """Open a copy of a store; its files, which are never changed, are shared."""
    shutil.copytree(source / "store", target / "store")
    shutil.copytree(source / "data", target / "data", copy_function=os.link)
    return open_store(target)


def ingest(*paths, commit=True, **arguments):
    """Ingest files and folders with a task and give it."""
    task = IngestTask(paths=list(paths), commit=commit, **arguments)
    task.execute()
    return task


def damaged(path):
    """Let a file be changed, as a disk that fails would; those that share it keep theirs."""
    path.parent.chmod(0o700)
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content)
    return path


def plain_gains(flats, biases):
    """Measure the gains of Kast by plain NumPy: electrons per ADU of its two amplifiers.

    In blocks of 14 x 16 pixels the variance of the difference of two flats, less that of two
    biases, is that of the light.
    """
    gains = []
    for columns, overscan in ((slice(0, 1024), slice(2048, 2080)),
                              (slice(1024, 2048), slice(2080, 2112))):  # fmt: skip
        first, second, *zeros = (
            _blocks(f[:, columns] - np.median(f[:, overscan], axis=1)[:, None])
            for f in (raw.data.astype(float) for raw in (*flats[:2], *biases[:2]))
        )
        ratio = first.mean(axis=1) / second.mean(axis=1)
        noise = (zeros[0] - zeros[1]).var() / 2 * (1 + ratio**2)
        light = (first - second * ratio[:, None]).var(axis=1) - noise
        level = first.mean(axis=1)
        use = (level > 1500) & (level < 40000)
        gains.append((level * (1 + ratio))[use].sum() / light[use].sum())
    return gains


def _blocks(image):
    return image.reshape(25, 14, 64, 16).swapaxes(1, 2).reshape(-1, 14 * 16)
