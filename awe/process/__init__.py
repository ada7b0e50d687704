"""Making something from something: products, parameters, tasks, choice and lineage."""

from awe.process.choice import CalibrationNotFound, Dependency, choose, explain
from awe.process.flags import decode, flags_table, register_flag
from awe.process.imports import Import
from awe.process.lineage import Lineage
from awe.process.parameters import ProcessParameters, parameter, resolve
from awe.process.product import Making, ProcessTarget, Product
from awe.process.task import Argument, Failure, Products, Task, TaskError, Unit

__all__ = [
    "Argument",
    "CalibrationNotFound",
    "Dependency",
    "Failure",
    "Import",
    "Lineage",
    "Making",
    "ProcessParameters",
    "ProcessTarget",
    "Product",
    "Products",
    "Task",
    "TaskError",
    "Unit",
    "choose",
    "decode",
    "explain",
    "flags_table",
    "parameter",
    "register_flag",
    "resolve",
]
