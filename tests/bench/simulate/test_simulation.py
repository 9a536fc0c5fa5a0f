"""Whole runs whose every instant can be reckoned by hand, and what holds for any."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from bench.simulate.measure import policy_kinds
from bench.simulate.pending import Served
from bench.simulate.policies.fixed import BestFixedPolicy, LocalPolicy, UploadPolicy
from bench.simulate.policies.isthmus import IsthmusPolicy
from bench.simulate.policies.oracle import DeadlineOraclePolicy, OraclePolicy
from bench.simulate.policy import DecisionPolicy
from bench.simulate.requests import Arrival, Demand, arrivals
from bench.simulate.scenario import UNANSWERED_MS, Scenario, slower
from bench.simulate.simulation import Simulation
from protos.arms.arm import Arm
from protos.arms.rules import Rules
from protos.costs.weights import Weights
from tests.bench.simulate.worlds import GAPS, STEP, scenario

LOCAL_MS = 40 + 100 + 7 * 10  # head, prompt with its first token, seven tokens
UPLOAD_MS = 2 + 3 + 20 + 5 + 7 * 3  # coder, three packets, picture, prompt, tokens


def run(kind: type[DecisionPolicy], given: Scenario, asked: Sequence[Arrival]) -> list[Served]:
    return Simulation(given, kind.candidates(given)[0]).run(asked)


def at(*instants: float) -> list[Arrival]:
    return [Arrival(number, instant, tokens=8) for number, instant in enumerate(instants)]


def times(served: Sequence[Served]) -> list[float]:
    return [one.total_ms for one in served]


def test_an_upload_takes_coder_link_and_cloud(tmp_path: Path) -> None:
    (served,) = run(UploadPolicy, scenario(tmp_path), at(0.0))
    assert served.total_ms == pytest.approx(UPLOAD_MS)
    assert (served.answered, served.bytes_up) == ("upload@jpeg-75", 4500)
    assert served.score == pytest.approx(UPLOAD_MS + 50 * 0.5)  # half a point is lost


def test_energy_is_of_the_devices_work_and_of_what_it_sends(tmp_path: Path) -> None:
    (sent,) = run(UploadPolicy, scenario(tmp_path), at(0.0))
    (here,) = run(LocalPolicy, scenario(tmp_path), at(0.0))
    assert sent.joules == pytest.approx(2 * 0.002 + 3.5 * 4500 / 1e6)
    assert here.joules == pytest.approx(2 * LOCAL_MS / 1000)


def test_an_operator_who_pays_for_joules_or_bytes_is_scored_by_them(tmp_path: Path) -> None:
    given = scenario(tmp_path, weights=Weights(joule=1000.0, kilobyte=10.0))
    (sent,) = run(UploadPolicy, given, at(0.0))
    assert sent.score == pytest.approx(UPLOAD_MS + 50 * 0.5 + 1000 * sent.joules + 10 * 4.5)
    cheap = run(OraclePolicy, scenario(tmp_path, weights=Weights(joule=100_000.0)), at(0.0))
    assert (
        cheap[0].joules
        < run(OraclePolicy, scenario(tmp_path, weights=Weights(kilobyte=1e4)), at(0.0))[0].joules
    )


def test_the_round_trip_comes_on_top(tmp_path: Path) -> None:
    (served,) = run(UploadPolicy, scenario(tmp_path, round_trip=0.05), at(0.0))
    assert served.total_ms == pytest.approx(UPLOAD_MS + 50)


def test_answers_on_the_device_wait_for_its_processor(tmp_path: Path) -> None:
    served = run(LocalPolicy, scenario(tmp_path), at(0.0, 0.1))
    assert times(served) == pytest.approx([LOCAL_MS, 2 * LOCAL_MS - 100])


def test_the_clouds_servers_have_one_queue(tmp_path: Path) -> None:
    one = run(UploadPolicy, scenario(tmp_path, servers=1), at(0.0, 0.0))
    two = run(UploadPolicy, scenario(tmp_path, servers=2), at(0.0, 0.0))
    assert times(one) == pytest.approx([UPLOAD_MS, UPLOAD_MS + 46])
    assert times(two) == pytest.approx([UPLOAD_MS, UPLOAD_MS + 3])  # behind on the link alone


def test_a_call_that_is_given_up_is_answered_on_the_device(tmp_path: Path) -> None:
    given = scenario(tmp_path, STEP, offset=2.0, rules=Rules(deadline_ms=1000))
    (served,) = run(UploadPolicy, given, at(0.0))
    assert served.answered == "local"
    expected_ms = 40 + 100 + 8 * 10  # the call has what this leaves of the deadline; a token comes sooner
    assert served.total_ms == pytest.approx(1000 - expected_ms + LOCAL_MS)
    assert served.bytes_up == 0


def test_without_a_local_answer_a_call_that_outlasts_its_limit_is_not_answered(tmp_path: Path) -> None:
    given = scenario(tmp_path, replace(STEP, milliseconds=(1, 200_000)), rules=Rules(allow_local=False))
    (served,) = run(UploadPolicy, given, at(0.5))
    assert (served.answered, served.bytes_up) == ("", 0)
    assert served.total_ms >= UNANSWERED_MS


def test_with_one_in_flight_a_request_waits_for_the_one_before(tmp_path: Path) -> None:
    served = run(UploadPolicy, scenario(tmp_path, in_flight=1), at(0.0, 0.0))
    assert times(served) == pytest.approx([UPLOAD_MS, 2 * UPLOAD_MS])


class CascadePolicy(BestFixedPolicy):
    """The cascade, always."""

    @classmethod
    def among(cls, scenario: Scenario) -> Iterable[Arm]:
        return [arm for arm in scenario.arms if arm.local_first]


def test_the_cloud_is_asked_about_the_least_sure_of_local_answers(tmp_path: Path) -> None:
    asked = [replace(at(0.0)[0], sureness=0.4), replace(at(1.0)[0], number=1, sureness=0.2)]
    sure, unsure = run(CascadePolicy, scenario(tmp_path, calibrated=True), asked)
    assert (sure.answered, sure.bytes_up) == ("cascade@30%", 0)
    assert sure.total_ms == pytest.approx(LOCAL_MS)
    # coder, a packet, the cut's tail, prompt, tokens
    assert unsure.total_ms == pytest.approx(LOCAL_MS + 2 + 1 + 1 + 5 + 7 * 3)
    assert (unsure.answered, unsure.bytes_up) == ("cascade@30%", 1000)


def test_an_escalation_that_brings_nothing_leaves_the_local_answer(tmp_path: Path) -> None:
    given = scenario(tmp_path, replace(STEP, milliseconds=(1, 200_000)), calibrated=True)
    (served,) = run(CascadePolicy, given, [replace(at(0.5)[0], sureness=0.1)])
    assert (served.answered, served.chosen) == ("local", "cascade@30%")
    assert served.total_ms > 10 * LOCAL_MS


def test_noise_is_a_requests_own(tmp_path: Path) -> None:
    given = scenario(tmp_path)
    (served,) = run(LocalPolicy, given, [Arrival(0, 0.0, tokens=8, device=2.0)])
    assert served.total_ms == pytest.approx(2 * LOCAL_MS)


@pytest.mark.parametrize("kind", policy_kinds(), ids=lambda kind: kind.name)
@pytest.mark.parametrize("allow_local", [True, False])
def test_every_policy_ends_every_request_and_repeats_itself(
    tmp_path: Path, kind: type[DecisionPolicy], allow_local: bool
) -> None:
    rules = Rules(deadline_ms=300, allow_local=allow_local)
    given = scenario(tmp_path, STEP, rules=rules, round_trip=0.02, calibrated=True)
    asked = arrivals(Demand(rate=5, seconds=20, noise=0.2, seed=3))
    for policy, again in zip(kind.candidates(given), kind.candidates(given), strict=True):
        served = Simulation(given, policy).run(asked)
        assert [one.at for one in served] == [one.at for one in asked]
        assert served == Simulation(given, again).run(asked)


@pytest.mark.parametrize("kind", policy_kinds(), ids=lambda kind: kind.name)
def test_the_bytes_that_requests_count_are_those_that_the_link_carried(
    tmp_path: Path, kind: type[DecisionPolicy]
) -> None:
    given = scenario(tmp_path, STEP, rules=Rules(deadline_ms=300))
    asked = arrivals(Demand(rate=20, seconds=10))
    for policy in kind.candidates(given):
        simulation = Simulation(given, policy)
        served = simulation.run(asked)
        assert simulation.uplink.carried == pytest.approx(sum(one.bytes_up for one in served))


@pytest.mark.parametrize("kind", policy_kinds(), ids=lambda kind: kind.name)
@pytest.mark.parametrize("allow_local", [True, False])
def test_where_requests_do_not_overlap_nobody_is_better_than_the_oracle(
    tmp_path: Path, kind: type[DecisionPolicy], allow_local: bool
) -> None:
    given = scenario(tmp_path, STEP, rules=Rules(allow_local=allow_local), round_trip=0.02, calibrated=True)
    asked = arrivals(Demand(rate=0.07, seconds=2000, periodic=True, noise=0.2))
    best = run(OraclePolicy, given, asked)
    for policy in kind.candidates(given):
        served = Simulation(given, policy).run(asked)
        for mine, others in zip(best, served, strict=True):
            assert mine.score <= others.score + 1e-6


@pytest.mark.parametrize("kind", policy_kinds(), ids=lambda kind: kind.name)
def test_where_requests_do_not_overlap_nobody_misses_less_than_the_oracle_of_deadlines(
    tmp_path: Path, kind: type[DecisionPolicy]
) -> None:
    given = scenario(tmp_path, STEP, rules=Rules(deadline_ms=60), round_trip=0.02)
    asked = arrivals(Demand(rate=0.07, seconds=2000, periodic=True, noise=0.2))

    def misses(served: Sequence[Served]) -> int:
        return sum(one.total_ms > 60 or not one.answered for one in served)

    least = misses(run(DeadlineOraclePolicy, given, asked))
    assert 0 < least < len(asked)
    assert all(misses(Simulation(given, policy).run(asked)) >= least for policy in kind.candidates(given))


def test_the_device_learns_of_a_link_that_it_did_not_expect(tmp_path: Path) -> None:
    """Its own code decides: on a slow link it soon sends no large pictures."""
    plain = scenario(tmp_path, replace(STEP, milliseconds=tuple(range(100, 10_001, 100))))
    given = replace(plain, device=slower(plain.device, 4), rules=Rules(allow_local=False))
    asked = at(*range(0, 60, 3))
    served = run(IsthmusPolicy, given, asked)
    assert {one.chosen for one in served[3:]} <= {"split@connector/fitted-1", "upload@jpeg-75"}
    assert sum(one.chosen == "split@connector/fitted-1" for one in served) >= 5
    assert {one.chosen for one in run(OraclePolicy, given, asked)} == {"split@connector/fitted-1"}


def test_the_best_fixed_arm_is_among_its_candidates(tmp_path: Path) -> None:
    keys = {policy.key for policy in BestFixedPolicy.candidates(scenario(tmp_path))}
    assert {"local", "split@connector/fitted-1", "upload@jpeg-75"} <= keys


def test_short_outages_do_not_make_a_slow_device_work_more_than_it_can(tmp_path: Path) -> None:
    """To take each for a long one would send all to the head, which takes longer than requests are apart."""
    given = scenario(tmp_path, GAPS, rules=Rules(allow_local=False), round_trip=0.05)
    given = replace(given, device=slower(given.device, 8))
    asked = arrivals(Demand(rate=5, seconds=60, max_tokens=32))
    best = min(sum(times(Simulation(given, one).run(asked))) for one in BestFixedPolicy.candidates(given))
    assert sum(times(run(IsthmusPolicy, given, asked))) < 1.1 * best
