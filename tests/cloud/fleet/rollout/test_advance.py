"""A rollout, step by step, over fleets of plain values."""

import msgspec
import pytest

from cloud.fleet.rollout.changes import abort, pause, resume
from cloud.fleet.rollout.plan import Guards, Member, RolloutPlan
from cloud.fleet.rollout.state import RolloutState, RolloutStatus, Standing
from cloud.fleet.rollout.summary import Span, Summary
from cloud.rollout.canary import Verdict
from protos.errors import RequestError
from tests.cloud.fleet.rollout.fleet import HEALTH, USUAL, Fleet, as_usual, p95_of, plan_of, with_p95

ENDED = (RolloutStatus.DONE, RolloutStatus.ROLLED_BACK)


def slower(span: Span, treated: bool) -> Summary:
    usual = as_usual(span, treated)
    return with_p95(usual, p95_of(usual) * (1.5 if treated else 1.0))


def faster(span: Span, treated: bool) -> Summary:
    usual = as_usual(span, treated)
    return with_p95(usual, p95_of(usual) * (0.8 if treated else 1.0))


def test_it_begins_with_one_device_and_waits_for_its_health() -> None:
    fleet = Fleet(plan_of(300))
    assert len(fleet.step().treat) == 1
    held = fleet.step()
    assert (held.verdict, held.treat) == (Verdict.HOLD, [])
    grown = fleet.until(lambda step: bool(step.treat))
    assert fleet.now >= HEALTH
    assert len(grown.treat) == 2  # 1% of 300, with the one before


def test_a_harmless_change_reaches_all_and_the_control_group_last() -> None:
    fleet = Fleet(plan_of(400, guards=Guards(energy=None, bytes=None, accuracy=None)), told=faster)
    control = {member.device for member in fleet.plan.cohort[-20:]}
    fleet.until(lambda step: len(step.state.treated) == 380, 4000)
    assert not control & fleet.treated
    done = fleet.until(lambda step: step.state.status in ENDED, 4000)
    assert done.state.status is RolloutStatus.DONE
    assert len(fleet.treated) == 400


def test_a_harmful_change_is_rolled_back_everywhere_in_one_step() -> None:
    fleet = Fleet(plan_of(400), told=slower)
    last = fleet.until(lambda step: step.state.status in ENDED, 4000)
    assert last.verdict is Verdict.ROLL_BACK
    assert "P95" in last.reason
    assert set(last.restore) == set(last.state.treated)
    assert len(last.state.treated) <= 40, "no more than a tenth had it"
    again = fleet.step()
    assert (again.treat, again.restore) == ((), ())


def test_what_is_not_known_is_not_advanced() -> None:
    fleet = Fleet(plan_of(400), told=lambda span, _: USUAL if span.start <= 0 else Summary())
    for _ in range(300):
        step = fleet.step()
    assert step.verdict is Verdict.HOLD
    assert "no data" in step.reason
    assert len(fleet.treated) == 1


def test_beyond_a_tenth_nothing_goes_without_proof_unless_an_operator_says_so() -> None:
    fleet = Fleet(plan_of(20))  # too few to prove anything
    for _ in range(400):
        step = fleet.step()
    assert "not known to be within its bound" in step.reason
    assert len(fleet.treated) == 2
    fleet.state = resume(fleet.state, unproven=True)
    fleet.until(lambda step: len(step.state.treated) == 10)
    assert not fleet.state.unproven, "it was for one phase"


def test_a_device_that_is_offline_is_replaced_and_counted() -> None:
    fleet = Fleet(plan_of(300))
    (first,) = fleet.step().treat
    fleet.offline.add(first)
    (second,) = fleet.until(lambda step: bool(step.treat)).treat
    assert fleet.state.treated[first].standing is Standing.OFFLINE
    assert fleet.state.treated[second].standing is Standing.COMMANDED


def test_silence_counts_as_failure_and_holds() -> None:
    fleet = Fleet(plan_of(300))
    (first,) = fleet.step().treat
    fleet.step()
    fleet.offline.add(first)
    fleet.until(lambda step: step.state.treated[first].standing is Standing.SILENT)
    assert fleet.state.failed == 1
    assert fleet.step(10 * HEALTH).verdict is Verdict.HOLD


def test_more_failed_devices_than_allowed_roll_it_back() -> None:
    fleet = Fleet(plan_of(4, max_failed=1))
    (first,) = fleet.step().treat
    fleet.offline.add(first)
    last = fleet.until(lambda step: step.state.status in ENDED)
    assert last.state.status is RolloutStatus.ROLLED_BACK
    assert set(last.restore) == set(last.state.treated) >= {first}


def test_refusals_are_told_apart_and_are_no_failures() -> None:
    plan = plan_of(300)
    fleet = Fleet(plan, refusing={plan.cohort[0].device})
    fleet.step()
    fleet.step()
    refused = fleet.state.treated[plan.cohort[0].device]
    assert (refused.standing, refused.reason) == (Standing.REFUSED, "no such cut")
    assert len(fleet.state.treated) == 2
    assert fleet.state.failed == 0


def test_what_a_device_tried_and_took_back_is_a_failure() -> None:
    plan = plan_of(300, max_failed=1)
    fleet = Fleet(plan, refusing={plan.cohort[0].device}, trying=True)
    fleet.step()
    last = fleet.step()
    assert last.state.status is RolloutStatus.ROLLED_BACK
    assert last.state.treated[plan.cohort[0].device].standing is Standing.TAKEN_BACK


def test_paused_it_treats_nobody_and_still_guards() -> None:
    fleet = Fleet(plan_of(400), told=slower)
    fleet.until(lambda step: len(step.state.treated) == 4)
    fleet.state = pause(fleet.state)
    last = fleet.until(lambda step: step.state.status in ENDED)
    assert last.state.status is RolloutStatus.ROLLED_BACK
    assert len(last.state.treated) == 4


def test_aborted_it_restores_all_and_what_has_ended_is_left_alone() -> None:
    fleet = Fleet(plan_of(300))
    (first,) = fleet.step().treat
    step = abort(fleet.state, "not today")
    assert step.restore == [first]
    for change in (pause, resume):
        with pytest.raises(RequestError, match="aborted"):
            change(step.state)


def test_it_goes_on_from_its_written_state() -> None:
    fleet = Fleet(plan_of(300), told=slower)
    for _ in range(25):
        fleet.step()
    text = msgspec.json.encode(fleet.state)
    assert msgspec.json.decode(text, type=RolloutState) == fleet.state


def test_no_more_devices_a_minute_than_the_rate() -> None:
    fleet = Fleet(plan_of(300, phases=(0.5, 1.0), per_minute=6.0))
    commanded = [len(fleet.step().treat) for _ in range(10)]
    assert max(commanded) <= 6


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"phases": (0.5, 0.1)}, "growing"),
        ({"control": 0.9}, "control"),
        ({"cohort": ()}, "no device"),
        ({"alpha": 0.0}, "alpha"),
    ],
)
def test_a_plan_that_is_none_is_refused(fields: dict[str, object], said: str) -> None:
    with pytest.raises(RequestError, match=said):
        RolloutPlan(**{"cohort": (Member("d", "k"),), **fields})  # type: ignore[arg-type]


def test_a_guards_bound_is_checked() -> None:
    with pytest.raises(RequestError, match="guard p95"):
        Guards(p95=2.0)
