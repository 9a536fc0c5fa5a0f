"""The splitter's commands."""

import argparse
import os


def wait_quietly() -> None:
    """Call before torch is imported: have its threads sleep, not spin, while they wait for one another.

    Spinning threads burn the core that the one they wait for needs; on a busy machine that made a split five
    times slower.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def positive(text: str) -> int:
    """A whole number of at least 1, as an argument's type."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{value} is not at least 1")
    return value
