"""Treated devices against their blocks: what is to be looked at, and the evidence in it."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from cloud.fleet.rollout.plan import RolloutPlan
from cloud.fleet.rollout.state import RolloutState, Standing, Treated, Wager, evidence_key
from cloud.fleet.rollout.summary import Change, Span, Summary, allowance, changes_of
from cloud.rollout.evidence import LogEvidence, rank_bets

LOOKS = (
    0.5,
    1.0,
    2.0,
    4.0,
    8.0,
    16.0,
)  # a device is looked at, in health windows since its settings ought to be there
FULL = 1  # the look by which one whole health window has passed

Summaries = Mapping[Span, Summary]
_bets = cache(rank_bets)


class _Scored(NamedTuple):
    """A block, by a measure. How many of its controls are better than the treated device, less what is
    allowed, as good, and worse; and how much worse it is than their mean. `lost`: it does not tell any more.
    """

    below: int = 0
    equal: int = 0
    above: int = 0
    effect: float = 0.0
    lost: bool = False


class _Compared(NamedTuple):
    """The members of a block that a look compares, the treated one first."""

    name: str
    spans: Sequence[tuple[Span, Span]]


def due_spans(plan: RolloutPlan, state: RolloutState, now: float) -> set[Span]:
    """What has to be known to take the looks that are due."""
    return {
        span
        for name in _due(plan, state, now)
        for spans in _compared(plan, state, name).spans
        for span in spans
    }


def look(plan: RolloutPlan, state: RolloutState, summaries: Summaries, now: float) -> RolloutState:
    """With the evidence of the looks that are due and whose spans are known. Every look at a device has
    evidence of its own, since what a device did before and after it are no independent trials.
    """
    compared = [_compared(plan, state, name) for name in _due(plan, state, now)]
    compared = [one for one in compared if one.spans[0][1] in summaries]
    if not compared:
        return state
    kinds = {member.device: member.kind for member in plan.cohort}
    found: defaultdict[str, list[_Scored]] = defaultdict(list)
    for name, measure, scored in _scored(plan, compared, summaries):
        for kind in ("", kinds[name]):
            key = evidence_key(measure, kind, state.treated[name].phase, state.blocks[name].looks)
            found[key].append(scored)
    evidence = {key: _grown(state.evidence.get(key, Wager()), of) for key, of in found.items()}
    taken = {
        one.name: msgspec.structs.replace(state.blocks[one.name], looks=state.blocks[one.name].looks + 1)
        for one in compared
    }
    return msgspec.structs.replace(
        state, blocks={**state.blocks, **taken}, evidence={**state.evidence, **evidence}
    )


def _due(plan: RolloutPlan, state: RolloutState, now: float) -> Iterator[str]:
    for name, block in state.blocks.items():
        if block.looks >= len(LOOKS) or state.treated[name].standing is Standing.REFUSED:
            continue
        if block.since + LOOKS[block.looks] * plan.health <= now:
            yield name


def _compared(plan: RolloutPlan, state: RolloutState, name: str) -> _Compared:
    """Before the treated device was told, and once its settings ought to be there: alike for a block. A
    control that was treated meanwhile is none.
    """
    device, block = state.treated[name], state.blocks[name]
    begin, end = device.at - plan.baseline, block.since + LOOKS[block.looks] * plan.health
    members = [name, *(other for other in block.controls if _untreated(state.treated.get(other), end))]
    at, since = device.at, block.since
    return _Compared(name, [(Span(one, begin, at), Span(one, since, end)) for one in members])


def _untreated(other: Treated | None, end: float) -> bool:
    return other is None or other.at >= end


def _scored(
    plan: RolloutPlan, compared: Sequence[_Compared], summaries: Summaries
) -> Iterator[tuple[str, str, _Scored]]:
    """Of each block and measure. All that is compared is computed at once."""
    spans = [pair for block in compared for pair in block.spans]
    none = Summary()
    changes = changes_of(
        (summaries.get(before, none) for before, _ in spans),
        (summaries.get(after, none) for _, after in spans),
        plan.guards,
    )
    sizes = np.array([len(block.spans) for block in compared])
    for measure, change in changes.items():
        scores = _scores(change, sizes, allowance(measure, plan.guards) or 0.0)
        for block, scored in zip(compared, scores, strict=True):
            if scored:
                yield block.name, measure, scored


def _scores(change: Change, sizes: NDArray[np.int64], allowed: float) -> Iterator[_Scored | None]:
    """Of each block, whose members are beside each other; None where nothing is known."""
    firsts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    own, others = change.worse[firsts], change.worse.copy()
    others[firsts] = np.nan
    least = np.repeat(own - allowed, sizes)
    known = np.add.reduceat(~np.isnan(others), firsts)
    below, above = np.add.reduceat(others < least, firsts), np.add.reduceat(others > least, firsts)
    effects = own - np.add.reduceat(np.nan_to_num(others), firsts) / np.maximum(known, 1)
    columns = own, change.lost[firsts], known, below, above, effects
    for mine, lost, count, better, worse, effect in zip(
        *(column.tolist() for column in columns), strict=True
    ):
        if np.isnan(mine):
            yield _Scored(lost=True) if lost else None
        else:
            yield _Scored(better, count - better - worse, worse, effect) if count else None


def _grown(wager: Wager, scored: Sequence[_Scored]) -> Wager:
    """With the bets on further blocks."""
    known = [one for one in scored if not one.lost]
    harm = [_bets(one.below, one.equal, one.above) for one in known]
    health = [_bets(one.above, one.equal, one.below) for one in known]
    return Wager(
        blocks=wager.blocks + len(known),
        harm=_sum(wager.harm, harm),
        health=_sum(wager.health, health),
        total=wager.total + sum(one.effect for one in known),
        squares=wager.squares + sum(one.effect**2 for one in known),
        lost=wager.lost + len(scored) - len(known),
    )


def _sum(before: tuple[float, ...], bets: Sequence[LogEvidence]) -> tuple[float, ...]:
    if not bets:
        return before
    return tuple((np.array(before or (0.0,)) + np.sum(bets, axis=0)).tolist())
