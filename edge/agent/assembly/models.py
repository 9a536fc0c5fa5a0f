"""What answers: the orchestrator with its models and its cloud."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from edge.agent.config.settings import AgentSettings
from edge.agent.settings.cloud import CloudSettings
from edge.link.client import CloudClient
from edge.link.failover import FailoverClient
from edge.requests.opening import open_orchestrator
from edge.requests.orchestrator import Orchestrator
from protos.bundle import Bundle
from protos.terminal.options import open_bundle


@dataclass(frozen=True)
class ModelKey:
    """Two configurations of one key are answered by the same models, which then stay loaded."""

    bundle: str  # digest
    threads: int
    provider: str
    clouds: tuple[CloudSettings, ...]
    traces: bool


@dataclass(frozen=True)
class Models:
    """What they learn of the device and the links is saved every minute, and in the end. `client` asks
    a cloud for what no one waits for here: embeddings of texts, what the outbox holds.
    """

    key: ModelKey
    orchestrator: Orchestrator
    client: FailoverClient | None


def key_of(settings: AgentSettings) -> ModelKey:
    """Raises BundleError."""
    return _key(open_bundle(settings.bundle), settings)


@contextmanager
def open_models(settings: AgentSettings) -> Iterator[Models]:
    """Everything loaded. Raises BundleError, and RequestError for a cloud or a provider that is none."""
    bundle = open_bundle(settings.bundle)
    peers = {cloud.name or cloud.address: cloud.peer() for cloud in settings.clouds}
    with ExitStack() as opened:
        clients = [opened.enter_context(CloudClient(peer)) for peer in peers.values()]
        orchestrator = opened.enter_context(
            open_orchestrator(
                bundle, peers, threads=settings.threads, provider=settings.provider, traces=settings.traces
            )
        )
        yield Models(_key(bundle, settings), orchestrator, FailoverClient(clients) if clients else None)


def _key(bundle: Bundle, settings: AgentSettings) -> ModelKey:
    return ModelKey(bundle.digest, settings.threads, settings.provider, settings.clouds, settings.traces)
