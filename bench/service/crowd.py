"""A crowd of devices, each a process of its own with a connection of its own.

python -m bench.service.crowd PLAN

PLAN is JSON of a `Crowd`. Prints the samples of its groups, and what the service used meanwhile, as JSON.
"""

import json
import os
import random
import secrets
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from threading import Timer
from typing import NamedTuple

from bench.rig import child
from bench.rig.process_memory import resident
from bench.rig.process_time import cpu_seconds
from bench.service.scrape import decode_batches
from bench.service.workloads import read_requests
from edge.link.client import CloudClient
from protos import inference_pb2 as ip
from protos.errors import IsthmusError
from protos.limits import CLIENT_SECRET_BYTES

FIRST, AGAIN = "first", "again"
_DEADLINE_SECONDS = 120.0
_PAUSE_SECONDS = 0.05  # after a failure
_START_SECONDS, _START_SECONDS_EACH = 0.5, 0.03  # until all devices are connected
_QUESTION_AGAIN = "what is in the image?"


@dataclass(frozen=True)
class Group:
    """Devices that ask alike."""

    folder: str  # of the requests
    devices: int
    rate: float | None = (
        None  # requests a second of all together, at random instants; None: one after another
    )
    again: bool = False  # each frame is asked about twice, the second time with nothing to upload


@dataclass(frozen=True)
class Crowd:
    """What asks a service, for how long, once it has done so for a while."""

    address: str
    process: int  # the service's
    groups: Sequence[Group]
    warm_seconds: float
    seconds: float
    http_url: str = ""  # of its metrics; empty: it has none


class TimedAnswer(NamedTuple):
    """An answer that ended while it was measured. Milliseconds are since it was due, which is when it was
    asked for unless the device was late.
    """

    kind: str  # FIRST or AGAIN
    first_token_ms: float
    ms: float
    tokens: int
    failure: str = ""


class Watched(NamedTuple):
    """What the service used while it was measured, and how long that was."""

    cpu_seconds: float
    resident_bytes: int
    seconds: float
    batch: float | None = None  # the mean number of answers side by side in a decode step
    devices_cpu_seconds: float = 0.0  # of all devices together


def main(crowd: Crowd) -> None:
    """Fork the devices, watch the service, gather the samples."""
    requests = {group.folder: read_requests(Path(group.folder)) for group in crowd.groups}
    devices = sum(group.devices for group in crowd.groups)
    began = time.monotonic() + _START_SECONDS + _START_SECONDS_EACH * devices + crowd.warm_seconds
    window = (began, began + crowd.seconds)
    asking = [
        [
            _forked(partial(_ask, crowd, group, requests[group.folder], number, window))
            for number in range(group.devices)
        ]
        for group in crowd.groups
    ]
    watched = _watch(crowd, window)
    samples = [[sample for device in group for sample in device()] for group in asking]
    child.emit({"watched": watched, "groups": samples})


def _watch(crowd: Crowd, window: tuple[float, float]) -> Watched:
    began, ended = window
    _sleep_until(began)
    batches, before, started = decode_batches(crowd.http_url), _used(crowd), time.monotonic()
    _sleep_until(ended)
    after, seconds = _used(crowd), time.monotonic() - started
    service, devices = (late - early for early, late in zip(before, after, strict=True))
    batch = _mean(batches, decode_batches(crowd.http_url))
    return Watched(service, resident(crowd.process), seconds, batch, devices)


def _used(crowd: Crowd) -> tuple[float, float]:
    """Processor time of the service, and of the devices, which are below this process."""
    return cpu_seconds(crowd.process), cpu_seconds(os.getpid())


def _mean(before: tuple[float, float], after: tuple[float, float]) -> float | None:
    steps = after[0] - before[0]
    return (after[1] - before[1]) / steps if steps else None


