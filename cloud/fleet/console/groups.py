"""Treated devices beside those that stay as they are: what each group did, with intervals."""

import time
from collections.abc import Callable, Mapping, Sequence
from math import exp, log, sqrt
from statistics import fmean, stdev
from typing import NamedTuple

import sqlalchemy as sa

from cloud.fleet.rollout.summary import Span, Summary
from cloud.fleet.storage.rollouts import KeptRollout
from cloud.fleet.storage.telemetry import summaries

_MAX_DEVICES = 300  # of a group: what is drawn of more looks the same
_MAX_SECONDS = 3 * 3600.0


class Level(NamedTuple):
    """A group's mean over its devices, with a 95% interval."""

    value: float
    low: float
    high: float


class GroupFigures(NamedTuple):
    """Of a group of devices, by measure; a measure that nothing is known of is left out."""

    devices: int
    levels: Mapping[str, Level]


class Groups(NamedTuple):
    """What both did from a time to another."""

    start: float
    end: float
    treated: GroupFigures
    control: GroupFigures


def compared_groups(connection: sa.Connection, kept: KeptRollout, bucket: float) -> Groups | None:
    """Since the settings ought to be there; None before. Of a rollout that has ended, until then."""
    state = kept.state
    begun = [block.since for block in state.blocks.values()]
    now = time.time()
    if not begun or min(begun) + bucket > now:
        return None
    start, end = max(min(begun), now - _MAX_SECONDS), now
    treated = list(state.blocks)[:_MAX_DEVICES]
    controls = [name for block in state.blocks.values() for name in block.controls]
    others = [name for name in dict.fromkeys(controls) if name not in state.treated][:_MAX_DEVICES]
    spans = [Span(name, start, end) for name in (*treated, *others)]
    told = summaries(connection, spans, bucket)
    return Groups(
        start,
        end,
        group_figures([told[span] for span in spans[: len(treated)]]),
        group_figures([told[span] for span in spans[len(treated) :]]),
    )


def group_figures(found: Sequence[Summary]) -> GroupFigures:
    """Means over devices: of times and amounts geometric ones, since devices differ by factors."""
    levels = {}
    for name, (value, ratio) in _MEASURES.items():
        values = [known for one in found if (known := value(one)) is not None]
        if values:
            levels[name] = _ratio_level(values) if ratio else _level(values)
    return GroupFigures(sum(one.windows > 0 for one in found), levels)


def _level(values: Sequence[float]) -> Level:
    mean = fmean(values)
    half = 1.96 * stdev(values) / sqrt(len(values)) if len(values) > 1 else 0.0
    return Level(mean, mean - half, mean + half)


def _ratio_level(values: Sequence[float]) -> Level:
    found = _level([log(value) for value in values if value > 0] or [0.0])
    return Level(*(exp(value) for value in found))


def _failed(one: Summary) -> float | None:
    asked = one.answers + one.failed
    return one.failed / asked if asked else None


_MEASURES: Mapping[str, tuple[Callable[[Summary], float | None], bool]] = {
    "P95 latency": (lambda one: exp(one.level / one.timed) if one.timed else None, True),
    "answers that fail": (_failed, False),
    "bytes an answer": (lambda one: one.bytes / one.answers if one.answers else None, True),
    "joules an answer": (lambda one: one.joules / one.metered if one.joules else None, True),
}
