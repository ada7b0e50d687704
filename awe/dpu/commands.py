"""`awe dpu start`, `stop` and `status`."""

from awe.base.environment import read_environment
from awe.dpu.control import DpuHome
from awe.dpu.processor import Processor
from awe.store import current

__all__ = ["run_command"]


def run_command(what, opener, workers=None):
    """Do what the user asked for of the DPU.

    Parameters
    ----------
    what : str
        'start', 'stop' or 'status'.
    opener : str
        What opens the store with all classes in the DPU's processes, as 'module:function'.
    workers : int, optional
        How many processes to start. By default what the settings say.

    Returns
    -------
    int
        The exit status: 0, and 1 for the status of a DPU that does not run.
    """
    desk = DpuHome()
    if what == "start":
        desk.start(current.context(), opener, workers or read_environment().dpu_workers)
        found = desk.wait_until_ready()
        print(f"The DPU runs: process {found.pid}, {found.workers} workers, log {desk.log}")
        return 0
    if what == "stop":
        ran = desk.stop()
        print("The DPU was stopped; what ran is queued again." if ran else "No DPU runs.")
        return 0
    print(repr(Processor(opener).get_status()))
    return 0 if desk.running() is not None else 1
