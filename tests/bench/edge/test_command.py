"""`isthmus bench edge`, as it is called."""

import json
from pathlib import Path

import pytest

import isthmus
from bench.edge.installed import closure, installed_bytes
from bench.edge.processes import FedProcess
from bench.edge.results import AGENT_LOCAL, AGENT_REMOTE, ALONE, ASK_LOCAL, ASK_REMOTE
from protos.bundle import Bundle
from protos.errors import IsthmusError


@pytest.mark.slow
def test_every_process_is_started_and_measured(
    bundle_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, few = tmp_path / "edge.json", ["--repetitions", "1", "--answers", "2", "--rest", "100ms"]
    assert isthmus.main(["bench", "edge", "--bundle", str(bundle_path), *few, "-o", str(file)]) == 0
    said, figures = capsys.readouterr().out, json.loads(file.read_text())
    assert figures["bundle"] == Bundle.open(bundle_path).digest
    assert list(figures["starts"]) == [ALONE, ASK_LOCAL, ASK_REMOTE, AGENT_LOCAL, AGENT_REMOTE]
    for name, (start,) in figures["starts"].items():
        assert name in said
        assert start["first_seconds"] > 0
        assert (start["cpu_ms"] is None) == name.startswith("ask")
    resident = {name: start["resident_bytes"] for name, (start,) in figures["starts"].items()}
    assert 20e6 < resident[ALONE] < resident[AGENT_LOCAL] < 1e9
    assert figures["installed"]["onnxruntime"] > 10e6


def test_what_a_device_never_imports_is_not_counted() -> None:
    assert {"onnxruntime", "numpy", "grpcio", "h11"} <= set(installed_bytes())
    assert closure(["tokenizers", "rich"]) == {"tokenizers", "rich"}


def test_a_process_that_fails_says_why() -> None:
    command = ["sh", "-c", "echo it is broken >&2; exit 3"]
    with FedProcess(command) as process, pytest.raises(IsthmusError, match="it is broken"):
        process.first()
