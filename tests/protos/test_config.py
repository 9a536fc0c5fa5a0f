import os
from pathlib import Path

import pytest

from protos.config import cache_folder, expanded
from protos.errors import RequestError


@pytest.fixture
def nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user without $HOME and without an entry in the list of users, as in many containers."""
    for name in ("HOME", "XDG_CACHE_HOME", "ISTHMUS_CACHE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 1_234_567_890)


def test_a_tilde_is_the_home_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert expanded("~/bundle") == tmp_path / "bundle"
    assert expanded("bundle~") == Path("bundle~")


@pytest.mark.usefixtures("nobody")
def test_without_a_home_folder_it_is_said_what_to_set() -> None:
    with pytest.raises(RequestError, match=r"there is none.*set \$ISTHMUS_CACHE to a folder"):
        cache_folder()


@pytest.mark.usefixtures("nobody")
def test_a_folder_that_is_named_needs_no_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ISTHMUS_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path
