"""Every route, timed in turns over loopback: what the software costs where the link costs nothing."""

import os
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench.rig import questions
from bench.rig.bundles import cheapest_upload
from bench.rig.cloud_process import CloudProcess
from bench.rig.outcomes import Outcome, VisualQuestion
from bench.rig.quantiles import quantile
from bench.rig.strategies import Strategy, StrategyDevice, devices
from protos import bundle_pb2 as pb
from protos.arms.rules import Rules
from protos.bundle import Bundle
from protos.costs.profile import DeviceProfile
from protos.errors import CloudError
from protos.measurements import coding_of
from protos.pictures.upload_formats import UPLOAD_FORMATS
from splitter.evaluate.intervals import wilson

BASELINE = "upload"
_WARM_UP = 3


@dataclass(frozen=True)
class RouteTiming:
    """One route over all repetitions: milliseconds, bytes of whole requests, and its median against the
    upload's.
    """

    route: str
    median_ms: float
    p95_ms: float
    bytes_up: float
    right_percent: float
    right_low: float  # 95% interval
    right_high: float
    asked: int
    of_upload: float


def routes(bundle: Bundle, repetitions: int, advance: Callable[[], None]) -> list[RouteTiming]:
    """Ask the same questions by every route in turns; `advance` is called after each turn.

    Raises CloudError.
    """
    jpeg = cheapest_upload(bundle.measurements, ("jpeg",))
    asked = questions.draw(bundle, jpeg, repetitions)
    with CloudProcess(bundle.path) as cloud:
        profile = DeviceProfile.from_bundle(bundle)
        with devices(
            _every_route(bundle.manifest, bundle.measurements), bundle, profile, cloud.address
        ) as opened:
            for question in asked[:_WARM_UP]:
                _turn(opened, question)
            turns = []
            for question in asked:
                turns.append(_turn(opened, question))
                advance()
    return _timings(turns)


def setting(repetitions: int) -> str:
    """Machine, threads and repetitions, in a sentence."""
    return (
        f"{repetitions} questions by each route in turns, after {_WARM_UP}; head 1 thread, cloud on the "
        f"same {os.cpu_count()} cores"
    )


def _every_route(manifest: pb.Manifest, measured: pb.Measurements) -> list[Strategy]:
    """The forced routes; the cheapest upload comes first, as the baseline."""
    names = {BASELINE: f"upload@{coding_of(cheapest_upload(measured, UPLOAD_FORMATS))}"}
    names |= {
        f"split@{cut.name}/{codec.name}": f"split@{cut.name}/{codec.name}"
        for cut in manifest.cuts
        for codec in cut.codecs
    }
    remote = [Strategy(name, route, Rules(route=route, allow_local=False)) for name, route in names.items()]
    return (
        [*remote, Strategy("local", "local", Rules(route="local"))] if manifest.HasField("local") else remote
    )


def _turn(opened: Sequence[StrategyDevice], question: VisualQuestion) -> list[Outcome]:
    outcomes = [device.ask(question) for device in opened]
    for outcome in outcomes:
        if outcome.failure:
            raise CloudError(
                f"route {outcome.strategy} failed, so there is nothing to compare: {outcome.failure}"
            )
    return outcomes


def _timings(turns: Sequence[Sequence[Outcome]]) -> list[RouteTiming]:
    columns = [list(column) for column in zip(*turns, strict=True)]
    medians = {column[0].strategy: statistics.median(o.milliseconds for o in column) for column in columns}
    return [_timing(column, medians) for column in columns]


def _timing(column: list[Outcome], medians: dict[str, float]) -> RouteTiming:
    route, times = column[0].strategy, sorted(o.milliseconds for o in column)
    low, high = wilson(sum(o.right for o in column), len(column))
    return RouteTiming(
        route,
        medians[route],
        quantile(times, 0.95),
        statistics.mean(o.bytes_up for o in column),
        100 * statistics.mean(o.right for o in column),
        100 * low,
        100 * high,
        len(column),
        medians[route] / medians[BASELINE],
    )
