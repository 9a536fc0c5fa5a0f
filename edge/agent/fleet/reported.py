"""The settings in force, as the fleet is told of them: complete, what `agent.toml` says included. Pure."""

from edge.agent.broker.fleet_access import FleetAccess
from edge.agent.config.settings import AgentSettings
from edge.agent.fleet.overlay import ANY_LOSS
from edge.agent.settings.questions import QuestionSettings
from edge.agent.settings.rules import RuleSettings
from edge.agent.sources.kinds import AnySource
from protos import fleet_pb2 as pb
from protos.errors import TooLarge
from protos.fleet.messages import to_json


def told_settings(settings: AgentSettings, bundle: str) -> pb.FleetSettings:
    """`bundle`: the digest of the open one."""
    weights, rules = settings.weights, settings.rules
    found = pb.FleetSettings(
        bundle=pb.BundleReference(digest=bundle),
        cuts=_cuts(rules),
        weights=pb.FleetWeights(accuracy=weights.accuracy, kilobyte=weights.kilobyte, joule=weights.joule),
        rules=_rules(rules),
        sources=[_source(source) for source in settings.source],
    )
    if isinstance(settings.fleet, FleetAccess):
        found.telemetry_seconds = round(settings.fleet.telemetry.seconds)
        found.agreement_percent = settings.fleet.agreement
        found.agreement_bytes_per_hour = settings.fleet.agreement_bytes
    return found


def fitting(reported: pb.Reported) -> bytes:
    """As JSON. Where it is too large for a message, questions are left out, and then sources."""
    told = pb.Reported()
    told.CopyFrom(reported)
    for leave_out in (None, "questions", "sources"):
        if leave_out == "questions":
            for source in told.settings.sources:
                source.ClearField("questions")
        if leave_out == "sources":
            told.settings.ClearField("sources")
        try:
            return to_json(told)
        except TooLarge:
            continue
    told.ClearField("settings")
    return to_json(told)


def _cuts(rules: RuleSettings) -> pb.Cuts:
    """One cut alone is pinned, whoever said so."""
    if len(rules.cuts) == 1:
        return pb.Cuts(pinned=rules.cuts[0], codec=rules.codec)
    return pb.Cuts(allowed=rules.cuts, codec=rules.codec)


def _rules(rules: RuleSettings) -> pb.FleetRules:
    return pb.FleetRules(
        deadline_milliseconds=rules.deadline or 0.0,
        confidence=rules.confidence,
        never_upload=rules.never_upload,
        never_leave_device=rules.never_leave_device,
        local=rules.local,
        max_loss=ANY_LOSS if rules.max_loss is None else rules.max_loss,
        bytes_per_day=rules.bytes_per_day or 0,
        battery_floor=rules.battery_floor or 0.0,
        temperature_ceiling=rules.temperature_ceiling or 0.0,
    )


def _source(source: AnySource) -> pb.FleetSource:
    return pb.FleetSource(
        name=source.name,
        enabled=source.enabled,
        rate=source.rate,
        bytes_per_day=source.bytes_per_day or 0,
        joules_per_day=source.joules_per_day or 0.0,
        questions=[_question(question) for question in source.question],
    )


def _question(question: QuestionSettings) -> pb.FleetQuestion:
    return pb.FleetQuestion(
        name=question.name,
        text=question.text,
        labels=question.labels,
        threshold=question.threshold,
        max_tokens=question.max_tokens,
    )
