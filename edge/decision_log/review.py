"""How good decisions were, from their log.

What another arm would have taken is not known; it is replayed: each part of its prediction times the ratio
of real to predicted that this part had in this request, and the believed time where the request had no such
part (a local answer says nothing of the link). So an arm is judged on the link and the machine as they were,
as far as they show.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from edge.decision_log.record import STAGES, Record, Way

_LEAST = 1e-6
_DEVICE, _LINK, _CLOUD = ("head", "encode"), ("network",), ("queue", "cloud")
_PARTS = (*_DEVICE, *_LINK, *_CLOUD, "generate")


@dataclass(frozen=True)
class StageReview:
    """Real to predicted: 1 is right, above it took longer. The middle 80% lies between low and high."""

    stage: str
    count: int
    median: float
    low: float
    high: float


@dataclass(frozen=True)
class Review:
    """Of all records. Shares are of 1; `None` where nothing is known."""

    requests: int
    as_decided: float | None  # share that the decided arm answered
    trials: float | None
    stages: tuple[StageReview, ...]
    with_deadline: int
    promised: float | None  # mean probability to meet the deadline
    met: float | None
    best_in_hindsight: float | None  # share of choices, trials left out
    regret_ms: float | None  # what the best would have saved on average, by the weights of the request
    judged: int  # requests that hindsight can speak of


def review(records: Sequence[Record]) -> Review:
    """What the log says."""
    kept = [one for one in records if one.as_decided]
    timed = [one for one in records if one.deadline_ms is not None]
    judged = [one for one in kept if not one.trial and one.others]
    regrets = [_regret(one) for one in judged]
    return Review(
        requests=len(records),
        as_decided=_share([one.as_decided for one in records]),
        trials=_share([one.trial for one in records]),
        stages=tuple(found for stage in STAGES if (found := _stage(stage, kept))),
        with_deadline=len(timed),
        promised=_share([one.promised for one in timed]),
        met=_share([one.real["total_ms"] <= (one.deadline_ms or 0.0) for one in timed]),
        best_in_hindsight=_share([regret <= 0 for regret in regrets]),
        regret_ms=_share(regrets),
        judged=len(judged),
    )


def replayed_ms(record: Record, way: Way) -> float:
    """What an arm would have taken in this request, by the assumption above."""
    spent = record.chosen.predicted["total_ms"] - sum(record.chosen.predicted[part] for part in _PARTS)
    ratios = _ratios(record)
    generate = "generate there" if way.remote else "generate here"
    taken = sum(way.predicted[part] * ratios.get(part, 1.0) for part in (*_DEVICE, *_LINK, *_CLOUD))
    return spent + taken + way.predicted["generate"] * ratios.get(generate, 1.0)


def _ratios(record: Record) -> Mapping[str, float]:
    """Real to predicted in this request, of what it had."""
    chosen, place = record.chosen, "generate there" if record.chosen.remote else "generate here"
    ratios = dict[str, float]()
    for names in (_DEVICE, _LINK, _CLOUD):
        ratio = _ratio(chosen.predicted, record.real, names)
        ratios |= {name: ratio for name in names if ratio is not None}
    ratio = _ratio(chosen.predicted, record.real, ("generate",))
    return ratios if ratio is None else {**ratios, place: ratio}


def _ratio(predicted: Mapping[str, float], real: Mapping[str, float], names: Sequence[str]) -> float | None:
    believed, taken = (sum(of[name] for name in names) for of in (predicted, real))
    return taken / believed if believed > _LEAST and taken > _LEAST else None


def _regret(record: Record) -> float:
    """By how much the best of the others would have been better, in the milliseconds of the weights."""
    best = min(_score(record, way) for way in record.others)
    return max(_score(record, record.chosen) - best, 0.0)


def _score(record: Record, way: Way) -> float:
    """As it was decided by, but for the time, which is replayed."""
    late_ms = replayed_ms(record, way) - way.predicted["total_ms"]
    return way.score + record.weights["millisecond"] * late_ms


def _stage(stage: str, records: Sequence[Record]) -> StageReview | None:
    found = [_ratio(one.chosen.predicted, one.real, (stage,)) for one in records]
    ratios = [ratio for ratio in found if ratio is not None]
    if not ratios:
        return None
    low, median, high = np.quantile(ratios, (0.1, 0.5, 0.9))
    return StageReview(stage, len(ratios), float(median), float(low), float(high))


def _share(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None
