"""Run a module that ends when the process that started it does, even by SIGKILL.

python -m bench.rig.watchdog PARENT_PID MODULE ARGUMENT...
"""

import runpy
import sys

from protos.parent import end_with


def main() -> None:
    end_with(int(sys.argv[1]))
    sys.argv = sys.argv[2:]
    runpy.run_module(sys.argv[0], run_name="__main__")


if __name__ == "__main__":
    main()
