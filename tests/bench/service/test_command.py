"""A device on a real service, for a moment; what figures mean, on plain values."""

import json
from pathlib import Path
from typing import Any

import pytest

import isthmus
from bench.service import kinds
from bench.service.crowd import FIRST, Group, TimedAnswer, Watched
from bench.service.goals import goals
from bench.service.results import (
    BOUND,
    ISTHMUS,
    PLAIN,
    SHARED,
    Measured,
    Row,
    Run,
    bound_of,
    measured_of,
    shared_bound,
)
from bench.service.traffic import BESIDE, BESIDE_ONE, closed_loop, open_loop
from bench.service.workloads import LONG, MIXED, UPLOAD, Workloads

WORKLOADS = Workloads(
    {name: Path(name) for name in ("vision.2", "connector", MIXED, UPLOAD, LONG)}, ["vision.2", "connector"]
)


@pytest.fixture(scope="module")
def figures(bundle_path: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    place = tmp_path_factory.mktemp("service") / "service.json"
    chosen = ["--only", "again", "--rounds", "1", "--duration", "500ms", "--tokens", "2"]
    assert isthmus.main(["bench", "service", "--bundle", str(bundle_path), *chosen, "-o", str(place)]) == 0
    found: dict[str, Any] = json.loads(place.read_text())
    return found


def test_frames_are_asked_about_twice(figures: dict[str, Any]) -> None:
    asked = {row["workload"]: row["measured"][0] for row in figures["rows"]}
    assert list(asked) == ["again: first", "again: again"]
    assert abs(asked["again: first"]["answers"] - asked["again: again"]["answers"]) <= 1
    for one in asked.values():
        assert (one["service"], one["failed"], one["first_failure"]) == (ISTHMUS, 0, "")
        assert 0 < one["tokens_per_second"] <= 2 * one["per_second"] * 1.01
        assert one["cpu_ms"] > 0
        assert one["resident_bytes"] > 100e6


def test_the_figures_say_what_they_are_held_to(figures: dict[str, Any]) -> None:
    (goal,) = figures["goals"]
    assert goal["reached"] is (goal["ratio"] <= 0.5)


def test_all_kinds_are_measured_unless_some_are_chosen() -> None:
    every = [one.workload for one in closed_loop(WORKLOADS, kinds.KINDS, [1, 4])]
    assert every == [
        *("features", "features", "upload", "upload"),
        *("cut vision.2", "cut connector", MIXED, "again", "short alone", BESIDE_ONE, BESIDE),
    ]
    assert not [one for kind in kinds.KINDS[:-1] for one in open_loop(WORKLOADS, [kind], 4, 10.0)]


def test_the_open_loop_asks_for_shares_of_what_was_answered() -> None:
    assert [one.workload for one in closed_loop(WORKLOADS, [kinds.OPEN], [1, 4])] == ["features"]
    asked = [one.reported for one in open_loop(WORKLOADS, [kinds.OPEN], 4, 10.0)]
    assert asked == [Group("connector", 4, rate=5.0), Group("connector", 4, rate=8.0)]


def test_of_short_beside_long_the_short_are_reported() -> None:
    *_, beside_one, beside = closed_loop(WORKLOADS, [kinds.BESIDE], [1])
    assert [(group.folder, group.devices) for group in beside_one.groups] == [(LONG, 1), ("connector", 1)]
    assert [(group.folder, group.devices) for group in beside.groups] == [(LONG, 16), ("connector", 1)]
    assert beside.reported.folder == "connector"


def test_figures_are_of_all_windows_and_failures_are_no_answers() -> None:
    samples = [TimedAnswer(FIRST, 5.0, 10.0 * (1 + index), 3) for index in range(4)]
    samples.append(TimedAnswer(FIRST, 0.0, 1.0, 0, "busy"))
    windows = [Watched(1.0, 7, 2.0, devices_cpu_seconds=0.3), Watched(2.0, 9, 2.0, devices_cpu_seconds=0.9)]
    measured = measured_of(ISTHMUS, samples, windows, answered=6)
    assert measured.devices_cpu_ms == pytest.approx(200.0)
    assert (measured.answers, measured.failed, measured.first_failure) == (4, 1, "busy")
    assert (measured.per_second, measured.tokens_per_second, measured.cpu_ms) == (1.0, 3.0, 500.0)
    assert (measured.resident_bytes, measured.p50, measured.p99) == (9, 20.0, 40.0)


def test_nothing_answered_has_no_latency() -> None:
    measured = measured_of(PLAIN, [], [Watched(1.0, 7, 2.0)], answered=0)
    assert (measured.per_second, measured.p50) == (0, None)


def test_the_bound_is_of_the_fastest_batch_over_all_its_runs() -> None:
    runs = [Run(1, 10, 20, 1.0, 1.0), Run(2, 30, 60, 1.0, 1.0), Run(2, 10, 20, 1.0, 1.0)]
    assert bound_of(runs).per_second == 20
    assert bound_of(runs).cpu_ms == 50


@pytest.mark.parametrize(("devices_cpu_ms", "per_second"), [(5.0, 100.0), (15.0, 80.0)])
def test_devices_take_from_the_bound_what_they_need_of_its_cores(
    devices_cpu_ms: float, per_second: float
) -> None:
    bound = Measured(BOUND, 1, 0, "", per_second=100.0, tokens_per_second=800.0, cpu_ms=10.0)
    shared = shared_bound(bound, devices_cpu_ms, cores=2)
    assert (shared.service, shared.per_second) == (SHARED, per_second)
    assert shared.tokens_per_second == 8 * per_second


@pytest.mark.parametrize(("ours", "reached"), [(90.0, True), (89.0, False)])
def test_a_goal_that_is_missed_says_so(ours: float, reached: bool) -> None:
    bound, isthmus_ = (
        Measured(name, 1, 0, "", speed, 1, 1) for name, speed in ((BOUND, 100), (ISTHMUS, ours))
    )
    (goal,) = goals([Row("features", 4, None, [bound, isthmus_])])
    assert goal.reached is reached
    assert str(goal).startswith("Reached" if reached else "MISSED")


def test_mixed_cuts_are_compared_with_the_same_requests_sorted() -> None:
    rows = [
        Row(name, 16, None, [Measured(ISTHMUS, 1, 0, "", speed, 1, 1)])
        for name, speed in (("cut vision.2", 20.0), ("cut connector", 60.0), (MIXED, 27.0))
    ]
    (goal,) = goals(rows)
    assert goal.ratio == pytest.approx(0.9)
