"""`awe dpu start`, `stop` and `status`."""

from awe.base.environment import read_environment
from awe.base.errors import AweValueError
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
    if workers is not None and workers < 1:
        msg = f"The DPU needs at least 1 worker, not {workers}."
        raise AweValueError(msg, remedy="Without --workers it has as many as there are processors.")
    if what == "start":
        desk.start(current.context(), opener, workers or read_environment().dpu_workers)
        found = desk.wait_until_ready()
        print(f"The DPU runs: process {found.pid}, {found.workers} workers, log {desk.log}")
        if workers not in (None, found.workers):
            print("It ran already. For another number of workers: awe dpu stop, then start again.")
        return 0
    if what == "stop":
        ran = desk.stop()
        print("The DPU was stopped; what ran is queued again." if ran else "No DPU runs.")
        return 0
    print(repr(Processor(opener).get_status()))
    return 0 if desk.running() is not None else 1
