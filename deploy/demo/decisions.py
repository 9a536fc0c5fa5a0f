"""What was decided, and when that changed. Questions in a row that were answered in one way are a phase."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from statistics import median

from bench.rig.outcomes import AUTO, FALLBACK, REMOTE, Outcome
from deploy.demo.record import Record

NO_ANSWER = "not answered"
_DECIDING = (AUTO, REMOTE, FALLBACK)
_DETAILS = re.compile(
    r" \((?:[^()]|\([^()]*\))*\)"
)  # what a message has in brackets; the table of requests has it
_RULED_OUT = ("rule ", "route ")  # how a verdict begins where it was never a choice


@dataclass(frozen=True)
class Moment:
    """A question on a link, both counted from 1, and its outcome."""

    link: str
    number: int
    of: int
    outcome: Outcome

    @property
    def way(self) -> str:
        """How it was answered."""
        return self.outcome.way or NO_ANSWER


@dataclass(frozen=True)
class Phase:
    """Consecutive moments of a strategy that have the same way. `why` it began."""

    strategy: str
    way: str
    moments: Sequence[Moment]
    why: str

    @property
    def right(self) -> int:
        return sum(moment.outcome.right for moment in self.moments)

    @property
    def median_ms(self) -> float | None:
        """Milliseconds to the answer; None where there was none."""
        answered = [moment.outcome.milliseconds for moment in self.moments if not moment.outcome.failure]
        return median(answered) if answered else None

    @property
    def when(self) -> str:
        """From which question to which."""
        first, last = self.moments[0], self.moments[-1]
        if first.link != last.link:
            begin = first.link if first.number == 1 else f"{first.link}, question {first.number},"
            return f"{begin} to {last.link}{'' if last.number == last.of else f', question {last.number}'}"
        if len(self.moments) == last.of:
            return first.link
        one = len(self.moments) == 1
        return (
            f"{first.link}, question{'' if one else 's'} {first.number}{'' if one else f' to {last.number}'}"
        )


def decided(record: Record) -> list[list[Phase]]:
    """The phases of each strategy that decides, those first that changed most often."""
    found = [phases(record, strategy) for strategy in _DECIDING]
    return sorted(filter(None, found), key=len, reverse=True)


def phases(record: Record, strategy: str) -> list[Phase]:
    """The phases of a strategy over all links in their order."""
    found: list[Phase] = []
    for way, group in groupby(_moments(record, strategy), key=lambda moment: moment.way):
        moments = list(group)
        before = found[-1].way if found else ""
        found.append(Phase(strategy, way, moments, _why(moments[0].outcome, before)))
    return found


def _moments(record: Record, strategy: str) -> list[Moment]:
    return [
        Moment(run.name, number, len(own), outcome)
        for run in record.links
        for own in [[o for o in run.outcomes if o.strategy == strategy]]
        for number, outcome in enumerate(own, 1)
    ]


def _why(outcome: Outcome, before: str) -> str:
    """What failed, or why the way before lost, or how far the best of each other kind was behind."""
    if outcome.failure or outcome.note:
        return _DETAILS.sub("", outcome.failure or outcome.note)
    if before in outcome.verdicts:
        return f"{before}: {outcome.verdicts[before]}"
    return "; ".join(f"{arm}: {verdict}" for arm, verdict in _rivals(outcome))


def _rivals(outcome: Outcome) -> list[tuple[str, str]]:
    """The best arm of each kind that the way is not of."""
    best: dict[str, tuple[str, str]] = {}
    for arm, verdict in outcome.verdicts.items():
        if not verdict.startswith(_RULED_OUT):
            best.setdefault(_kind(arm), (arm, verdict))
    return [rival for kind, rival in best.items() if kind != _kind(outcome.way)]


def _kind(arm: str) -> str:
    return arm.partition("@")[0]