def _forked(work: Callable[[], Sequence[TimedAnswer]]) -> Callable[[], list[TimedAnswer]]:
    """Run work in a process of its own; what it returns comes by calling."""
    reading, writing = os.pipe()
    process = os.fork()
    if not process:
        status = 1
        try:
            os.close(reading)
            with os.fdopen(writing, "w", encoding="utf-8") as pipe:
                json.dump(work(), pipe)
            status = 0
        except BaseException:  # noqa: BLE001 - this is all that is left of the process
            traceback.print_exc()
        finally:
            os._exit(status)
    os.close(writing)

    def result() -> list[TimedAnswer]:
        with os.fdopen(reading, encoding="utf-8") as pipe:
            text = pipe.read()
        if os.waitpid(process, 0)[1]:
            raise IsthmusError("a device's process failed; what went wrong stands above")
        return [TimedAnswer(*one) for one in json.loads(text)]

    return result


def _ask(
    crowd: Crowd,
    group: Group,
    requests: Sequence[ip.InferRequest],
    number: int,
    window: tuple[float, float],
) -> list[TimedAnswer]:
    """Ask until the window is over; what ended within it."""
    began, ended = window
    samples: list[TimedAnswer] = []
    with CloudClient(crowd.address) as client, _closed_at(ended, client):
        client.connect()
        asked = islice(cycle(requests), number, None)
        for due in _dues(group, number, began - crowd.warm_seconds, ended):
            for sample in _answers(client, next(asked), due, again=group.again):
                samples += [sample] if began <= time.monotonic() < ended else []
    return samples


def _dues(group: Group, number: int, began: float, ended: float) -> Iterator[float]:
    """The instants at which a device asks."""
    _sleep_until(began)
    if group.rate is None:
        while (now := time.monotonic()) < ended:
            yield now
        return
    chance, due = random.Random(number), began
    while (due := due + chance.expovariate(group.rate / group.devices)) < ended:
        _sleep_until(due)
        yield due


@contextmanager
def _closed_at(instant: float, client: CloudClient) -> Iterator[None]:
    """What is not answered then is let go."""
    timer = Timer(instant - time.monotonic(), client.close)
    timer.start()
    try:
        yield
    finally:
        timer.join()


def _answers(
    client: CloudClient, request: ip.InferRequest, due: float, *, again: bool
) -> Iterator[TimedAnswer]:
    """Ask about a frame that nobody else asks about, and once more about it if so told."""
    request.client_secret = secrets.token_bytes(CLIENT_SECRET_BYTES)
    sample, frame = _answer(client, request, FIRST, due)
    yield sample
    if again and frame:
        second = ip.InferRequest(
            bundle=request.bundle,
            question=_QUESTION_AGAIN,
            cached_frame=frame,
            generation=request.generation,
            client_secret=request.client_secret,
        )
        yield _answer(client, second, AGAIN, time.monotonic())[0]


def _answer(
    client: CloudClient, request: ip.InferRequest, kind: str, due: float
) -> tuple[TimedAnswer, bytes]:
    """One answer, and the name of its frame."""
    first, done = None, ip.Done()
    try:
        for reply in client.infer(request, _DEADLINE_SECONDS):
            first = first or time.monotonic()
            done = reply.done if reply.HasField("done") else done
    except (IsthmusError, ValueError) as error:  # grpc has a ValueError for a channel that is closed
        time.sleep(_PAUSE_SECONDS)
        return TimedAnswer(kind, 0.0, _since(due), 0, str(error)), b""
    return TimedAnswer(kind, 1000 * ((first or due) - due), _since(due), done.tokens), done.frame


def _since(instant: float) -> float:
    return 1000 * (time.monotonic() - instant)


def _sleep_until(instant: float) -> None:
    time.sleep(max(0.0, instant - time.monotonic()))


def plan_of(crowd: Crowd) -> str:
    """As `main`'s process is told of it."""
    return json.dumps(asdict(crowd))


def _read(plan: str) -> Crowd:
    told = json.loads(plan)
    return Crowd(**told | {"groups": [Group(**group) for group in told["groups"]]})


if __name__ == "__main__":
    child.run(lambda: main(_read(sys.argv[1])))
