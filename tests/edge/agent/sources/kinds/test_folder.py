"""Pictures that lie in a folder and come into it."""

from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import cv2
import numpy as np
import pytest

from edge.agent.settings.quantities import Milliseconds
from edge.agent.sources.frame import Shot
from edge.agent.sources.kinds.folder import FolderSource
from edge.agent.sources.opening import Inboxes, Opening
from protos.errors import PictureError, RequestError


def write(file: Path, level: int = 0) -> None:
    cv2.imwrite(str(file), np.full((8, 8, 3), level, np.uint8))


def watched(folder: Path, *, existing: bool = True, opening: Opening | None = None) -> Iterator[Shot]:
    source = FolderSource(name="inbox", path=folder, look=Milliseconds(10), existing=existing)
    with source.open(opening or Opening(Inboxes())) as opened:
        yield from opened.shots()


def level(shot: Shot) -> int:
    return int(shot()[0, 0, 0])


def test_what_lies_there_and_what_comes_is_given_the_oldest_first(tmp_path: Path) -> None:
    write(tmp_path / "b.png", 1)
    write(tmp_path / "a.png", 2)
    shots = watched(tmp_path)
    assert [level(next(shots)), level(next(shots))] == [1, 2]
    (tmp_path / "notes.txt").write_text("no picture")
    write(tmp_path / "c.png", 3)
    assert level(next(shots)) == 3
    write(tmp_path / "a.png", 40)
    assert level(next(shots)) == 40


def test_what_lies_there_may_be_left_out(tmp_path: Path) -> None:
    write(tmp_path / "old.png", 1)
    opening = Opening(Inboxes())
    thread = Thread(target=_come, args=(tmp_path / "new.png", opening))
    thread.start()
    assert level(next(watched(tmp_path, existing=False, opening=opening))) == 2
    thread.join()


def _come(file: Path, opening: Opening) -> None:
    """Once the folder was looked at."""
    while not opening.given:
        opening.closing.wait(0.005)
    write(file, 2)


def test_a_file_that_is_half_written_is_given_when_it_is_whole(tmp_path: Path) -> None:
    write(tmp_path / "whole.png", 9)
    data = (tmp_path / "whole.png").read_bytes()
    shots = watched(tmp_path)
    next(shots)()
    (tmp_path / "slow.png").write_bytes(data[:40])
    with pytest.raises(PictureError):
        next(shots)()
    (tmp_path / "slow.png").write_bytes(data)
    assert level(next(shots)) == 9


def test_a_file_that_is_deleted_is_skipped_and_one_of_its_name_is_new(tmp_path: Path) -> None:
    write(tmp_path / "a.png", 1)
    write(tmp_path / "b.png", 2)
    write(tmp_path / "c.png", 3)
    shots = watched(tmp_path)
    assert level(next(shots)) == 1
    (tmp_path / "b.png").unlink()
    assert level(next(shots)) == 3
    write(tmp_path / "b.png", 4)
    assert level(next(shots)) == 4


def test_a_file_that_nobody_wanted_is_given_when_the_folder_is_opened_again(tmp_path: Path) -> None:
    write(tmp_path / "a.png", 1)
    opening = Opening(Inboxes())
    next(watched(tmp_path, opening=opening))
    assert level(next(watched(tmp_path, opening=opening))) == 1


def test_a_folder_that_was_away_gives_its_files_no_second_time(tmp_path: Path) -> None:
    folder, opening = tmp_path / "stick", Opening(Inboxes())
    folder.mkdir()
    write(folder / "a.png", 1)
    shots = watched(folder, opening=opening)
    assert level(next(shots)) == 1
    folder.rename(tmp_path / "away")
    with pytest.raises(RequestError, match="cannot be read"):
        next(shots)
    with pytest.raises(RequestError, match="is no folder; make it"):
        next(watched(folder, opening=opening))
    (tmp_path / "away").rename(folder)
    write(folder / "b.png", 2)
    assert level(next(watched(folder, opening=opening))) == 2
