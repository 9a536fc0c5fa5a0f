"""The measurement: every strategy asks every question over every link."""

import os
import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter

from bench.network.conditions import PRESETS, Conditions
from bench.network.emulator import Link
from bench.rig import questions as exam
from bench.rig.bundles import cheapest_upload
from bench.rig.cloud_process import CloudProcess
from bench.rig.outcomes import REMOTE, Asked, Outcome
from bench.rig.strategies import Device, Strategy, devices, strategies, with_fallback
from deploy.demo.record import LinkRun, Record
from edge.costs import measure
from edge.policy.explain import COLUMNS, explain
from protos.bundle import Bundle
from protos.costs.profile import DeviceProfile

WARM_UP = 2
_WARM_UP_FIRST = 1000  # scenes apart from those that count

Progress = Callable[[str, Outcome | None], None]  # told the link, and each outcome as it comes


@dataclass(frozen=True)
class _Plan:
    """A link to measure."""

    name: str
    words: str
    conditions: Conditions
    kill: bool = False


PLANS = (
    _Plan("good link", "50 Mbit/s, 10 ms round trip", PRESETS["good"]),
    _Plan("slow link", "1 Mbit/s, 100 ms round trip", PRESETS["slow"]),
    _Plan("poor link", "64 kbit/s, 300 ms round trip", PRESETS["poor"]),
    _Plan(
        "cloud killed",
        "50 Mbit/s, 10 ms round trip; the cloud gets SIGKILL half way",
        PRESETS["good"],
        kill=True,
    ),
)


def run(bundle: Bundle, questions: int, progress: Progress) -> Record:
    """Measure all links, one after the other. Raises CloudError where the cloud does not start."""
    started = perf_counter()
    jpeg, chosen = cheapest_upload(bundle.manifest, ("jpeg",)), strategies(bundle.manifest)
    asked, warm = exam.draw(bundle, jpeg, questions), exam.draw(bundle, jpeg, WARM_UP, _WARM_UP_FIRST)
    progress("measuring this device, starting the cloud", None)
    profile = measure.measure(bundle, seconds=1.0)
    with CloudProcess(bundle.path) as cloud, Link(cloud.address, PRESETS["good"]) as link:
        measurement = _Measurement(bundle, profile, chosen, asked, warm, cloud, link, progress)
        links = [measurement.over(plan) for plan in PLANS]
    seconds = perf_counter() - started
    setting = _setting(bundle, questions, [*chosen, with_fallback(bundle.manifest)], jpeg.quality, cloud.said)
    return Record(bundle.manifest.model, bundle.manifest.accuracy, setting, links, WARM_UP, seconds)


@dataclass(frozen=True)
class _Measurement:
    bundle: Bundle
    profile: DeviceProfile
    strategies: Sequence[Strategy]
    asked: Sequence[Asked]
    warm: Sequence[Asked]
    cloud: CloudProcess
    link: Link
    progress: Progress

    def over(self, plan: _Plan) -> LinkRun:
        """Every strategy on one link: new connections, a warm-up that does not count, then the questions in
        turns.
        """
        self.progress(plan.name, None)
        self.link.set(plan.conditions)
        up, down = self.link.up.delivered, self.link.down.delivered
        chosen = [*self.strategies, with_fallback(self.bundle.manifest)] if plan.kill else self.strategies
        with devices(chosen, self.bundle, self.profile, self.link.address) as those:
            for asked in self.warm:
                for device in those:
                    device.ask(asked)
            outcomes = list(self._turns(plan, those))
            arms = _explained(those)
        up, down = self.link.up.delivered - up, self.link.down.delivered - down
        return LinkRun(plan.name, plan.words, outcomes, COLUMNS, arms, up, down, plan.kill)

    def _turns(self, plan: _Plan, those: Sequence[Device]) -> Iterator[Outcome]:
        for index, asked in enumerate(self.asked):
            killed = plan.kill and index >= len(self.asked) // 2
            if killed:
                self.cloud.kill()
            for device in those:
                outcome = replace(device.ask(asked), after_kill=killed)
                self.progress(plan.name, outcome)
                yield outcome


def _explained(those: Sequence[Device]) -> list[tuple[str, ...]]:
    """What each arm would have cost at the last decision of the device that must use the link, and so knows
    it.
    """
    remote = next(device for device in those if device.strategy.name == REMOTE)
    return explain(remote.decision) if remote.decision else []


def _setting(
    bundle: Bundle, questions: int, chosen: Sequence[Strategy], quality: int, said: str
) -> Mapping[str, str]:
    served = next((line for line in said.splitlines() if line.startswith("serving ")), "")
    return {
        "model": (
            f"{bundle.manifest.model}, bundle {bundle.digest[:12]}; {bundle.manifest.accuracy:.1f}% "
            "right when whole"
        ),
        "machine": f"{_processor()}, {os.cpu_count()} cores, {platform.system()}; device and cloud share it",
        "device": "ONNX Runtime on the CPU, one thread",
        "cloud": served,
        "repetitions": f"{questions} questions for each strategy and link, after {WARM_UP} that do not count",
        "JPEG": (
            f"quality {quality}, the smallest of the report that loses at most a point; its whole "
            "request message is counted"
        ),
        **{f"strategy {strategy.name}": strategy.words for strategy in chosen},
    }


def _processor() -> str:
    try:
        with Path("/proc/cpuinfo").open(encoding="utf-8") as lines:
            return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
