"""Which batches share their steps: by turns each is faster, and together both are, up to a point."""

from collections.abc import Callable, Sequence
from functools import partial

from cloud.engine.scheduling.pace import Pace
from cloud.engine.scheduling.schedulable import Schedulable
from cloud.sharing.caller import Caller, level_of

_ROUNDING = 1 + 1e-9


def worth_sharing(
    one: Sequence[Caller], other: Sequence[Caller], seconds: Callable[[int], float | None]
) -> bool:
    """Whether batches, given the callers of their rows, are one from now on: no caller who has rows in one of
    them only may wait longer for a token than if the two took turns, each as often as its callers' shares
    have it.

    `seconds` of a step by its rows; where it is not known yet, a batch stays alone until it was measured.
    """
    level = level_of([*one, *other])
    owners, others = ({caller[:level] for caller in callers} for callers in (one, other))
    together = seconds(len(one) + len(other))
    for callers, own, rest in ((one, owners, others), (other, others, owners)):
        if own <= rest:
            continue
        alone = seconds(len(callers))
        if alone is None or together is None or together > _ROUNDING * alone * len(own | rest) / len(own):
            return False
    return True


def together_with(
    first: Schedulable,
    batches: Sequence[Sequence[Schedulable]],
    among: Sequence[int],
    pace: Pace,
    max_rows: int,
) -> Sequence[int]:
    """The batch of the job whose turn it is, with those among some that share its steps from now on; the
    largest is first.
    """
    turn, bundle = next(index for index in among if first in batches[index]), first.place.bundle
    chosen, callers = [turn], [job.caller for job in batches[turn]]
    for index in among:
        joining = [job.caller for job in batches[index]]
        if index == turn or batches[index][0].place.bundle != bundle:
            continue
        fits = len(callers) + len(joining) <= max_rows
        if fits and worth_sharing(callers, joining, partial(pace.seconds, bundle)):
            chosen.append(index)
            callers += joining
    return sorted(chosen, key=lambda index: -len(batches[index]))
