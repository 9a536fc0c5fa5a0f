"""The splitter's commands."""

import os


def wait_quietly() -> None:
    """Call before torch is imported: have its threads sleep, not spin, while they wait for one another.

    Spinning threads burn the core that the one they wait for needs; on a busy machine that made a split five
    times slower.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
