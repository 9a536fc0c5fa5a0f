"""Short answers go ahead of long ones, where a step of all would make them wait. Pure, by measured times.

Shortest remaining work first, in part of the time. What is left of an answer is what its request allows it: whoever
wants to be short has to say so.
"""

from collections.abc import Sequence

from cloud.engine.scheduling.pace import Pace
from cloud.engine.scheduling.schedulable import Schedulable

_SHORT = 0.2  # of the time that the longest answers still take
_BY_TURNS = 2  # times as long as alone, for a step of those who have half of the time


def short_batches(batches: Sequence[Sequence[Schedulable]], pace: Pace) -> Sequence[int]:
    """The batches that take next to nothing beside the longest one, and would take longer in its steps than in
    half of the time. None whose steps were not measured yet.
    """
    left = [_seconds_left(batch, pace) for batch in batches]
    longest = max((seconds for seconds in left if seconds is not None), default=0.0)
    short = [
        index for index, seconds in enumerate(left) if seconds is not None and seconds <= _SHORT * longest
    ]
    others = [batch for index, batch in enumerate(batches) if index not in short]
    return [index for index in short if not any(_share(batches[index], other, pace) for other in others)]


def _seconds_left(batch: Sequence[Schedulable], pace: Pace) -> float | None:
    step = pace.seconds(batch[0].place.bundle, len(batch))
    return None if step is None else step * max(job.tokens_left for job in batch)


def _share(short: Sequence[Schedulable], other: Sequence[Schedulable], pace: Pace) -> bool:
    """Whether the short answers come no later where both batches have a step together."""
    bundle = short[0].place.bundle
    alone, together = pace.seconds(bundle, len(short)), pace.seconds(bundle, len(short) + len(other))
    if other[0].place.bundle != bundle or alone is None or together is None:
        return False
    return together <= _BY_TURNS * alone
