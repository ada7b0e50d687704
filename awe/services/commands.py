"""`awe dpu start`, `stop` and `status`, with the DPU's page."""

import sys

from awe.base.environment import read_environment
from awe.base.errors import AweError
from awe.dpu import commands
from awe.services.desk import PageDesk
from awe.store import current

__all__ = ["run_command"]


def run_command(what, opener, workers=None):
    """Do what the user asked for of the DPU and of its page.

    Parameters
    ----------
    what : str
        'start', 'stop' or 'status'.
    opener : str
        What opens the store with all classes in their processes, as 'module:function'.
    workers : int, optional
        How many processes to start. By default what the settings say.

    Returns
    -------
    int
        The exit status, as `awe.dpu.commands.run_command` gives it: the page does not count.
    """
    desk = PageDesk()
    if what == "stop":
        desk.stop()
    status = commands.run_command(what, opener, workers)
    if what == "start":
        _start(desk, opener)
    elif what == "status" and (link := desk.link()):
        print(f"Its page: {link}")
    return status


def _start(desk, opener):
    try:
        link = desk.start(current.context(), opener, read_environment().dpu_port)
    except AweError as err:
        print(f"awe: {err}", file=sys.stderr)
        return
    print(f"Its page: {link}")
