"""What a window tells of answers, and what it never does."""

from dataclasses import replace

import numpy as np
import pytest

from edge.agent.fleet.window import ArmKey, Counts, Readings, Window, told_window
from edge.agent.observing.standing_answer import StandingAnswer
from edge.agent.sources.frame import Frame
from edge.policy.decision import Decision, Predicted
from edge.requests.answer import Answer
from protos import fleet_pb2 as pb
from protos.arms.kinds.split import SplitArm
from protos.costs.estimates import LinkEstimate
from protos.fleet.messages import from_json, max_bytes
from protos.fleet.sketch import sketch_of

PREDICTED = Predicted(
    SplitArm("vision.4", "vq"),
    head=0.0,
    encode=0.0,
    network=0.0,
    queue=0.0,
    cloud=0.0,
    generate=0.0,
    total_ms=50.0,
    bytes_up=0,
    accuracy=0,
    score=0,
)
ANSWER = Answer(
    text="a secret",
    route="split@vision.4/vq",
    decision=Decision(replace(PREDICTED, cloud_name="near"), ()),
    payload_bytes=900,
    bytes_up=1000,
    tokens=3,
    stages={"head": 20.0, "total": 100.0},
    fallback=None,
    late=False,
    joules=0.5,
    energy_source="RAPL",
    frame="",
)


def seen(answer: Answer = ANSWER, **more: object) -> StandingAnswer:
    frame = Frame("gate", 1, 0.0, np.zeros((2, 2, 3), np.uint8))
    return StandingAnswer(frame, "is it a secret?", answer.text, answer, **more)  # type: ignore[arg-type]


def told(*answers: StandingAnswer, **links: LinkEstimate) -> pb.Telemetry:
    window = Window(1000.0, Counts(gated=3, failed={"UNAVAILABLE": 1}, busy_seconds=2.0))
    for answer in answers:
        window.add(answer)
    counts = Counts(gated=5, dropped=1, failed={"UNAVAILABLE": 3, "CANCELLED": 1}, busy_seconds=2.5)
    return window.message(1030.0, counts, Readings(temperature=51.5, waiting=2), links)


def test_answers_add_up_by_the_way_that_they_came() -> None:
    local = replace(ANSWER, route="local", bytes_up=0, fallback="the cloud is away")
    found = told(seen(), seen(replace(ANSWER, stages={"total": 300.0})), seen(local))
    split, alone, *failed = found.arms
    assert (split.route, split.cut, split.codec, split.cloud) == ("split", "vision.4", "vq", "near")
    assert (split.status, split.count, split.bytes_up, split.joules) == ("OK", 2, 2000, 1.0)
    times = sketch_of([split.milliseconds])
    assert (times.count, times.mean) == (2, 200)
    assert sketch_of([split.surprise]).quantile(0) == pytest.approx(2.0, rel=0.01)
    assert (alone.route, alone.cloud, alone.count, sketch_of([alone.surprise]).count) == ("local", "", 1, 0)
    assert {arm.status: arm.count for arm in failed} == {"UNAVAILABLE": 2, "CANCELLED": 1}
    assert sketch_of([found.stages["head"]]).count == 2
    assert (found.milliseconds, found.start.seconds, found.energy_source) == (30_000, 1000, "RAPL")
    assert (found.gated, found.dropped, found.busy_seconds, found.waiting) == (2, 1, 0.5, 2)
    assert (found.temperature, found.HasField("battery")) == (51.5, False)


@pytest.mark.parametrize(
    ("route", "key"),
    [
        ("split@vision.4/vq", ("split", "vision.4", "vq")),
        ("upload@jpeg-75", ("upload", "", "jpeg-75")),
        ("cascade@30%", ("cascade", "", "30%")),
        ("cached", ("cached", "", "")),
        ("local", ("local", "", "")),
    ],
)
def test_a_route_is_told_in_its_parts(route: str, key: tuple[str, str, str]) -> None:
    assert ArmKey.of(seen(replace(ANSWER, route=route)))[:3] == key


def test_what_was_compared_is_counted_where_the_answer_came_by_also_without_answers() -> None:
    window = Window(1000.0, Counts())
    window.compare(seen(), agreed=True, bytes_up=4000)
    window.compare(seen(), agreed=False, bytes_up=5000)
    found = window.message(1030.0, Counts(), Readings(), {})
    (arm,) = found.arms
    assert (arm.cut, arm.codec, arm.count, arm.compared, arm.agreed) == ("vision.4", "vq", 0, 2, 1)
    assert (found.compared_bytes, arm.bytes_up) == (9000, 0)


def test_a_meter_that_says_no_number_adds_nothing() -> None:
    odd = replace(ANSWER, joules=float("nan"), stages={"head": float("inf"), "total": float("nan")})
    arm = told(seen(odd)).arms[0]
    assert (arm.count, arm.joules, sketch_of([arm.milliseconds]).count) == (1, 0.0, 0)


def test_what_nothing_was_asked_for_is_no_answer() -> None:
    assert [arm.status for arm in told(seen(asked=False)).arms] == ["UNAVAILABLE", "CANCELLED"]


def test_links_are_told_as_they_are_believed_to_be() -> None:
    (link,) = told(near=LinkEstimate.steady(8e6, 20.0)).links
    assert (link.cloud, link.round_trip_milliseconds, link.down) == ("near", 20, False)
    assert link.uplink_bits_per_second == pytest.approx(8e6)
    assert link.uplink_doubt == 0


def test_content_is_never_told() -> None:
    assert b"secret" not in told_window(told(seen()))


def test_more_ways_than_a_message_holds_are_told_as_others_and_without_quantiles() -> None:
    chance = np.random.default_rng(1)
    answers = [
        seen(replace(ANSWER, route=f"split@vision.{cut}/vq", stages={"total": float(chance.lognormal(5, 3))}))
        for cut in range(100)
        for _ in range(60)
    ]
    found = told(*answers)
    assert len(found.arms) == 64 + 1 + 2
    data = told_window(found)
    assert len(data) <= max_bytes(pb.Telemetry)
    arms = from_json(pb.Telemetry, data).arms
    assert sum(arm.count for arm in arms if arm.status == "OK") == len(answers)
