"""A service is asked by callers who hang up, run out of time, ask again and send what is none, thousands of
times: in the end it holds no row, no frame and no more memory than when it had begun.
"""

import itertools
import os
import random
import secrets
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from bench.rig.cloud_process import CloudProcess
from bench.rig.process_memory import resident
from bench.service.workloads import MIXED, UPLOAD, read_requests, write_workloads
from edge.link.client import CloudClient
from protos import inference_pb2 as ip
from protos.bundle import Bundle
from protos.errors import IsthmusError
from protos.limits import CLIENT_SECRET_BYTES

pytestmark = pytest.mark.slow
REQUESTS = int(os.environ.get("ISTHMUS_CHAOS_ANSWERS", "200"))
MEASURED = 5_000  # requests: with fewer, what malloc keeps still fills, and memory says nothing
# a busy machine may take a second from an answer to the question that follows it
DEVICES, TOKENS, KEEP_SECONDS, PATIENCE_SECONDS = 24, 6, 5, 60
WAYS = ("read", "read", "again", "hang up", "in a hurry", "garbage")


class Soak:
    """Devices that take requests from one pile until it is empty."""

    def __init__(self, address: str, requests: list[ip.InferRequest], process: int) -> None:
        self._address, self._requests, self._process = address, requests, process
        self._numbers, self.lock = itertools.count(), threading.Lock()
        self.got: Counter[str] = Counter()
        self.memory: list[int] = []  # after each tenth of all requests

    def run(self) -> None:
        devices = [threading.Thread(target=self._ask, name="device", daemon=True) for _ in range(DEVICES)]
        for device in devices:
            device.start()
        for device in devices:
            device.join()

    def _ask(self) -> None:
        with CloudClient(self._address) as client:
            while (number := next(self._numbers)) < REQUESTS:
                way, ended = random.Random(number).choice(WAYS), "answered"
                try:
                    self._go(way, number, client)
                except IsthmusError as error:
                    ended = type(error).__name__
                with self.lock:
                    self.got[f"{way}: {ended}"] += 1
                    if number % (REQUESTS // 10) == REQUESTS // 10 - 1:
                        self.memory.append(resident(self._process))

    def _go(self, way: str, number: int, client: CloudClient) -> None:
        request = ip.InferRequest()
        request.CopyFrom(self._requests[number % len(self._requests)])
        request.client_secret = secrets.token_bytes(CLIENT_SECRET_BYTES)
        if way == "garbage":
            request.bundle = request.bundle[:8]
            request.features.payloads.add(data=secrets.token_bytes(64))
        seconds = random.Random(number).uniform(0.005, 0.2) if way == "in a hurry" else PATIENCE_SECONDS
        with closing(client.infer(request, seconds)) as replies:
            frame = b""
            for reply in replies:
                frame = reply.done.frame
                if way == "hang up":
                    return
        if way == "again":
            request.ClearField("features")
            request.ClearField("picture")
            request.cached_frame = frame
            for _ in client.infer(request, PATIENCE_SECONDS):
                pass


@pytest.fixture(scope="module")
def requests(bundle_path: Path, tmp_path_factory: pytest.TempPathFactory) -> list[ip.InferRequest]:
    workloads = write_workloads(Bundle.open(bundle_path), TOKENS, tmp_path_factory.mktemp("asked"))
    return [*read_requests(workloads.folders[MIXED]), *read_requests(workloads.folders[UPLOAD])]


@pytest.fixture(scope="module")
def cloud(bundle_path: Path) -> Iterator[CloudProcess]:
    kept = ("--keep", f"{KEEP_SECONDS}s", "--keep-answers", f"{KEEP_SECONDS}s", "--http", "127.0.0.1:0")
    with CloudProcess(bundle_path, options=kept) as found:
        yield found


def test_nothing_is_left_of_what_was_asked(cloud: CloudProcess, requests: list[ip.InferRequest]) -> None:
    soak = Soak(cloud.address, requests, cloud.pid)
    soak.run()
    print(*(f"{count:6,} {name}" for name, count in sorted(soak.got.items())), sep="\n")
    print("memory after each tenth:", *(f"{size / 1e6:.1f}" for size in soak.memory), "MB")
    assert sum(soak.got.values()) == REQUESTS
    for way in ("read", "again"):
        assert {name for name in soak.got if name.startswith(f"{way}:")} <= {f"{way}: answered"}
    assert soak.got["garbage: answered"] == 0
    assert _settled(cloud.http_url) == {}
    if REQUESTS >= MEASURED:
        assert soak.memory[-1] < 1.05 * soak.memory[1]


def _settled(url: str) -> dict[str, float]:
    """What the service still holds, once it has had the time to let go of all."""
    end = time.monotonic() + PATIENCE_SECONDS
    while (left := _held(url)) and time.monotonic() < end:
        time.sleep(0.2)
    return left


def _held(url: str) -> dict[str, float]:
    names = ("isthmus_cloud_waiting", "isthmus_cloud_running", "isthmus_cloud_cache_bytes")
    samples = [
        sample
        for family in text_string_to_metric_families(httpx.get(f"{url}/metrics").text)
        for sample in family.samples
    ]
    assert {sample.name for sample in samples} >= set(names)
    return {
        f"{sample.name} {sample.labels}": sample.value
        for sample in samples
        if sample.name in names and sample.value
    }
