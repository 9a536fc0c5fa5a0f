from pathlib import Path

import pytest

from bench.rig import child
from protos.errors import IsthmusError


def test_a_measuring_process_that_fails_is_an_error_without_a_traceback(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ISTHMUS_CACHE", str(tmp_path / "cache"))
    with pytest.raises(IsthmusError, match="stopped with status 4"):
        list(child.results("bench.head.footprint", tmp_path / "no-such.onnx", tmp_path, 1))
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith(f"isthmus: {tmp_path / 'no-such.onnx'} is not an ONNX file")
