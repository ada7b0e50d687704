"""What a worker is told of a unit."""

import json
from pathlib import Path

__all__ = ["scratch_of", "spec_of"]


def scratch_of(job, unit):
    """Give the folder for the temporary files of a unit.

    Parameters
    ----------
    job : DpuJob
        Its job.
    unit : DpuUnit
        The unit, begun.

    Returns
    -------
    pathlib.Path
        One for each attempt.
    """
    return Path(job.folder) / "scratch" / f"{unit.object_id}-{unit.attempt}"


def spec_of(job, unit, folder):
    """Give what a worker must know of a unit.

    Parameters
    ----------
    job : DpuJob
        Its job.
    unit : DpuUnit
        The unit, begun.
    folder : pathlib.Path
        The folder of the DPU.

    Returns
    -------
    dict
        Plain values.
    """
    module = job.modules[unit.step]
    return {
        "job": job.object_id, "unit": unit.object_id, "attempt": unit.attempt,
        "step": unit.step, "number": unit.number, "kind": unit.kind, "label": unit.label,
        "needs": json.loads(job.needs)[unit.step], "group": unit.group, "inputs": unit.inputs,
        "module": module, "stores": job.stores,
        "recipe": module.split(":")[1].removesuffix("Task"),
        "checksum": job.checksums[unit.step],
        "helpers": json.loads(job.helpers[unit.step]) if job.helpers else {},
        "arguments": job.arguments[unit.step],
        "project": job.project_name, "level": job.level, "folder": job.folder,
        "scratch": str(scratch_of(job, unit)), "spool": str(folder / "spool"),
    }  # fmt: skip
