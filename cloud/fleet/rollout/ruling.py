"""What the evidence says: which guard is violated, and what is known to be as it should."""

from collections.abc import Iterator, Sequence
from math import expm1, log, sqrt
from typing import NamedTuple

from cloud.fleet.rollout.comparison import LOOKS
from cloud.fleet.rollout.plan import RolloutPlan
from cloud.fleet.rollout.state import RolloutState, Wager, evidence_key
from cloud.fleet.rollout.summary import MEASURES, allowance
from cloud.rollout.evidence import mean_evidence

_TOLD = 0.2  # of the blocks: a measure that fewer tell of need not be proven
_RATIOS = {"p95", "energy", "bytes"}  # whose effects are logarithms
_WORDS = {
    "silence": "devices that fell silent",
    "errors": "answers that fail",
    "p95": "P95 latency",
    "energy": "joules an answer",
    "bytes": "bytes an answer",
    "agreement": "answers that are not the whole model's",
    "self-test": "wrong answers in self-tests",
}


class GuardFinding(NamedTuple):
    """Of a guard: how much worse the treated are than the controls (with the half of a 95% interval), as a
    part, and how much of the evidence there is that is needed, 1 and more: it is known.
    """

    measure: str
    kind: str  # class; empty: all
    phase: int
    look: int
    blocks: int
    effect: float
    half: float
    harm: float
    health: float
    lost: int

    def __str__(self) -> str:
        whom = f" of class {self.kind}" if self.kind else ""
        return (
            f"{_WORDS[self.measure]}{whom}: {100 * self.effect:+.1f}% (±{100 * self.half:.1f}) against "
            f"{self.blocks} comparisons"
        )


def findings(plan: RolloutPlan, state: RolloutState, phase: int) -> Sequence[GuardFinding]:
    """What is known in a phase, a line a guard, class and look."""
    return list(_findings(plan, state, phase))


def violated(plan: RolloutPlan, state: RolloutState) -> GuardFinding | None:
    """A guard that is known to be violated. Where no worsening is beyond its bound, this is None for ever
    with a probability of 1 - alpha at least, whenever and however often it is asked: alpha is divided among
    measures, classes, phases and looks.
    """
    found = (finding for phase in range(len(plan.phases)) for finding in _findings(plan, state, phase))
    return max((one for one in found if one.harm >= 1), key=lambda one: one.harm, default=None)


def unproven(plan: RolloutPlan, state: RolloutState, phase: int) -> Sequence[str]:
    """The measures that are not known to be within their bounds in a phase. Of a rollout that is beyond a
    bound, this ever becomes empty with a probability of alpha at most.
    """
    pooled = [one for one in _findings(plan, state, phase) if not one.kind and one.measure != "silence"]
    blocks = max((one.blocks for one in pooled if one.measure == "errors"), default=0)
    told = {one.measure for one in pooled if one.blocks + one.lost >= max(_TOLD * blocks, 1)} | {"errors"}
    proven = {one.measure for one in pooled if one.health >= 1}
    judged = [measure for measure in MEASURES if allowance(measure, plan.guards) is not None]
    return [measure for measure in judged if measure in told - proven]


def _findings(plan: RolloutPlan, state: RolloutState, phase: int) -> Iterator[GuardFinding]:
    scopes = ["", *plan.kinds] if len(plan.kinds) > 1 else [""]
    judged = [measure for measure in MEASURES if allowance(measure, plan.guards) is not None]
    tests = len(judged) * len(scopes) * len(plan.phases)
    for measure in judged:
        for kind in scopes:
            for look in range(len(LOOKS)):
                if wager := state.evidence.get(evidence_key(measure, kind, phase, look)):
                    yield _finding(plan, (measure, kind, phase, look), wager, tests)


def _finding(plan: RolloutPlan, key: tuple[str, str, int, int], wager: Wager, tests: int) -> GuardFinding:
    measure, blocks = key[0], wager.blocks
    alpha = plan.alpha / ((key[3] + 1) * (key[3] + 2))  # these parts of it are 1 in all
    mean = wager.total / blocks if blocks else 0.0
    spread = max(wager.squares / blocks - mean**2, 0.0) if blocks else 0.0
    half = 1.96 * sqrt(spread / blocks) if blocks else 0.0
    if measure in _RATIOS:
        mean, half = expm1(mean), half * (1 + expm1(mean))
    harm, health = (float(mean_evidence(bets)) if blocks else 0.0 for bets in (wager.harm, wager.health))
    return GuardFinding(
        *key, blocks, mean, half, harm / log(tests / alpha), health / log(1 / alpha), wager.lost
    )
