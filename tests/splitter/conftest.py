from pathlib import Path
from typing import Any

import pytest

from splitter.nano import WEIGHTS
from splitter.recipe import Options
from tests.splitter.quantize.small import Small, Working, small


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def working(tmp_path: Path, said: list[str]) -> Working:
    """Called with the options that differ from the usual; called again, it goes on where the first
    stopped.
    """

    def work(**options: Any) -> Small:
        return small(Options(WEIGHTS, **options), tmp_path, said.append)

    return work
