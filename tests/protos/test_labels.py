from pathlib import Path

import pytest

from protos.errors import RequestError
from protos.labels import named_labels


def test_labels_are_named_in_a_list_or_a_file(tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text("cat\n\na dog, running\n")
    assert named_labels("cat, a dog") == ("cat", "a dog")
    assert named_labels(str(tmp_path / "labels.txt")) == ("cat", "a dog, running")


@pytest.mark.parametrize("text", ["birds.txt", "./birds", "labels/birds", "", " ", "birds.npz"])
def test_a_file_of_labels_that_is_not_there_is_refused(text: str) -> None:
    with pytest.raises(RequestError, match=r"give a UTF-8 file with one"):
        named_labels(text)


@pytest.mark.parametrize("text", ["cat", "a dog. running", "a/c, d/c", "U.S. flag"])
def test_labels_that_are_no_file_are_labels(text: str) -> None:
    assert named_labels(text) == tuple(part.strip() for part in text.split(","))
