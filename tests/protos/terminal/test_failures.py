import errno
from pathlib import Path

import pytest

from protos.errors import NoRoute
from protos.terminal.failures import failure


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ISTHMUS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def raised(error: Exception) -> Exception:
    with pytest.raises(type(error)) as caught:
        raise error
    return caught.value


def test_what_is_foreseen_is_told_as_it_is() -> None:
    assert failure(NoRoute("relax a rule"), []) == ("relax a rule", 6)


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (FileNotFoundError(errno.ENOENT, "No such file or directory", "a.txt"), "a.txt: No such file"),
        (
            PermissionError(errno.EACCES, "Permission denied", Path("b")),
            "b: Permission denied; check the path",
        ),
        (OSError(errno.ENOSPC, "No space left on device"), "a file cannot be written: the disk is full"),
        (MemoryError(), "there is not enough memory"),
    ],
)
def test_trouble_with_the_machine_is_a_line(error: Exception, told: str, cache: Path) -> None:
    text, status = failure(raised(error), [])
    assert text.startswith(told)
    assert status == 1
    assert not cache.exists()


def test_of_a_bug_the_traceback_is_kept_in_a_file(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text, status = failure(raised(ValueError("two\nlines")), ["ask", "a b.png"])
    assert status == 70
    assert text == f"this is a bug: ValueError: two lines; please report it, with {cache / 'traceback.txt'}"
    kept = (cache / "traceback.txt").read_text()
    assert kept.startswith("isthmus ask 'a b.png'\nPython ")
    assert "Traceback (most recent call last)" in kept
    assert capsys.readouterr().err == ""


def test_where_nothing_can_be_kept_it_is_said_how_to_see_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ISTHMUS_CACHE", "/proc/none")
    assert failure(raised(KeyError("x")), [])[0].endswith("ISTHMUS_TRACEBACK=1 shows where it comes from")


def test_a_traceback_is_shown_where_it_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ISTHMUS_TRACEBACK", "1")
    failure(raised(OSError(errno.ENOENT, "No such file or directory", "a.txt")), [])
    assert "Traceback" in capsys.readouterr().err
