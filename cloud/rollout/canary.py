"""The verdict on a candidate: advance, hold or roll back."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

import numpy as np

from cloud.rollout.evidence import LogEvidence, rate_above, rate_below, rise_below, shift_above
from cloud.rollout.tally import Sums
from protos.errors import RequestError


class Verdict(Enum):
    """Without evidence it is HOLD."""

    ADVANCE = "advance"
    HOLD = "hold"
    ROLL_BACK = "roll back"


@dataclass(frozen=True)
class Bounds:
    """What a candidate may be worse by. Raises RequestError for a value that is none."""

    slowdown: float = 0.05  # of the time of an answer, as a part of it
    failures: float = 0.02  # more requests that fail, as a part of all
    changed: float | None = None  # answers that are not the same text, as a part of all; None: not judged
    alpha: float = 0.01  # how often, at most, a verdict other than HOLD is wrong

    def __post_init__(self) -> None:
        for name, value, least in (
            ("slowdown", self.slowdown, 0.0),
            ("failures", self.failures, 0.001),
            ("changed answers", 0.5 if self.changed is None else self.changed, 0.001),
            ("alpha", self.alpha, 1e-6),
        ):
            if not least <= value <= 0.99:
                raise RequestError(f"the bound of {name} is {100 * value:g}%; give {100 * least:g}% to 99%")

    @property
    def log_slowdown(self) -> float:
        return math.log1p(self.slowdown)


class Finding(NamedTuple):
    """What is known of one measure, as log e-values."""

    measure: str
    harm: LogEvidence  # that it is worse than it may be
    health: LogEvidence  # that it is not


@dataclass(frozen=True)
class Judgement:
    """A verdict, and what it rests on."""

    verdict: Verdict
    findings: Sequence[Finding]


def judge(sums: Sums, bounds: Bounds) -> Judgement:
    """Roll back once any measure is known to be worse than it may be, advance once all are known not to be.

    A harmless candidate is rolled back with a probability of `alpha` at most, whenever and however often this
    is asked; a harmful one advances with a probability of `alpha` at most.
    """
    findings = findings_of(sums, bounds)
    verdict = Verdict.HOLD
    if any(found.harm >= harm_needed(bounds) for found in findings):
        verdict = Verdict.ROLL_BACK
    elif all(found.health >= health_needed(bounds) for found in findings):
        verdict = Verdict.ADVANCE
    return Judgement(verdict, findings)


def harm_needed(bounds: Bounds) -> float:
    """Where the harm in one measure is known: any of them may be it, so alpha is divided among them."""
    return math.log((2 + (bounds.changed is not None)) / bounds.alpha)


def health_needed(bounds: Bounds) -> float:
    """Where one measure is known to be as it should: all have to be, so nothing is divided."""
    return math.log(1 / bounds.alpha)


def findings_of(sums: Sums, bounds: Bounds) -> list[Finding]:
    """What is known of each measure. More failures are harm; times and answers are where they pass the
    bound.
    """
    alone = np.add(sums.candidate_failed, sums.stable_failed)
    findings = [
        Finding(
            "failures",
            rate_above(sums.candidate_failed, alone, 0.5),
            rise_below(sums.candidate_failed, sums.stable_failed, sums.pairs, bounds.failures),
        ),
        Finding(
            "time",
            shift_above(sums.slower, sums.slower_squares),
            shift_above(np.negative(sums.slower), sums.slower_squares),
        ),
    ]
    if bounds.changed is not None:
        counts = sums.changed, sums.answered, bounds.changed
        findings.append(Finding("answers", rate_above(*counts), rate_below(*counts)))
    return findings
