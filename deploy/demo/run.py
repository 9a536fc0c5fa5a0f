"""The measurement: every strategy asks every question over every link."""

import os
import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from time import perf_counter

from bench.network.conditions import PRESETS, Conditions
from bench.network.emulator import Link
from bench.rig import questions as demo_questions
from bench.rig.bundles import cheapest_upload
from bench.rig.cloud_process import CloudProcess
from bench.rig.machine import processor
from bench.rig.outcomes import REMOTE, Outcome, VisualQuestion
from bench.rig.strategies import Strategy, StrategyDevice, devices, strategies, with_fallback
from deploy.demo.record import LinkRun, Record
from edge.costs import measure
from edge.policy.explain import COLUMNS, explain
from protos.bundle import Bundle
from protos.costs.profile import DeviceProfile
from protos.terminal.units import format_accuracy

WARM_UP = 2
_WARM_UP_FIRST = 1000  # scenes apart from those that count

Progress = Callable[[str, Outcome | None], None]  # told the link, and each outcome as it comes


@dataclass(frozen=True)
class LinkPlan:
    """A link to measure, and whether the cloud is killed half way."""

    name: str
    words: str
    conditions: Conditions
    kill: bool = False


PLANS = (
    LinkPlan("good link", "50 Mbit/s, 10 ms round trip", PRESETS["good"]),
    LinkPlan("slow link", "1 Mbit/s, 100 ms round trip", PRESETS["slow"]),
    LinkPlan("poor link", "64 kbit/s, 300 ms round trip", PRESETS["poor"]),
    LinkPlan(
        "cloud killed",
        "50 Mbit/s, 10 ms round trip; the cloud gets SIGKILL half way",
        PRESETS["good"],
        kill=True,
    ),
)


def run(bundle: Bundle, questions: int, progress: Progress) -> Record:
    """Measure all links, one after the other. Raises CloudError where the cloud does not start."""
    started = perf_counter()
    jpeg, chosen = cheapest_upload(bundle.measurements, ("jpeg",)), strategies(bundle.measurements)
    asked = demo_questions.draw(bundle, jpeg, questions)
    warm = demo_questions.draw(bundle, jpeg, WARM_UP, _WARM_UP_FIRST)
    progress("measuring this device, starting the cloud", None)
    profile = measure.measure(bundle, seconds=1.0)
    with CloudProcess(bundle.path) as cloud, Link(cloud.address, PRESETS["good"]) as link:
        measurement = _Measurement(bundle, profile, chosen, asked, warm, cloud, link, progress)
        links = [measurement.over(plan) for plan in PLANS]
    seconds = perf_counter() - started
    setting = _setting(
        bundle, questions, [*chosen, with_fallback(bundle.measurements)], jpeg.quality, cloud.output
    )
    return Record(bundle.manifest.model, bundle.measurements.accuracy, setting, links, WARM_UP, seconds)


@dataclass(frozen=True)
class _Measurement:
    bundle: Bundle
    profile: DeviceProfile
    strategies: Sequence[Strategy]
    asked: Sequence[VisualQuestion]
    warm: Sequence[VisualQuestion]
    cloud: CloudProcess
    link: Link
    progress: Progress

    def over(self, plan: LinkPlan) -> LinkRun:
        """Every strategy on one link: new connections, a warm-up, then the questions in turns."""
        self.progress(plan.name, None)
        self.link.set(plan.conditions)
        up, down = self.link.up.delivered, self.link.down.delivered
        chosen = [*self.strategies, with_fallback(self.bundle.measurements)] if plan.kill else self.strategies
        with devices(chosen, self.bundle, self.profile, self.link.address) as opened:
            for asked in self.warm:
                for device in opened:
                    device.ask(asked)
            outcomes = list(self._turns(plan, opened))
            arms = _explained(opened)
        up, down = self.link.up.delivered - up, self.link.down.delivered - down
        return LinkRun(plan.name, plan.words, outcomes, COLUMNS, arms, up, down, plan.kill)

    def _turns(self, plan: LinkPlan, opened: Sequence[StrategyDevice]) -> Iterator[Outcome]:
        for index, asked in enumerate(self.asked):
            killed = plan.kill and index >= len(self.asked) // 2
            if killed:
                self.cloud.kill()
            for device in opened:
                outcome = replace(device.ask(asked), after_kill=killed)
                self.progress(plan.name, outcome)
                yield outcome


def _explained(opened: Sequence[StrategyDevice]) -> list[tuple[str, ...]]:
    """What each arm would have cost at the last decision of the device that always uses the link."""
    remote = next(device for device in opened if device.strategy.name == REMOTE)
    return explain(remote.decision) if remote.decision else []


def _setting(
    bundle: Bundle, questions: int, chosen: Sequence[Strategy], quality: int, output: str
) -> Mapping[str, str]:
    measured = bundle.measurements
    whole = format_accuracy(measured.accuracy, measured.accuracy_low, measured.accuracy_high)
    served = next((line for line in output.splitlines() if line.startswith("serving ")), "")
    return {
        "model": (
            f"{bundle.manifest.model}, bundle {bundle.digest[:12]}; {whole} right when whole, "
            f"n = {measured.count}"
        ),
        "machine": f"{processor()}, {os.cpu_count()} cores, {platform.system()}; device and cloud share it",
        "device": "ONNX Runtime on the CPU, one thread",
        "cloud": served,
        "repetitions": f"{questions} questions for each strategy and link, after {WARM_UP} that do not count",
        "picture beside an answer": (
            f"JPEG, quality {quality}, the smallest that loses at most a point; its whole request message is "
            "counted"
        ),
        **{f"strategy {strategy.name}": strategy.words for strategy in chosen},
    }
