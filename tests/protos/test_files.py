"""What a command writes is whole, bears its mark, and takes the place of nothing else."""

import json
import os
import stat
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from protos.errors import RequestError
from protos.files import array_mark, check_file, json_of, write_file, write_whole
from protos.labels import Labels


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "figures"


def figures() -> bytes:
    return json_of("plan", {"a": 1}).encode()


def arrays() -> bytes:
    """As `bundle labels` writes them."""
    return Labels(("cat",), np.ones((1, 4), np.float32)).packed("f" * 64)


@pytest.mark.parametrize(("made", "command"), [(figures, "plan"), (arrays, "bundle labels")])
def test_a_command_writes_over_what_it_wrote_and_no_other_does(
    place: Path, made: Callable[[], bytes], command: str
) -> None:
    write_file(place, made(), command)
    check_file(place, command)
    for other in ("edge profile", command + "s"):
        with pytest.raises(RequestError, match=f"not overwritten, because isthmus {other} did not write it"):
            check_file(place, other)
    write_file(place, made(), command)
    assert place.read_bytes() == made()
    assert list(place.parent.iterdir()) == [place]


@pytest.mark.parametrize(
    "held",
    [
        b"isthmus plan bundle --html plan.html  # notes of mine",
        b'{"commands": ["isthmus plan"]}',
        b"\x00\xff binary",
        b" " * 5000 + json_of("plan", {}).encode(),
    ],
)
def test_what_a_user_wrote_is_never_taken_for_ours(place: Path, held: bytes) -> None:
    place.write_bytes(held)
    with pytest.raises(RequestError, match="give another name"):
        write_file(place, figures(), "plan")
    assert place.read_bytes() == held


def test_an_empty_file_is_nobodys(place: Path) -> None:
    place.touch()
    write_file(place, figures(), "plan")
    assert place.read_bytes() == figures()


def test_a_link_stays_a_link(place: Path) -> None:
    link = place.with_name("link")
    link.symlink_to(place)
    write_file(link, figures(), "plan")
    assert link.is_symlink()
    assert place.read_bytes() == figures()


def test_what_is_no_file_is_written_to(place: Path) -> None:
    os.mkfifo(place)
    reader = os.open(place, os.O_RDONLY | os.O_NONBLOCK)
    write_file(place, figures(), "plan")
    assert os.read(reader, 1 << 16) == figures()
    os.close(reader)
    assert stat.S_ISFIFO(place.stat().st_mode), "/dev/null does not become a file"


def test_places_that_cannot_be_written_are_told_before_anything_is_made(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(RequestError, match="is a folder; give the name of a file"):
        check_file(place.parent, "plan")
    place.write_text("a file")
    with pytest.raises(RequestError, match="figures is a file; choose another place"):
        check_file(place / "below" / "it", "plan")
    monkeypatch.setattr(os, "access", lambda *_: False)  # who runs as root may write everywhere
    with pytest.raises(RequestError, match="not yours to write to"):
        check_file(place.with_name("new"), "plan")
    assert list(place.parent.iterdir()) == [place]


def test_folders_are_made_when_the_file_is(place: Path) -> None:
    check_file(place / "a" / "b", "plan")
    assert not place.exists()
    write_file(place / "a" / "b", figures(), "plan")
    assert (place / "a" / "b").read_bytes() == figures()


def test_a_write_that_fails_leaves_the_old_file_and_no_part(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_whole(place, "old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="No space left"):
        write_whole(place, "new")
    assert place.read_text() == "old"
    assert list(place.parent.iterdir()) == [place]


def test_json_says_who_wrote_it_before_all_else() -> None:
    told = json.loads(json_of("bench codec", {"rows": []}))
    assert list(told.items()) == [("generator", "isthmus bench codec"), ("rows", [])]


def test_labels_say_so_uncompressed() -> None:
    assert array_mark("bundle labels") in arrays()[:4096]
