"""`isthmus fleet` as operators type it, against a controller that is a process."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import isthmus
from cloud.fleet.commands.jobs import shown_accuracies
from cloud.fleet.storage.database import Database
from cloud.fleet.storage.lease import Leadership
from tests.cloud.fleet.serving import served
from tests.cloud.fleet.telling import FLEET, known_devices

Typed = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Of a controller that knows two devices, and has no broker."""
    path = str(tmp_path_factory.mktemp("fleet") / "fleet.db")
    database = Database(path, FLEET)
    leadership = Leadership(database, "test")
    leadership.claim()
    known_devices(database, leadership, ["d1", "d2"])
    leadership.release()
    database.close()
    with served(path, 1) as controller:
        yield controller.url


@pytest.fixture
def typed(url: str, capsys: pytest.CaptureFixture[str]) -> Typed:
    def run(*words: str) -> dict[str, Any]:
        assert isthmus.main(["fleet", *words, "--controller", url, "--json"]) == 0
        found: dict[str, Any] = json.loads(capsys.readouterr().out)
        return found

    return run


def test_an_operators_day(typed: Typed, url: str, capsys: pytest.CaptureFixture[str]) -> None:
    typed("label", "d1", "--set", "site=berlin", "--why", "it is there")
    assert [row["name"] for row in typed("devices", "--label", "site=berlin")["devices"]] == ["d1"]
    told = typed("set", "d1", "--pin", "vision.4", "--deadline", "800ms", "--why", "slow link")
    assert told == {"versions": {"d1": 1}}
    desired = typed("show", "d1")["desired"]
    assert desired["settings"] == {"cuts": {"pinned": "vision.4"}, "rules": {"deadline_milliseconds": 800.0}}
    job = typed("jobs", "start", "d1", "--task", "self-test", "--why", "after the move")["jobs"]["d1"]
    assert typed("jobs", "cancel", job, "--why", "not now")["id"] == job
    started = typed(
        "rollout",
        "start",
        "--all",
        "--pin",
        "connector",
        "--max-p95",
        "10%",
        "--max-energy",
        "off",
        "--why",
        "x",
    )
    assert typed("rollout", "pause", started["id"], "--why", "lunch")["status"] == "paused"
    assert typed("rollout", "resume", started["id"], "--why", "back")["status"] == "running"
    assert typed("rollout", "abort", started["id"], "--why", "enough")["status"] == "aborted"
    assert typed("audit")["audit"][0]["why"] == "enough"
    for words in (
        ["devices"],
        ["show", "d1"],
        ["jobs", "list"],
        ["rollout", "status"],
        ["rollout", "status", started["id"]],
        ["audit"],
    ):
        assert isthmus.main(["fleet", *words, "--controller", url]) == 0
        assert "d1" in (text := capsys.readouterr().out) or started["id"] in text


def test_a_self_test_by_routes_and_answers_to_compare_are_an_operators_to_choose(typed: Typed) -> None:
    words = ["--task", "self-test", "--route", "local", "--pictures", "4", "--why", "is it well?"]
    job = typed("jobs", "start", "d2", *words)["jobs"]["d2"]
    assert job in {one["id"] for one in typed("jobs", "list", "d2")["jobs"]}
    typed("set", "d2", "--agreement", "5%", "--agreement-bytes", "20kB", "--why", "a new lens")
    settings = typed("show", "d2")["desired"]["settings"]
    assert settings == {"agreement_percent": 5.0, "agreement_bytes_per_hour": "20000"}


def test_what_a_self_test_found_is_shown_by_route() -> None:
    accuracies = [
        {"route": "local", "pictures": 12, "right": 11},
        {"route": "split@vision.4", "pictures": 3, "failed": 3},
    ]
    assert shown_accuracies({"accuracies": accuracies}) == "local 11/12, split@vision.4 0/0 (3 failed)"
    assert shown_accuracies({}) == ""


def test_what_the_controller_refuses_is_said(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["fleet", "set", "d2", "--pin", "vision.5", "--why", "x", "--controller", url]
    assert isthmus.main(words) == 3
    assert "d2: it has no cut vision.5" in capsys.readouterr().err


def test_where_no_controller_is_how_to_start_one_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert isthmus.main(["fleet", "devices", "--controller", "http://127.0.0.1:1"]) == 5
    assert "isthmus fleet serve" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["set", "d1", "--settings", "missing.json", "--why", "x"], "no JSON"),
        (["set", "--all", "--expected", "3", "--why", "x"], "--expected is of one device"),
        (["label", "d1", "--why", "x"], "no label is given"),
        (["devices", "--label", "berlin"], "KEY=VALUE"),
    ],
)
def test_a_slip_is_told_before_anything_is_sent(
    words: list[str],
    said: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert isthmus.main(["fleet", *words, "--controller", "http://127.0.0.1:1"]) == 3
    assert said in capsys.readouterr().err
