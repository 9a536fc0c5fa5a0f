import json
from pathlib import Path

import pytest

import isthmus


def test_no_questions_make_no_demonstration() -> None:
    with pytest.raises(SystemExit, match="2"):
        isthmus.main(["demo", "--questions", "0"])


@pytest.mark.slow
def test_the_whole_demonstration(
    bundle_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = [
        "--bundle",
        str(bundle_path),
        "--output",
        str(tmp_path / "demo"),
        "--questions",
        "2",
        "--json",
    ]
    assert isthmus.main(["demo", *options]) == 0
    told = capsys.readouterr()
    figures = json.loads(told.out)
    assert "Every request" in told.err
    assert sorted(file.name for file in (tmp_path / "demo").iterdir()) == [
        "report.html",
        "scene-00.png",
        "scene-01.png",
    ]
    links = {run["name"]: run["outcomes"] for run in figures["links"]}
    assert list(links) == ["good link", "slow link", "poor link", "cloud killed"]
    for name in ("good link", "slow link", "poor link"):
        assert len(links[name]) == 2 * 5
        assert not any(o["failure"] for o in links[name])
        assert all((o["bytes_up"] > 0) == (o["route"] != "local") for o in links[name])
    free = [o for run in links.values() for o in run if o["strategy"] == "auto-remote" and o["route"]]
    assert all(o["verdicts"][o["route"]] == "chosen" for o in free)
    lost = {o["strategy"] for o in links["cloud killed"] if o["failure"]}
    assert lost == {"upload", "split", "auto-remote"}
    assert all(o["after_kill"] for o in links["cloud killed"] if o["failure"])
    (rescued,) = (o for o in links["cloud killed"] if o["strategy"] == "split-or-local" and o["after_kill"])
    assert rescued["route"] == "local"
    assert rescued["note"]
    agent = figures["agent"]
    assert {route.partition("@")[0] for route in agent["answers"]} >= {"split"}
    assert agent["gated"] > 0
    assert agent["delivered"] > 0
    assert {event["event"] for event in agent["events"]} == {"square", "other"}
    assert agent["reply"]["answer"] == "1"
    assert "An agent, day and night" in (tmp_path / "demo" / "report.html").read_text()
    fleet = figures["fleet"]
    assert sorted(device["real"] for device in fleet["devices"]) == [False, False, False, True]
    assert {device["after"] for device in fleet["devices"]} == {fleet["cut"]} != {fleet["bad_cut"]}
    assert {device["in_the_end"] for device in fleet["devices"]} == {fleet["cut"]}
    assert fleet["rollout"][-1]["status"] == "rolled back"
    assert set(fleet["failed"]) <= {device["name"] for device in fleet["devices"] if device["treated"]}
    assert "A fleet, and its operator" in (tmp_path / "demo" / "report.html").read_text()
