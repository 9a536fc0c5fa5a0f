"""What a device decides and learns, without sockets and by a clock that the tests turn."""

import pytest

from edge.costs.device_times import DeviceTimes
from edge.link.link import Link
from edge.policy.decision import Decision, Request
from edge.policy.router import NETWORK_SECONDS, Failure, Router
from protos import inference_pb2 as pb
from protos.arms.rules import Rules
from protos.bundle import Bundle
from protos.costs.profile import DeviceProfile
from protos.errors import CloudBusy, DeadlineError, RequestError

SPLIT = Rules(route="split@connector/int8-zstd")
MAX_TOKENS = 16


def router(bundle: Bundle, link: Link | None = None, *, remote: bool = True) -> Router:
    times = DeviceTimes(DeviceProfile.from_bundle(bundle))
    return Router(bundle.manifest, bundle.measurements, times, link or Link(bundle), remote=remote)


def split(route: Router, deadline_ms: float | None = None) -> Decision:
    return route.decide(Request(Rules(deadline_ms=deadline_ms, route=SPLIT.route)), now=0.0)


def patience(
    route: Router, decision: Decision, deadline_ms: float | None, spent_ms: float, local_ms: float | None
) -> float:
    rules = Rules(deadline_ms=deadline_ms)
    return route.patience(decision, rules, spent_ms, 0.0, max_tokens=MAX_TOKENS, local_ms=local_ms)


def test_without_a_cloud_every_arm_is_on_the_device(bundle: Bundle) -> None:
    decision = router(bundle, remote=False).decide(Request(), now=0.0)
    assert [predicted.arm.name for predicted in decision.arms] == ["local"]


def test_what_is_learned_decides_the_next_request(bundle: Bundle) -> None:
    route = router(bundle)
    before = split(route).chosen.network
    decision = split(route)
    for second in range(8):
        route.learn(decision, 1000, 900.0, pb.Done(tokens=1), now=float(second))
    after = route.decide(Request(SPLIT), now=8.0).chosen.network
    assert after > 2 * before


def test_a_call_may_take_what_the_deadline_leaves_less_a_local_answer(bundle: Bundle) -> None:
    route = router(bundle)
    decision = split(route, 5000.0)
    assert patience(route, decision, 5000.0, 1000.0, local_ms=500.0) == pytest.approx(3.5)
    assert patience(route, decision, 5000.0, 1000.0, local_ms=3999.0) == pytest.approx(4.0)


def test_without_a_local_answer_a_late_one_is_worth_waiting_for(bundle: Bundle) -> None:
    route = router(bundle)
    for spent in (1000.0, 5000.0, 9000.0):
        waited = patience(route, split(route, 5000.0), 5000.0, spent, local_ms=None)
        assert waited >= NETWORK_SECONDS


def test_where_nothing_is_in_time_a_call_is_not_waited_for_much_longer_than_usual(bundle: Bundle) -> None:
    route = router(bundle)
    decision = split(route, 5000.0)
    for second in range(8):
        route.learn(decision, 1000, 900.0, pb.Done(tokens=1), now=float(second))
    limit = 250.0
    waited = route.patience(
        split(route, limit), Rules(deadline_ms=limit), 0.0, 8.0, max_tokens=1, local_ms=400.0
    )
    assert 0.9 < waited < NETWORK_SECONDS / 1.5


def test_what_is_predicted_to_take_long_gets_the_time(bundle: Bundle) -> None:
    route = router(bundle)
    for second in range(8):
        route.learn(split(route), 3000, 11_500.0, pb.Done(tokens=1), now=12.0 * second)
    assert patience(route, split(route), None, 0.0, local_ms=None) > 12.0


def test_without_a_deadline_a_call_may_take_the_network_and_its_tokens(bundle: Bundle) -> None:
    route = router(bundle)
    token_ms = bundle.measurements.cloud_cost.token_milliseconds
    least = NETWORK_SECONDS + 2 * MAX_TOKENS * token_ms / 1000
    assert least <= patience(route, split(route), None, 0.0, local_ms=None) < 2 * least


@pytest.mark.parametrize(
    ("error", "waited", "replied", "up"),
    [
        (DeadlineError("no reply in time"), 300.0, False, True),
        (DeadlineError("no reply"), 1000 * NETWORK_SECONDS, False, False),
        (DeadlineError("half an answer"), 1000 * NETWORK_SECONDS, True, True),
        (CloudBusy("full"), 300.0, False, False),
        (RequestError("refused"), 300.0, False, True),
    ],
)
def test_a_failure_opens_the_breaker_unless_the_cloud_replied(
    bundle: Bundle, error: DeadlineError, waited: float, replied: bool, up: bool
) -> None:
    link = Link(bundle)
    route = router(bundle, link)
    decision = split(route)
    route.learn_failure(decision, Failure(error, 1000, waited, replied), now=0.0)
    assert link.snapshot(0.0).up == up


def test_a_cloud_that_answers_others_meanwhile_is_not_silent(bundle: Bundle) -> None:
    link = Link(bundle)
    route = router(bundle, link)
    late, decision = split(route), split(route)
    route.learn(decision, 1000, 50.0, pb.Done(tokens=1), now=5.0)
    failure = Failure(DeadlineError("no reply"), 1000, 1000 * NETWORK_SECONDS)
    route.learn_failure(late, failure, now=NETWORK_SECONDS)
    assert link.snapshot(NETWORK_SECONDS).up


def test_nothing_is_tried_while_a_call_is_under_way(bundle: Bundle) -> None:
    tried = {True: 0, False: 0}
    for busy in tried:
        route = router(bundle)
        if busy:
            route.begin(split(route), 1000, now=0.0)
        for second in range(1, 30):
            decision = route.decide(Request(Rules(allow_local=False)), now=0.1 * second)
            tried[busy] += decision.trial
    assert tried[True] == 0 < tried[False]


def test_the_accuracy_of_a_frame_is_that_of_what_was_sent(bundle: Bundle) -> None:
    route = router(bundle)
    decision = split(route)
    route.learn(decision, 1000, 50.0, pb.Done(frame=b"\xf1", tokens=1), now=0.0)
    assert route.cached_accuracy("f1") == decision.arm.accuracy
    route.forget_frame("f1")
    assert route.cached_accuracy("f1") == bundle.measurements.accuracy
