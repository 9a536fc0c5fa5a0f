"""What devices did in spans of time, and by how much each changed from one to the next."""

from collections.abc import Iterable
from itertools import chain
from math import log1p
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cloud.fleet.rollout.plan import Guards

_PRIOR = 20.0  # answers' worth of a usual rate in a baseline: few answers of its own tell little
_USUAL_FAILURES, _USUAL_FAULTS = 0.01, 0.1

Numbers = NDArray[np.float64]


class Span(NamedTuple):
    """Of a device, from a time to another, in seconds since 1970 by the controller's clock."""

    device: str
    start: float
    end: float


class Summary(NamedTuple):
    """Sums over a span, so that they can be taken where the telemetry lies.

    A device's P95 is the geometric mean of those of the buckets that its telemetry is kept in, by their
    answers: one hour of a bad link then moves it by that hour's part, where it would be all of the P95 of a
    day.
    """

    windows: int = 0  # of telemetry that were heard
    answers: int = 0  # that came
    failed: int = 0
    timed: int = 0  # answers in buckets that have enough of them for a P95
    level: float = 0.0  # of these, the sum of the logarithm of their bucket's P95 in milliseconds
    bytes: int = 0  # up and down
    metered: int = 0  # answers whose joules were measured
    joules: float = 0.0  # of these
    compared: int = 0  # with the whole model's
    agreed: int = 0
    tested: int = 0  # pictures of self-tests
    right: int = 0


class _Columns:
    """Many summaries, a column a field."""

    def __init__(self, summaries: Iterable[Summary]) -> None:
        numbers = np.fromiter(chain.from_iterable(summaries), float)
        self._table = numbers.reshape(-1, len(Summary._fields)).T

    def __getattr__(self, name: str) -> Numbers:
        found: Numbers = self._table[Summary._fields.index(name)]
        return found


class Change(NamedTuple):
    """Of a measure, from before to after, a number a device. `worse`: in the unit that the allowance is in;
    NaN where too little is known of either. `lost`: where it was known and is not any more.
    """

    worse: Numbers
    lost: NDArray[np.bool_]


def changes_of(before: Iterable[Summary], after: Iterable[Summary], guards: Guards) -> dict[str, Change]:
    """Of the measures that the guards judge.

    What was before is only a means to see more: any function of it keeps the guarantee of a randomised
    comparison.
    """
    old, new = _Columns(before), _Columns(after)
    with np.errstate(divide="ignore", invalid="ignore"):
        return {
            measure: Change(np.where(known[0] & known[1], worse, np.nan), known[0] & ~known[1])
            for measure, worse, known in _measured(old, new)
            if allowance(measure, guards) is not None
        }


_Known = tuple[NDArray[np.bool_], NDArray[np.bool_]]


def _measured(old: _Columns, new: _Columns) -> Iterable[tuple[str, Numbers, _Known]]:
    yield "silence", (new.windows == 0).astype(float), (old.windows > 0, old.windows > 0)
    yield (
        "errors",
        _rates(old.failed, old.answers + old.failed, new.failed, new.answers + new.failed, _USUAL_FAILURES),
        (old.answers + old.failed > 0, new.answers + new.failed > 0),
    )
    yield "p95", new.level / new.timed - old.level / old.timed, (old.timed > 0, new.timed > 0)
    for measure, amount, answers in (("energy", "joules", "metered"), ("bytes", "bytes", "answers")):
        each = [getattr(table, amount) / getattr(table, answers) for table in (old, new)]
        yield measure, np.log(each[1]) - np.log(each[0]), (each[0] > 0, each[1] > 0)
    for measure, trials, hits in (("agreement", "compared", "agreed"), ("self-test", "tested", "right")):
        all_old, all_new = getattr(old, trials), getattr(new, trials)
        faults = all_old - getattr(old, hits), all_new - getattr(new, hits)
        rates = _rates(faults[0], all_old, faults[1], all_new, _USUAL_FAULTS)
        yield measure, rates, (all_old > 0, all_new > 0)


MEASURES = ("silence", "errors", "p95", "energy", "bytes", "agreement", "self-test")


def allowance(measure: str, guards: Guards) -> float | None:
    """The worsening that a guard allows; None where it does not judge."""
    match measure:
        case "silence":
            return 0.0
        case "errors":
            return guards.errors
        case "p95":
            return None if guards.p95 is None else log1p(guards.p95)
        case "energy":
            return None if guards.energy is None else -log1p(-guards.energy)
        case "bytes":
            return None if guards.bytes is None else log1p(guards.bytes)
        case _:
            return guards.accuracy


def _rates(
    hits: Numbers, trials: Numbers, later_hits: Numbers, later_trials: Numbers, usual: float
) -> Numbers:
    found: Numbers = later_hits / later_trials - (hits + _PRIOR * usual) / (trials + _PRIOR)
    return found
