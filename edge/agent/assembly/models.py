"""What answers: the orchestrator with its models and its cloud, and what they learned."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from edge import config
from edge.agent.config.settings import AgentSettings
from edge.agent.settings.cloud import CloudSettings
from edge.costs.device_times import DeviceTimes
from edge.costs.known import known_profile
from edge.link.byte_count import ByteCount
from edge.link.client import CloudClient
from edge.link.link import Link
from edge.requests.machine import Machine
from edge.requests.orchestrator import Orchestrator
from protos.bundle import Bundle
from protos.terminal.options import open_bundle


@dataclass(frozen=True)
class ModelKey:
    """Two configurations of one key are answered by the same models, which then stay loaded."""

    bundle: str  # digest
    threads: int
    provider: str
    cloud: CloudSettings | None


@dataclass(frozen=True)
class Models:
    """`save` keeps what was learned of the device and the link; not while a question is answered."""

    key: ModelKey
    orchestrator: Orchestrator
    save: Callable[[], None]


def key_of(settings: AgentSettings) -> ModelKey:
    """Raises BundleError."""
    return _key(open_bundle(settings.bundle), settings)


@contextmanager
def open_models(settings: AgentSettings) -> Iterator[Models]:
    """Everything loaded. Raises BundleError, and RequestError for a cloud or a provider that is none."""
    bundle = open_bundle(settings.bundle)
    profile = known_profile(bundle, settings.threads, settings.provider)
    machine = Machine(count=ByteCount(config.bytes_file(), time.time))
    times = DeviceTimes(profile, time.monotonic(), machine.meter.power)
    kept = config.times_file(bundle.digest, settings.threads, settings.provider)
    times.load(kept, time.monotonic(), time.time())
    with _connected(bundle, settings.cloud) as (client, link, save_link):
        orchestrator = Orchestrator(
            bundle,
            client,
            profile,
            link,
            times,
            machine,
            threads=settings.threads,
            provider=settings.provider,
        )
        orchestrator.prepare()

        def save() -> None:
            times.save(kept, time.time())
            save_link()

        try:
            yield Models(_key(bundle, settings), orchestrator, save)
        finally:
            save()


@contextmanager
def _connected(
    bundle: Bundle, cloud: CloudSettings | None
) -> Iterator[tuple[CloudClient | None, Link | None, Callable[[], None]]]:
    """The client, what is known of its link, and what saves that."""
    if cloud is None:
        yield None, None, _nothing
        return
    peer, link = cloud.peer(), Link(bundle, time.monotonic())
    memory = config.link_file(str(peer))
    link.load(memory, time.monotonic(), time.time())
    with CloudClient(peer) as client:
        client.connect()
        yield client, link, lambda: link.save(memory, time.monotonic(), time.time())


def _key(bundle: Bundle, settings: AgentSettings) -> ModelKey:
    return ModelKey(bundle.digest, settings.threads, settings.provider, settings.cloud)


def _nothing() -> None:
    """There is no link to save."""
