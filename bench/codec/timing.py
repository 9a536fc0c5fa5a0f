"""How long encoding and decoding take on one thread. The candidates take turns, so that all of them meet the
same machine.
"""

import statistics
import time
from collections.abc import Callable

import cv2
from threadpoolctl import threadpool_limits

from bench.codec.candidates.candidate import Candidate, every_candidate
from bench.codec.candidates.cloud_half import CloudHalf
from bench.codec.candidates.device_half import DeviceHalf
from bench.codec.evaluation.evaluation_set import EvaluationSet
from bench.codec.report.results import CodingTimes
from bench.rig.machine import WARM_UP
from protos.bundle import Bundle

TURNS = 15
STEPS = WARM_UP + TURNS


def measure(
    bundle: Bundle, evaluation_set: EvaluationSet, advance: Callable[[], None]
) -> dict[str, CodingTimes]:
    """The times of every candidate by name, one picture a turn, after a warm-up. `advance` is called after
    each turn.
    """
    cv2.setNumThreads(1)
    pictures = evaluation_set.pictures[:TURNS]
    names = ("", *(cut.name for cut in bundle.manifest.cuts))
    devices = {name: DeviceHalf(bundle, pictures) for name in names}
    candidates = list(every_candidate(bundle, devices.__getitem__, CloudHalf(bundle)))
    times: dict[str, list[CodingTimes]] = {candidate.name: [] for candidate in candidates}
    with threadpool_limits(1):
        for turn in range(STEPS):
            for candidate in candidates:
                times[candidate.name].append(_time(candidate, turn % len(pictures)))
            advance()
    return {name: _median(turns[WARM_UP:]) for name, turns in times.items()}


def _time(candidate: Candidate, index: int) -> CodingTimes:
    started = time.perf_counter()
    payloads = candidate.encode(index)
    encoded = time.perf_counter()
    candidate.decode(index, payloads)
    return CodingTimes(1e3 * (encoded - started), 1e3 * (time.perf_counter() - encoded))


def _median(times: list[CodingTimes]) -> CodingTimes:
    return CodingTimes(
        statistics.median(one.encode for one in times), statistics.median(one.decode for one in times)
    )
