"""What people look at: information on objects, pictures, progress."""

from awe.base import hooks, progress

__all__ = ["enter"]


def enter():
    """Enter what answers the hooks of the lower rooms; nothing heavy is imported."""
    hooks.register("info", _info)
    hooks.register("inspect", _inspect)
    from awe.view.bars import report

    progress.set_reporter(report)


def _info(obj):
    from awe.view.information import information

    return information(obj)


def _inspect(obj, **options):
    from awe.view.frames import inspect_frame

    return inspect_frame(obj, **options)
