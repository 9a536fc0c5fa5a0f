from pathlib import Path

import pytest

from bench.rig import child
from protos.errors import IsthmusError


def test_a_measuring_process_that_fails_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(IsthmusError, match="stopped with status 1"):
        list(child.results("bench.head.footprint", tmp_path / "no-such.onnx", tmp_path, 1))
