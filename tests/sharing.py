"""What one of a run's processes makes and the others find."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock


def once(places: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """The folder of this name, the same for every process of the run; the first that asks for it has it
    made.
    """
    base = places.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / name
    with FileLock(f"{folder}.lock"):
        if not folder.exists():
            aside = folder.with_name(f"aside-{name}")
            make(aside)
            aside.rename(folder)
    return folder
