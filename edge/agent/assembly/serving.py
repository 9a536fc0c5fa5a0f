"""The HTTP part, made of the agent's other parts."""

import time
from dataclasses import dataclass

from edge.agent.config.settings import AgentSettings
from edge.agent.http.application import HttpPart, Served
from edge.agent.http.openai.encoders import BundleEmbedding
from edge.agent.http.server import HttpServer
from edge.agent.http.settings import HttpSettings
from edge.agent.observing.asking import Asking
from edge.link.client import CloudClient
from edge.link.link import Link
from edge.requests.orchestrator import Orchestrator
from protos.bundle import Bundle
from protos.costs.estimates import LinkEstimate


@dataclass(frozen=True)
class AgentParts:
    """What answers."""

    bundle: Bundle
    orchestrator: Orchestrator
    client: CloudClient | None
    link: Link

    def link_now(self) -> LinkEstimate | None:
        """As it is believed to be; None where there is no cloud."""
        return self.link.snapshot(time.monotonic()) if self.client else None


def http_part(settings: AgentSettings, http: HttpSettings, parts: AgentParts, asking: Asking) -> HttpPart:
    """Raises RequestError for a token's file that holds none."""
    compares = parts.bundle.manifest.HasField("matching")
    embedding = BundleEmbedding(parts.bundle, parts.client, settings.threads, settings.provider)
    served = Served(
        bundle=parts.bundle,
        asking=asking,
        rules=settings.rules.rules(),
        weights=settings.weights.weights(),
        link=parts.link_now,
        remote=parts.client is not None,
        embedding=embedding if compares else None,
    )
    return HttpPart(http, served)


def server_of(http: HttpSettings, part: HttpPart) -> HttpServer:
    return HttpServer(part.application(), http.address, http.max_connections)
