"""What answers: the orchestrator with its models and its cloud."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass

from edge.agent.config.settings import AgentSettings
from edge.agent.settings.cloud import CloudSettings
from edge.link.client import CloudClient
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
    cloud: CloudSettings | None


@dataclass(frozen=True)
class Models:
    """What they learn of the device and the link is saved every minute, and in the end. `client` asks
    the cloud for what no one waits for here: embeddings of texts, what the outbox holds.
    """

    key: ModelKey
    orchestrator: Orchestrator
    client: CloudClient | None


def key_of(settings: AgentSettings) -> ModelKey:
    """Raises BundleError."""
    return _key(open_bundle(settings.bundle), settings)


@contextmanager
def open_models(settings: AgentSettings) -> Iterator[Models]:
    """Everything loaded. Raises BundleError, and RequestError for a cloud or a provider that is none."""
    bundle = open_bundle(settings.bundle)
    cloud = settings.cloud.peer() if settings.cloud else None
    opening = open_orchestrator(bundle, cloud, threads=settings.threads, provider=settings.provider)
    with opening as orchestrator, CloudClient(cloud) if cloud else nullcontext() as client:
        yield Models(_key(bundle, settings), orchestrator, client)


def _key(bundle: Bundle, settings: AgentSettings) -> ModelKey:
    return ModelKey(bundle.digest, settings.threads, settings.provider, settings.cloud)
