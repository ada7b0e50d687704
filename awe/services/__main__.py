"""The DPU's page as a process of its own: ``python -m awe.services FOLDER OPENER PORT``."""

import os
import sys


def _main():
    # The parent ends at once: the page is then nobody's child and outlives the command.
    if os.fork():
        os._exit(0)
    from awe.services.desk import ENDED

    folder, opener, port = sys.argv[1:]
    try:
        from awe.services.serving import serve

        serve(folder, opener, int(port))
    finally:
        print(ENDED, file=sys.stderr)


if __name__ == "__main__":
    _main()
