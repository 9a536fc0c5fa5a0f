"""Pictures enter a model at different cuts, and its later layers run for all that have come there: where a
step starts and ends, and how many it takes. Pure, by measured times.
"""

from collections import defaultdict
from collections.abc import Sequence
from itertools import chain

from cloud.engine.scheduling.pace import Pace
from cloud.engine.scheduling.schedulable import Place, Schedulable, SchedulableT

_MAX_BYTES = 256 << 20  # of the boundaries in one step; what lives in the layers is a few times as much
_MAX_STALL = 0.1  # seconds that answers stand still for one step


def departure(able: Sequence[Schedulable], pace: Pace, max_wait: float, max_batch: int) -> Place:
    """Where the next step starts. It is the turn of the first job, and the others may go on as well.

    It waits for the earliest of its bundle who reach it in `max_wait` seconds, together with all between,
    where they fit in a batch: a full one goes at once. Nobody is waited for whose time is not known yet.
    """
    turn, (bundle, left) = able[0], able[0].place
    if not left:
        return turn.place
    tiles = defaultdict[int, list[int]](list)  # of the jobs for which so many segments are left
    for job in able:
        stands_at, further = job.place
        if stands_at == bundle and further:
            tiles[further].append(job.tiles)
    for start in sorted((further for further in tiles if further > left), reverse=True):
        coming = [*chain.from_iterable(tiles[further] for further in tiles if left < further <= start)]
        wait = pace.encoding_seconds(bundle, start, left, sum(coming))
        if wait is None or wait > max_wait - turn.held_seconds:
            continue
        if len(coming) + len(tiles[left]) <= max_batch:
            return Place(bundle, start)
    return turn.place


def arrival(encodes: Sequence[Schedulable], able: Sequence[Schedulable], pace: Pace, max_wait: float) -> int:
    """How many segments are left where a step of jobs of one place ends: at the next cut where another waits.
    Where nobody does, whoever comes there meanwhile has to wait `max_wait` seconds at most for another step.
    """
    bundle, left = encodes[0].place
    tiles, until = sum(job.tiles for job in encodes), max(0, (left or 0) - 1)
    stops = {Place(bundle, 0), *(job.place for job in able)}
    while left and Place(bundle, until) not in stops:
        seconds = pace.encoding_seconds(bundle, left, until - 1, tiles)
        if seconds is None or seconds > max_wait:
            break
        until -= 1
    return until


def together(encodes: Sequence[SchedulableT], pace: Pace, *, stalls: bool) -> Sequence[SchedulableT]:
    """The first of these jobs of one place, as many as go on in one step: one always, and more within bounds
    of memory and, where the step stalls answers, of time.
    """
    tiles = size = 0
    for number, job in enumerate(encodes):
        tiles, size = tiles + job.tiles, size + job.boundary_bytes
        bundle, left = job.place
        seconds = pace.encoding_seconds(bundle, left, left - 1, tiles) if stalls and left else None
        if number and (size > _MAX_BYTES or (seconds or 0) > _MAX_STALL):
            return encodes[:number]
    return encodes
