"""The DPU as a process of its own: ``python -m awe.dpu FOLDER OPENER WORKERS``."""

import os
import sys


def _main():
    # The parent ends at once: the DPU is then nobody's child and outlives the prompt.
    if os.fork():
        os._exit(0)
    from awe.dpu.server import serve

    folder, opener, workers = sys.argv[1:]
    serve(folder, opener, int(workers))


if __name__ == "__main__":
    _main()
