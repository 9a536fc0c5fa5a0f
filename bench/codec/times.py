"""What coding and decoding take on one thread: every way in turns, so that all of them meet the same
machine.
"""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import cv2
from threadpoolctl import threadpool_limits

from bench.codec.exam import Exam
from bench.codec.halves import Cloud, Device
from bench.codec.ways import Way, every_way
from bench.head.contest import WARM_UP
from protos.bundle import Bundle

TURNS = 15
STEPS = WARM_UP + TURNS


@dataclass(frozen=True)
class Times:
    """Median milliseconds for a picture: `encode` from the boundary or the resized picture, `decode` to the
    boundary or a picture.
    """

    encode: float
    decode: float


def measure(bundle: Bundle, exam: Exam, advance: Callable[[], None]) -> dict[str, Times]:
    """The times of every way by name, one picture a turn, after turns that do not count. `advance` is called
    after each turn.
    """
    cv2.setNumThreads(1)
    pictures = exam.pictures[:TURNS]
    devices = {name: Device(bundle, pictures) for name in ("", *(cut.name for cut in bundle.manifest.cuts))}
    ways = list(every_way(bundle, devices.__getitem__, Cloud(bundle)))
    taken: dict[str, list[Times]] = {way.name: [] for way in ways}
    with threadpool_limits(1):
        for turn in range(STEPS):
            for way in ways:
                taken[way.name].append(_time(way, turn % len(pictures)))
            advance()
    return {name: _median(times[WARM_UP:]) for name, times in taken.items()}


def _time(way: Way, index: int) -> Times:
    begun = time.perf_counter()
    sent = way.encode(index)
    coded = time.perf_counter()
    way.decode(index, sent)
    return Times(1e3 * (coded - begun), 1e3 * (time.perf_counter() - coded))


def _median(times: list[Times]) -> Times:
    return Times(
        statistics.median(one.encode for one in times), statistics.median(one.decode for one in times)
    )
