"""What an agent would find."""

from pathlib import Path

import pytest

from edge.agent.assembly.findings import findings
from edge.agent.config.reading import settings_of


def test_all_that_is_missing_is_said_at_once(bundle_path: Path, tmp_path: Path) -> None:
    sources = [
        {"kind": "folder", "name": "inbox", "path": str(tmp_path / "gone")},
        {"kind": "camera", "name": "door", "device": "/dev/video-none"},
        {"kind": "camera", "name": "yard", "device": "/dev/video-none", "enabled": False},
        {"kind": "video", "name": "clip", "path": str(tmp_path / "clip.mp4")},
        {"kind": "push", "name": "app"},
    ]
    cloud = {"address": "nowhere", "token-file": str(tmp_path / "token")}
    update = {"url": "https://host/a.tar", "every": "1h", "ca": str(tmp_path / "ca.pem")}
    table = {"bundle": str(bundle_path), "provider": "abacus", "cloud": cloud, "source": sources}
    table["update"] = update
    beginnings = [words.split(":")[0] for words in findings(settings_of(table))]
    assert beginnings == [
        "provider",
        "cloud",
        "cloud",
        "update",
        "source inbox",
        "source door",
        "source clip",
    ]


@pytest.mark.parametrize("bundle", ["gone", "."])
def test_a_bundle_that_is_none_is_said(bundle: str, tmp_path: Path) -> None:
    (words,) = findings(settings_of({"bundle": str(tmp_path / bundle)}))
    assert words.startswith("bundle: ")


def test_what_a_device_of_a_fleet_shows_its_broker_has_to_be_there(bundle_path: Path, tmp_path: Path) -> None:
    gone, empty = tmp_path / "gone", tmp_path / "empty"
    empty.write_text("")
    fleet = {"address": "mqtts://broker.example", "user": "gate-3"}
    for files, words in (({"ca": gone}, "there is no file"), ({"password-file": empty}, "no secret in")):
        named = {name: str(path) for name, path in files.items()}
        (found,) = findings(settings_of({"bundle": str(bundle_path), "fleet": fleet | named}))
        assert found.startswith("fleet: ")
        assert words in found


def test_nothing_is_missing_where_everything_is_there(bundle_path: Path, tmp_path: Path) -> None:
    source = {"kind": "folder", "name": "inbox", "path": str(tmp_path)}
    table = {"bundle": str(bundle_path), "provider": "cpu", "source": [source]}
    assert findings(settings_of(table)) == []
