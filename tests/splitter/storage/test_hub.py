"""A checkpoint by its hub id: from the hub's cache, or with a word on how to bring the folder here. No test
reaches a network.
"""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from protos.errors import CheckpointError
from splitter.storage.hub import find, name_of

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of the hub's, and no hub."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    return tmp_path


def snapshot(cache: Path) -> Path:
    """What `hf download org/model` leaves behind."""
    place = cache / "models--org--model"
    (place / "refs").mkdir(parents=True)
    (place / "refs" / "main").write_text("abc123")
    folder = place / "snapshots" / "abc123"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    return folder


def test_a_folder_wins_over_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "org" / "model").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert find("org/model") == Path("org/model")


@pytest.mark.parametrize("name", ["model", "./org/model", "/no/such/folder", "~/no-such-folder", "a/b/c"])
def test_what_can_only_be_a_folder_is_not_asked_of_the_hub(name: str) -> None:
    assert find(name) == Path(name).expanduser()


def test_a_snapshot_in_the_cache_works_offline_and_keeps_its_name(cache: Path) -> None:
    folder = snapshot(cache)
    assert find("org/model") == folder
    assert name_of(folder) == "org/model"
    assert name_of(cache) == cache.name


def test_where_the_hub_is_switched_off_the_error_says_how_to_bring_a_folder(cache: Path) -> None:
    with pytest.raises(
        CheckpointError, match=r"there is no folder org/model here.*hf download org/model --local-dir DIR"
    ):
        find("org/model")


def test_where_the_hub_cannot_be_reached_the_command_says_how_to_bring_a_folder(tmp_path: Path) -> None:
    with socket.socket() as closed:  # a port that nobody listens on
        closed.bind(("127.0.0.1", 0))
        environment = {
            "HF_ENDPOINT": f"http://127.0.0.1:{closed.getsockname()[1]}",
            "HF_HOME": str(tmp_path),
            "NO_PROXY": "*",
        }
        program = (
            "import os, sys; os.environ.update(eval(sys.argv[1])); from splitter.storage.hub import "
            "find; find('org/model')"
        )
        run = subprocess.run(
            [sys.executable, "-c", program, repr(environment)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
    assert "CheckpointError" in run.stderr
    assert "hf download org/model --local-dir DIR" in run.stderr
    assert not list(tmp_path.rglob("*.safetensors"))
