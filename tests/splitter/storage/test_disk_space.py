"""A full disk: seen before anything is written where it can be, and told as such where it cannot."""

import errno
import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import Image

from protos.errors import DiskFull
from splitter.nano.scenes import picture
from splitter.storage.disk_space import check_disk_space, raising_disk_full
from splitter.storage.parts import Parts
from tests.splitter.families.checkpoints import llava_clip

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[3]


def test_too_little_room_is_told_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=3_000_000_000))
    check_disk_space(tmp_path / "a" / "bundle", 3_000_000_000)
    with pytest.raises(
        DiskFull, match=r"need 14\.1 GB, and .* has 3\.0 GB free; free some, or give another place with -o"
    ):
        check_disk_space(tmp_path / "a" / "bundle", 14_100_000_000)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        OSError(errno.EDQUOT, "Disk quota exceeded"),
        RuntimeError("Error during serialisation: I/O error: No space left on device (os error 28)"),
    ],
)
def test_whoever_finds_the_disk_full_it_is_told_with_what_to_do(tmp_path: Path, error: Exception) -> None:
    said = r"finished steps are kept in .*parts: free some room and run the same command again"
    with (
        pytest.raises(DiskFull, match=said),
        raising_disk_full(tmp_path / "bundle", tmp_path / "bundle.parts"),
    ):
        raise error


def test_other_errors_pass(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), raising_disk_full(tmp_path, tmp_path):
        raise ZeroDivisionError


def test_a_write_that_fails_leaves_nothing_under_any_name(tmp_path: Path) -> None:
    parts = Parts(tmp_path / "bundle", "recipe")

    def write(path: Path) -> None:
        path.write_bytes(b"half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(OSError, match="No space left"):
        parts.file("tower.onnx", write)
    assert sorted(path.name for path in parts.folder.iterdir()) == ["isthmus.json"]
    assert parts.file("tower.onnx", lambda path: path.write_bytes(b"whole")).read_bytes() == b"whole"


def test_a_split_that_may_write_no_more_ends_in_words_and_goes_on_when_it_may(tmp_path: Path) -> None:
    llava_clip(tmp_path / "checkpoint")
    (tmp_path / "photos").mkdir()
    for seed in range(8):
        Image.fromarray(picture(seed).image).save(tmp_path / "photos" / f"{seed}.png")
    command = [
        sys.executable,
        "-m",
        "isthmus",
        "split",
        str(tmp_path / "checkpoint"),
        "-o",
        str(tmp_path / "bundle"),
    ]
    command += ["--calibration", str(tmp_path / "photos"), "--cuts", "vision.1", "--report-pictures", "1"]

    def limit() -> None:
        # bytes a file: less than the tower's
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))

    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, preexec_fn=limit)
    assert run.returncode == 4, run.stderr
    assert "no room left on the disk" in " ".join(run.stderr.split())
    assert "Traceback" not in run.stderr
    assert not (tmp_path / "bundle").exists()
    assert not [*tmp_path.glob("*.parts/aside-*"), *tmp_path.glob("*.parts/making")]
    again = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert again.returncode == 0, again.stderr
