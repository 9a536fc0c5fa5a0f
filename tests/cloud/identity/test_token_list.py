"""A list of tokens that holds hashes only, and is read again when it changes."""

import logging
from pathlib import Path

import pytest

from cloud.identity.identity import Identity, Role
from cloud.identity.token_list import TokenList, new_token
from protos.errors import RequestError, Unauthenticated

CAMERA = Identity("acme", "camera-7", Role.DEVICE)
ANNA = Identity("acme", "anna", Role.OPERATOR)


def test_a_new_token_is_known_by_its_line_which_does_not_hold_it(tmp_path: Path) -> None:
    camera, anna = new_token(CAMERA), new_token(ANNA)
    path = tmp_path / "tokens"
    path.write_text(f"# ours\n\n{camera.line}\n  {anna.line}  \n")
    tokens = TokenList(path)
    assert tokens.identify(camera.token) == CAMERA
    assert tokens.identify(anna.token) == ANNA
    assert camera.token not in path.read_text()
    assert len(camera.token) >= 43
    assert camera.token != new_token(CAMERA).token


def test_a_token_is_worth_nothing_once_its_line_is_gone(tmp_path: Path) -> None:
    camera, anna, path = new_token(CAMERA), new_token(ANNA), tmp_path / "tokens"
    path.write_text(f"{camera.line}\n{anna.line}\n")
    tokens = TokenList(path)
    assert tokens.identify(camera.token)
    path.write_text(f"{anna.line}\n")
    with pytest.raises(Unauthenticated, match="not known here") as refused:
        tokens.identify(camera.token)
    assert camera.token not in str(refused.value)
    assert tokens.identify(anna.token)


@pytest.mark.parametrize("token", ["", "sesame", "\x00", "sha256:" + "0" * 64])
def test_others_are_nobody(token: str, tmp_path: Path) -> None:
    (tmp_path / "tokens").write_text(new_token(CAMERA).line)
    with pytest.raises(Unauthenticated):
        TokenList(tmp_path / "tokens").identify(token)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("sesame camera-7 acme device", "line 2: a line is `sha256:` and 64 digits"),
        (f"{'0' * 64} camera-7 acme device", "line 2: a line is"),
        (f"sha256:{'0' * 63} camera-7 acme device", "line 2: a line is"),
        (f"sha256:{'x' * 64} camera-7 acme device", "line 2: a line is"),
        (f"sha256:{'0' * 64} camera-7 device", "line 2: a line is"),
        (
            f"sha256:{'0' * 64} camera-7 acme root",
            "line 2: the role is none of: device, viewer, operator, admin",
        ),
        (f"sha256:{'0' * 64} camera-7 ac/me device", "line 2: .* a slash"),
    ],
)
def test_a_line_that_is_none_is_named_and_not_repeated(line: str, told: str, tmp_path: Path) -> None:
    path = tmp_path / "tokens"
    path.write_text(f"{new_token(CAMERA).line}\n{line}\n")
    with pytest.raises(RequestError, match=told) as refused:
        TokenList(path)
    assert line.split(maxsplit=1)[0] not in str(refused.value)


def test_a_file_that_is_none_is_told(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="cannot be read"):
        TokenList(tmp_path / "tokens")
    (tmp_path / "tokens").write_bytes(b"\xff")
    with pytest.raises(RequestError, match="UTF-8"):
        TokenList(tmp_path / "tokens")


def test_what_it_was_before_goes_on_where_it_changes_into_none(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    camera, path = new_token(CAMERA), tmp_path / "tokens"
    path.write_text(camera.line)
    tokens = TokenList(path)
    path.write_text("half a li")
    assert [tokens.identify(camera.token), tokens.identify(camera.token)] == [CAMERA, CAMERA]
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert "line 1" in record.getMessage()
    assert "what was read before goes on" in record.getMessage()
    path.unlink()
    assert tokens.identify(camera.token)
    path.write_text("")
    with pytest.raises(Unauthenticated):
        tokens.identify(camera.token)
