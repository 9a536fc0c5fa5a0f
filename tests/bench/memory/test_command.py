"""The memory of a split is measured on the real command's own code, in a process of its own."""

import json
from pathlib import Path

import pytest

import isthmus
from bench.memory.measure import MemoryFigures


@pytest.mark.slow
def test_a_small_checkpoint_is_written_split_watched_and_thrown_away(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "disk").mkdir()
    arguments = [
        "bench",
        "memory",
        "--config",
        "llava-tiny",
        "--disk",
        str(tmp_path / "disk"),
        "-o",
        str(tmp_path / "figures.json"),
    ]

    assert isthmus.main(arguments) == 0

    told = json.loads((tmp_path / "figures.json").read_text())
    del told["generator"]
    figures = MemoryFigures(**told)
    assert figures.resident >= figures.anonymous > 100e6
    assert 2 * figures.checkpoint == figures.language + figures.tower
    assert any("identity" in step["step"] for step in figures.steps)
    assert "The peak is within the target" in capsys.readouterr().out
    assert not list((tmp_path / "disk").iterdir())


def test_an_unknown_config_is_answered_with_those_that_exist(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert isthmus.main(["bench", "memory", "--config", "llava-70b", "--disk", str(tmp_path)]) == 3
    assert "did you mean llava-7b" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
