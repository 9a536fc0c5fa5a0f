"""Digests are read once, and again whenever a file may have changed."""

import hashlib
import os
from pathlib import Path

import pytest

from splitter.storage.digests import Digests


@pytest.fixture(autouse=True)
def _every_file_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("splitter.storage.digests._LARGE", 1)


def settled(path: Path, data: bytes) -> Path:
    """A file that has not changed for a while."""
    path.write_bytes(data)
    os.utime(path, (1_000_000, 1_000_000))
    return path


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_a_file_that_has_not_changed_is_not_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = settled(tmp_path / "weights", b"first")
    assert Digests(tmp_path / "memory").of(file) == digest(b"first")
    monkeypatch.setattr(Digests, "_sha256", lambda *_: "read again")
    assert Digests(tmp_path / "memory").of(file) == digest(b"first")


@pytest.mark.parametrize("data", [b"other", b"longer than before"])
def test_a_file_that_was_written_anew_is_read_again_even_with_its_old_time(
    tmp_path: Path, data: bytes
) -> None:
    digests = Digests(tmp_path / "memory")
    digests.of(settled(tmp_path / "weights", b"first"))
    assert digests.of(settled(tmp_path / "weights", data)) == digest(data)


def test_a_file_that_changed_just_now_is_not_remembered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "weights").write_bytes(b"first")
    Digests(tmp_path / "memory").of(tmp_path / "weights")
    assert not (tmp_path / "memory").exists()


@pytest.mark.parametrize("memory", [b"{", b"[]", b"\xff"])
def test_a_memory_that_cannot_be_read_is_none(tmp_path: Path, memory: bytes) -> None:
    (tmp_path / "memory").write_bytes(memory)
    file = settled(tmp_path / "weights", b"first")
    assert Digests(tmp_path / "memory").of(file) == digest(b"first")
    assert Digests(tmp_path / "memory").of(file) == digest(b"first")


def test_all_bytes_are_told_whether_read_or_known(tmp_path: Path) -> None:
    file = settled(tmp_path / "weights", b"first")
    for _ in range(2):
        told: list[int] = []
        Digests(tmp_path / "memory", told.append).of(file)
        assert sum(told) == 5
