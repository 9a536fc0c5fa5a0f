"""A packed bundle is opened as its folder is, and unpacked once."""

import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from protos.bundle import MANIFEST, Bundle
from protos.errors import BundleDamaged, BundleError, BundleMissing, DiskFull
from protos.packed import bundle_at
from splitter.storage.archive import pack
from tests.house import ROOT


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ISTHMUS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "unpacked"


@pytest.fixture
def archive(bundle: Bundle, tmp_path: Path) -> Path:
    pack(bundle, tmp_path / "nano.tar", edge=True)
    return tmp_path / "nano.tar"


def places(cache: Path) -> list[Path]:
    return [place for place in cache.iterdir() if place.is_dir()]


def test_the_next_process_finds_what_was_unpacked(bundle: Bundle, archive: Path, cache: Path) -> None:
    found = bundle_at(archive)
    assert found.digest == bundle.digest
    assert found.edge_only
    assert not [problem for _, problem in found.verify() if problem]
    unpacked = found.path.stat()
    again = bundle_at(archive)
    assert again.path == found.path
    assert again.path.stat().st_ino == unpacked.st_ino
    assert places(cache) == [found.path]


def test_the_whole_bundle_is_another_place_than_a_device_s_part(
    bundle: Bundle, archive: Path, cache: Path, tmp_path: Path
) -> None:
    pack(bundle, tmp_path / "whole.tar", edge=False)
    assert bundle_at(archive).edge_only
    assert not bundle_at(tmp_path / "whole.tar").edge_only
    assert len(places(cache)) == 2


def test_what_somebody_removed_is_unpacked_again(archive: Path, cache: Path) -> None:
    found = bundle_at(archive)
    (found.path / found.edge_files()[0].path).unlink()
    again = bundle_at(archive)
    assert not [problem for _, problem in again.verify() if problem]
    (again.path / MANIFEST).unlink()
    assert bundle_at(archive).digest == found.digest
    assert len(places(cache)) == 1


def test_who_comes_while_it_is_unpacked_waits_for_it(archive: Path, cache: Path) -> None:
    with ThreadPoolExecutor() as threads:
        found = list(threads.map(bundle_at, [archive] * 4))
    assert len({one.path for one in found}) == 1
    assert places(cache) == [found[0].path]


def test_what_was_left_by_a_process_that_was_killed_is_removed(archive: Path, cache: Path) -> None:
    (cache / ".packing-abc" / "half").mkdir(parents=True)
    found = bundle_at(archive)
    assert places(cache) == [found.path]


def test_one_that_is_cut_off_is_refused_and_leaves_nothing(archive: Path, cache: Path) -> None:
    os.truncate(archive, archive.stat().st_size // 2)
    with pytest.raises(
        BundleDamaged, match=r"nano\.tar is not a bundle that isthmus packed: .*; fetch it again"
    ):
        bundle_at(archive)
    assert not places(cache)


def test_one_whose_files_are_not_those_of_its_manifest_is_refused(
    bundle: Bundle, archive: Path, cache: Path
) -> None:
    first = min(bundle.edge_files(), key=lambda entry: entry.path)
    content, packed = (bundle.path / first.path).read_bytes(), archive.read_bytes()
    assert packed.count(content) == 1
    archive.write_bytes(packed.replace(content, bytes(reversed(content))))
    with pytest.raises(BundleDamaged, match=f"{first.path} has digest .*; fetch it again"):
        bundle_at(archive)
    assert not places(cache)


@pytest.mark.parametrize("content", [b"", b"no archive", bytes(20_000)])
def test_what_is_no_archive_is_refused(content: bytes, cache: Path, tmp_path: Path) -> None:
    (tmp_path / "none.tar").write_bytes(content)
    with pytest.raises(BundleDamaged, match="fetch it again"):
        bundle_at(tmp_path / "none.tar")
    assert not cache.exists()


def test_one_that_is_not_there_is_named_with_the_command_that_packs(tmp_path: Path) -> None:
    with pytest.raises(BundleMissing, match="make one with: isthmus bundle pack --edge -o "):
        bundle_at(tmp_path / "none.tar.zst")


def test_a_full_disk_is_said_and_nothing_is_left(archive: Path, cache: Path) -> None:
    with no_file_grows(), pytest.raises(DiskFull, match=r"free its disk, or set \$ISTHMUS_CACHE to another"):
        bundle_at(archive)
    assert not places(cache)
    assert bundle_at(archive).edge_only


@contextmanager
def no_file_grows() -> Iterator[None]:
    """As on a full disk: what is written is refused."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_cache_that_is_no_folder_is_said(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ISTHMUS_CACHE", str(archive))
    with pytest.raises(BundleError, match="cannot be written to"):
        bundle_at(archive)


def test_a_question_is_answered_with_the_packed_file(archive: Path, cache: Path) -> None:
    command = ["ask", "docs/scene.png", "describe the image", "--bundle", str(archive)]
    for _ in range(2):
        answered = subprocess.run(
            [sys.executable, "-m", "isthmus", *command], cwd=ROOT, capture_output=True, text=True, check=True
        )
        assert answered.stdout.strip()
    assert len(places(cache)) == 1
