"""The command that makes a token, and the line by which a service knows it."""

import json
from pathlib import Path

import pytest

import isthmus
from cloud.identity.identity import Identity, Role
from cloud.identity.token_list import TokenList


def token(*words: object) -> int:
    return isthmus.main(["cloud", "token", *map(str, words)])


def test_token_and_line_are_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert token("camera-7") == 0
    _, secret, _, line = capsys.readouterr().out.splitlines()
    (tmp_path / "tokens").write_text(line)
    assert TokenList(tmp_path / "tokens").identify(secret) == Identity("default", "camera-7", Role.DEVICE)
    assert secret not in line


def test_lines_are_appended_to_a_file_that_only_its_owner_reads(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "tokens"
    assert token("camera-7", "--tokens", path) == 0
    path.write_text(path.read_text().rstrip())  # as an editor may leave it
    assert token("anna", "--tenant", "acme", "--role", "operator", "--tokens", path) == 0
    camera, anna = capsys.readouterr().out.splitlines()
    tokens = TokenList(path)
    assert tokens.identify(camera).device == "camera-7"
    assert tokens.identify(anna) == Identity("acme", "anna", Role.OPERATOR)
    assert path.stat().st_mode & 0o777 == 0o600
    assert not [secret for secret in (camera, anna) if secret in path.read_text()]


def test_the_same_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert token("camera-7", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["line"].startswith("sha256:")
    assert told["line"].endswith(" camera-7 default device")
    assert len(told["token"]) >= 43


def test_what_is_no_name_or_no_list_is_told_and_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for words in (["camera 7"], ["camera-7", "--tenant", "a/b"], ["x" * 200]):
        assert token(*words) == 3
    (tmp_path / "notes").write_text("milk, bread\n")
    assert token("camera-7", "--tokens", tmp_path / "notes") == 3
    assert "line 1: a line is `sha256:`" in capsys.readouterr().err
    assert (tmp_path / "notes").read_text() == "milk, bread\n"
    assert token("camera-7", "--tokens", tmp_path / "absent" / "tokens") == 3
