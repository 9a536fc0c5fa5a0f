"""Short answers go ahead of long ones where a step of all would make them wait. Pure, by measured times.

Shortest remaining work first (Schrage 1968), in the part of the time that is newcomers'. What is left of an
answer is what its request allows it: who wants to be short says so.
"""

from collections.abc import Sequence

from cloud.engine.scheduling.pace import Pace
from cloud.engine.scheduling.schedulable import Schedulable

_SHORT = 0.5  # of what the longest answer still takes
_WORTH = 1.5  # times as long as alone a step may take for company's sake
_LIKE = 0.75  # of the rows of a step, by which it is known


def short_batches(batches: Sequence[Sequence[Schedulable]], pace: Pace) -> Sequence[int]:
    """The batches whose answers are short beside the longest one, and take longer in steps with others. None
    whose steps were not measured yet.
    """
    left = [_seconds_left(batch, pace) for batch in batches]
    longest = max(left, default=0.0)
    short = [index for index, seconds in enumerate(left) if 0 < seconds <= _SHORT * longest]
    others = [batch for index, batch in enumerate(batches) if index not in short]
    return [index for index in short if not any(_shared(batches[index], other, pace) for other in others)]


def _seconds_left(batch: Sequence[Schedulable], pace: Pace) -> float:
    """What the longest of these answers would still take by itself; 0 where that is not known."""
    step = pace.token_seconds(batch[0].place.bundle) or 0.0
    return step * max(job.tokens_left for job in batch)


def _shared(short: Sequence[Schedulable], other: Sequence[Schedulable], pace: Pace) -> bool:
    """Whether the short answers come about as soon where both batches have a step together, or nobody knows
    as there was none yet.
    """
    bundle, rows = short[0].place.bundle, len(short) + len(other)
    if other[0].place.bundle != bundle:
        return False
    alone, together = pace.seconds(bundle, len(short)), pace.seconds(bundle, rows, _LIKE * rows)
    return alone is None or together is None or together <= _WORTH * alone
