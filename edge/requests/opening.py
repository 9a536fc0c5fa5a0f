"""An orchestrator with everything that it needs: the bundle, what this device and the link are known to take,
the client. What it learns is kept for the next process.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

from edge import config
from edge.costs.device_times import DeviceTimes
from edge.costs.known import known_profile
from edge.link.byte_count import ByteCount
from edge.link.client import CloudClient
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
    cloud: Peer | str | None = None,
    *,
    credentials: Credentials = _NONE,
    threads: int = 1,
    provider: str = "",
    once: bool = False,
) -> Iterator[Orchestrator]:
    """One with everything loaded; `once`: but the codecs that one question does not use. What it learns of
    the device and the link is saved every minute, and in the end, however that comes.

    `bundle`: a folder that `isthmus split` made; else that of $ISTHMUS_BUNDLE, else the built-in model's.
    `cloud`: HOST:PORT, https://HOST[:PORT], or a peer with its credentials; without one the device answers
    alone. `provider`: of onnxruntime; else that of $ISTHMUS_PROVIDER, else the one that suits the model.
    Raises BundleError, and RequestError for an address, credentials or a provider that are none.
    """
    opened = bundle if isinstance(bundle, Bundle) else open_bundle(Path(bundle) if bundle else None)
    profile = known_profile(opened, threads, provider)
    machine = Machine(count=ByteCount(config.bytes_file(), time.time))
    times = DeviceTimes(profile, time.monotonic(), machine.meter.power)
    kept = config.times_file(opened.digest, threads, provider)
    times.load(kept, time.monotonic(), time.time())
    with _connected(opened, cloud, credentials) as (client, link, save_link):
        orchestrator = Orchestrator(
            opened, client, profile, link, times, machine, threads=threads, provider=provider
        )
        orchestrator.prepare(codecs=not once)

        def save() -> None:
            with orchestrator.paused(Priority.STANDING):
                times.save(kept, time.time())
                save_link()

        with _saving(save, compile_loops if client else _nothing):
            yield orchestrator


@contextmanager
def _connected(
    bundle: Bundle, cloud: Peer | str | None, credentials: Credentials
) -> Iterator[tuple[CloudClient | None, Link | None, Callable[[], None]]]:
    """The client, what is known of its link, and what saves that."""
    if not cloud:
        yield None, None, _nothing
        return
    peer = cloud if isinstance(cloud, Peer) else Peer.parse(cloud, credentials)
    link, memory = Link(bundle, time.monotonic()), config.link_file(str(peer))
    link.load(memory, time.monotonic(), time.time())
    with CloudClient(peer) as client:
        client.connect()
        yield client, link, lambda: link.save(memory, time.monotonic(), time.time())


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
