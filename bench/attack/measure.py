"""One attack after another on a real service, beside an honest device."""

import os
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from bench.attack.attacker import Attacker
from bench.attack.honest import HonestDevice, Sample, honest_request
from bench.attack.kinds.control import HonestNeighbours
from bench.attack.results import AttackResult, Latency, latency_of
from bench.rig import child
from bench.rig.cloud_process import CloudProcess
from bench.rig.machine import processor
from bench.rig.process_memory import resident
from protos import inference_pb2 as ip
from protos.bundle import Bundle
from protos.errors import CloudError

_POLL_SECONDS = 0.05
_PATIENCE_SECONDS = 15.0  # for latency to be as before; more than a failing call takes
_MEMORY_PATIENCE_SECONDS = 4.0
_START_SECONDS = 60.0  # for the first honest answers
_WARM_UP_SECONDS = 2.0
_FEW = 5  # answers that say that latency is as before
_AS_BEFORE = 1.5  # times the latency alone
_SLACK_BYTES = 32 << 20  # memory that is as before, but for what allocators keep


def measure(
    bundle: Bundle, chosen: Sequence[type[Attacker]], seconds: float, advance: Callable[[str], None]
) -> Iterator[AttackResult]:
    """Attack the service of a bundle, for so long each, and what came of it, as it comes; `advance` is called
    with the name of each attack.

    A service whose answers are not as before after an attack is replaced by a new one. Raises BundleError or
    CloudError.
    """
    request = honest_request(bundle)
    with tempfile.TemporaryDirectory() as folder:
        right = Path(folder) / "request"
        right.write_bytes(request.SerializeToString())
        left = list(chosen)
        while left:
            with CloudProcess(bundle.path) as cloud:
                siege = _Siege(bundle, cloud, request, right, seconds)
                siege.warm_up()
                while left:
                    advance(left[0].name)
                    result = siege.run(left.pop(0))
                    yield result
                    if result.back_seconds is None:
                        break


def setting(seconds: float) -> str:
    """The machine and how it was measured, in a sentence."""
    return (
        f"Measured on {processor()}, {os.cpu_count()} cores for service, honest device and attacker "
        f"together, load {os.getloadavg()[0]:.1f}; each attack {seconds:g} s."
    )


class _Siege:
    """A service, and what it is attacked with."""

    def __init__(
        self, bundle: Bundle, cloud: CloudProcess, request: ip.InferRequest, right: Path, seconds: float
    ) -> None:
        self._bundle, self._cloud, self._request = bundle, cloud, request
        self._right, self._seconds = right, seconds

    def warm_up(self) -> None:
        """Let many ask at once, so that the service holds what it needs for full batches."""
        self._attack(HonestNeighbours.name, _WARM_UP_SECONDS)

    def run(self, attacker: type[Attacker]) -> AttackResult:
        """Measure alone, beside the attack, until all is as before, and alone again. Raises CloudError."""
        cloud = self._cloud
        with HonestDevice(cloud.address, self._request) as device, _Memory(cloud.pid) as memory:
            alone = self._alone(device)
            held, printed = memory.restart(), cloud.printed_bytes
            began, got = self._attack(attacker.name, self._seconds)
            ended, peak = time.monotonic(), memory.peak
            usual = latency_of(alone)
            back = _wait(lambda: _is_as(usual, _since(device.answers, ended)), ended, _PATIENCE_SECONDS)
            memory_back = _wait(lambda: memory.now() < held + _SLACK_BYTES, ended, _MEMORY_PATIENCE_SECONDS)
            held_after, printed = memory.now(), cloud.printed_bytes - printed
            if back is not None:
                alone += self._alone(device)
        return AttackResult(
            attack=attacker.name,
            words=attacker.words,
            alone=latency_of(alone),
            beside=latency_of(_within(device.answers, began, ended)),
            health=latency_of(_within(device.checks, began, ended)),
            bytes_before=held,
            bytes_peak=peak,
            bytes_after=held_after,
            back_seconds=back,
            memory_back_seconds=memory_back,
            log_bytes=printed,
            got=got,
        )

    def _alone(self, device: HonestDevice) -> list[Sample]:
        """Answers to the honest device while nobody attacks. Raises CloudError where there are none."""
        began = time.monotonic()
        time.sleep(self._seconds / 2)
        enough = device.until(lambda answers: len(_since(answers, began)) >= _FEW, _START_SECONDS)
        answers = _since(device.answers, began)
        failure = next((answer.failure for answer in answers if answer.failure), "")
        if failure or not enough:
            raise CloudError(
                f"without any attack the service fails ({failure or 'no answer'}); it said:\n"
                f"{self._cloud.output or '(nothing)'}"
            )
        return answers

    def _attack(self, name: str, seconds: float) -> tuple[float, Mapping[str, int]]:
        """When the attack began, and what it got. Raises IsthmusError where the attacker fails."""
        address, bundle = self._cloud.address, self._bundle.path.resolve()
        lines = child.results("bench.attack.attacking", name, address, bundle, self._right, seconds)
        next(lines)
        began = time.monotonic()
        (got,) = lines
        return began, got


class _Memory:
    """The peak of a process and those below it, looked at every 50 ms."""

    def __init__(self, process: int) -> None:
        self._process, self.peak, self._over = process, 0, threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watch memory", daemon=True)

    def restart(self) -> int:
        """Forget the peak; what is held now."""
        self.peak = 0
        return self.now()

    def now(self) -> int:
        found = resident(self._process)
        self.peak = max(self.peak, found)
        return found

    def _watch(self) -> None:
        while not self._over.wait(_POLL_SECONDS):
            self.now()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()


def _since(samples: Sequence[Sample], began: float) -> list[Sample]:
    return [sample for sample in samples if sample.began >= began]


def _within(samples: Sequence[Sample], began: float, ended: float) -> list[Sample]:
    """Those that ran while the attack did, at least one."""
    return [sample for sample in samples if sample.began < ended and sample.began + sample.seconds > began]


def _is_as(alone: Latency, samples: Sequence[Sample]) -> bool:
    """Whether the last few answers are as quick as before."""
    few = samples[-_FEW:]
    return (
        len(few) == _FEW
        and not any(sample.failure for sample in few)
        and 1000 * statistics.median(sample.seconds for sample in few) <= _AS_BEFORE * alone.p50
    )


def _wait(reached: Callable[[], bool], began: float, patience: float) -> float | None:
    """Seconds from `began` until it is reached; None where it is not within the seconds of patience."""
    while not reached():
        if time.monotonic() - began > patience:
            return None
        time.sleep(_POLL_SECONDS)
    return time.monotonic() - began
