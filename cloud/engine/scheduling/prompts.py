"""Which prompts are read in one step, and how far. Pure, by measured times."""

from collections.abc import Sequence

from cloud.engine.scheduling.pace import Pace
from cloud.engine.scheduling.schedulable import Schedulable, SchedulableT

MIN_SLICE = 128  # tokens; what a step costs beside its tokens is a tenth of it there
_MAX_STALL = 0.1  # seconds that answers stand still for one step


def token_budget(most: int, bundle: str, pace: Pace, *, stalls: bool) -> int:
    """How many tokens a step reads, of `most`: where it stalls answers, as many as take no longer than these
    may stand still.
    """
    seconds = pace.prompt_token_seconds(bundle) if stalls else None
    return min(most, max(MIN_SLICE, int(_MAX_STALL / seconds))) if seconds else most


def side_by_side(encoded: Sequence[SchedulableT], budget: int) -> list[SchedulableT]:
    """Those of the first one's bundle whose prompts fit in a step side by side, and begin as its does. One
    always does; one that is read in slices is alone.
    """
    first, *others = encoded
    prompts, longest = [first], first.prompt_tokens
    for job in others:
        if job.sliced or (job.place.bundle, job.resumes) != (first.place.bundle, first.resumes):
            continue
        longest = max(longest, job.prompt_tokens)
        if first.sliced or longest * (len(prompts) + 1) > budget:
            break
        prompts.append(job)
    return prompts


def slice_of(prompts: Sequence[Schedulable], budget: int) -> int:
    """How many tokens of a prompt that is longer than a step's budget are read in this one; 0: all that are
    left, as of all others.
    """
    (first, *_) = prompts
    if first.prompt_tokens <= budget:
        return 0
    size = max(min(budget, first.prompt_tokens), first.indivisible_tokens)
    return size if size < first.prompt_tokens else 0
