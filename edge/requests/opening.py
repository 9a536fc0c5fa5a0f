"""An orchestrator with everything that it needs: the bundle, what this device and the link are known to take,
the client. What it learns is kept for the next process.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread

from edge import config
from edge.costs.device_times import DeviceTimes
from edge.costs.known import known_profile
from edge.link.byte_count import ByteCount
from edge.link.client import CloudClient
from edge.link.endpoint import Endpoint
from edge.link.link import Link
from edge.requests.machine import Machine
from edge.requests.orchestrator import Orchestrator
from edge.requests.turn import Priority
from protos.bundle import Bundle
from protos.codec.rans_loops import compile_loops
from protos.connection.peer import Credentials, Peer
from protos.terminal.options import open_bundle

SAVE_SECONDS = 60.0
_NONE = Credentials()


@contextmanager
def open_orchestrator(
    bundle: Bundle | Path | str | None = None,
    cloud: Peer | str | Mapping[str, Peer | str] | None = None,
    *,
    credentials: Credentials = _NONE,
    threads: int = 1,
    provider: str = "",
    traces: bool = False,
) -> Iterator[Orchestrator]:
    """One with everything loaded. What it learns of the device and the links is saved every minute, and
    in the end, however that comes.

    `bundle`: a folder that `isthmus split` made; else that of $ISTHMUS_BUNDLE, else the built-in model's.
    `cloud`: HOST:PORT, https://HOST[:PORT], or a peer with its credentials; several by the names that they
    are called by; without one the device answers alone. `provider`: of onnxruntime; else that of
    $ISTHMUS_PROVIDER, else the one that suits the model. `traces`: clouds are told which trace a request is
    of (docs/monitoring.md).
    Raises BundleError, and RequestError for an address, credentials or a provider that are none.
    """
    opened = bundle if isinstance(bundle, Bundle) else open_bundle(Path(bundle) if bundle else None)
    profile = known_profile(opened, threads, provider)
    machine = Machine(count=ByteCount(config.bytes_file(), time.time))
    times = DeviceTimes(profile, time.monotonic(), machine.meter.power)
    kept = config.times_file(opened.digest, threads, provider)
    times.load(kept, time.monotonic(), time.time())
    peers = _peers(cloud, credentials)
    with ExitStack() as connected:
        ways = [connected.enter_context(_connected(opened, name, peer)) for name, peer in peers.items()]
        orchestrator = Orchestrator(
            opened,
            [way.endpoint for way in ways],
            profile,
            times=times,
            machine=machine,
            threads=threads,
            provider=provider,
            traces=traces,
        )
        orchestrator.prepare()

        def save() -> None:
            with orchestrator.paused(Priority.STANDING):
                times.save(kept, time.time())
                for way in ways:
                    way.save()

        with _saving(save, compile_loops if ways else _nothing):
            yield orchestrator


@dataclass(frozen=True)
class _Way:
    """To a cloud: the file is where the link is remembered."""

    endpoint: Endpoint
    file: Path | None

    def save(self) -> None:
        self.endpoint.link.save(self.file, time.monotonic(), time.time())


def _peers(cloud: Peer | str | Mapping[str, Peer | str] | None, credentials: Credentials) -> dict[str, Peer]:
    """By name; of one alone it is empty. Raises RequestError."""
    given = cloud if isinstance(cloud, Mapping) else {"": cloud} if cloud else {}
    peers = {
        name: peer if isinstance(peer, Peer) else Peer.parse(peer, credentials)
        for name, peer in given.items()
    }
    return peers if len(peers) > 1 else dict(zip([""], peers.values(), strict=False))


@contextmanager
def _connected(bundle: Bundle, name: str, peer: Peer) -> Iterator[_Way]:
    """A client, and what is known of its link."""
    link, memory = Link(bundle, time.monotonic()), config.link_file(str(peer))
    link.load(memory, time.monotonic(), time.time())
    with CloudClient(peer) as client:
        client.connect()
        yield _Way(Endpoint(client, link, name), memory)


@contextmanager
def _saving(save: Callable[[], None], lasts: Callable[[], None]) -> Iterator[None]:
    """Save every so often, and in the end; `lasts` is called in a process that does."""
    ended = Event()

    def keep() -> None:
        while not ended.wait(SAVE_SECONDS):
            lasts()
            save()

    thread = Thread(target=keep, name="save what was learned", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        save()


def _nothing() -> None:
    """Without a cloud there is no link to save, and nothing to code."""
