"""Run a module that ends when the process that started it does, even by SIGKILL.

python -m bench.rig.watchdog PARENT_PID MODULE ARGUMENT...
"""

import os
import runpy
import sys
import threading
import time

# a parent that died hands its children to another process, so the parent's id changes
_POLL_SECONDS = 0.25


def main() -> None:
    parent = int(sys.argv[1])
    threading.Thread(target=_watch, args=(parent,), name="watchdog", daemon=True).start()
    sys.argv = sys.argv[2:]
    runpy.run_module(sys.argv[0], run_name="__main__")


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_POLL_SECONDS)
    os._exit(1)


if __name__ == "__main__":
    main()
