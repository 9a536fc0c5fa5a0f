"""The HTTP part, made of the agent's other parts."""

from collections.abc import Sequence

from edge.agent.assembly.kept import KeptParts
from edge.agent.assembly.models import Models
from edge.agent.assembly.outbox import OutboxParts
from edge.agent.config.settings import AgentSettings
from edge.agent.http.application import HttpPart, Served
from edge.agent.http.front import Application
from edge.agent.http.openai.encoders import BundleEmbedding
from edge.agent.http.outbox_metrics import OutboxCollector
from edge.agent.http.settings import HttpSettings
from edge.agent.http.source_metrics import SourceCollector
from edge.agent.http.update_metrics import UpdateCollector
from edge.agent.observing.asking import SharedOrchestrator
from edge.agent.observing.standing_answer import Observer


def http_part(
    settings: AgentSettings,
    http: HttpSettings,
    models: Models,
    kept: KeptParts,
    observers: Sequence[Observer] = (),
) -> HttpPart:
    """`observers` are told what applications are answered. Raises RequestError for a token's file that holds
    none.
    """
    orchestrator = models.orchestrator
    bundle = orchestrator.bundle
    embedding = BundleEmbedding(bundle, models.client, settings.threads, settings.provider)
    served = Served(
        bundle=bundle,
        asking=SharedOrchestrator(orchestrator, traffic=kept.status.traffic),
        rules=settings.rules.rules(),
        weights=settings.weights.weights(),
        links=orchestrator.links,
        remote=bool(settings.clouds),
        embedding=embedding if bundle.manifest.HasField("matching") else None,
        pushed=kept.inboxes,
        update=kept.status.update,
        counts=kept.counts,
        collectors=[SourceCollector(kept.status), UpdateCollector(kept.status.update)],
        observers=observers,
    )
    return HttpPart(http, served)


def application_of(part: HttpPart, outbox: OutboxParts | None) -> Application:
    """Of a part whose applications' questions may wait in an outbox."""
    if outbox:
        part.metrics.add(OutboxCollector(outbox.outbox))
        part.observers.append(outbox.sender.observe)
    return Application(part.application(outbox.keeper if outbox else None), part.leave)
