"""What an operator of the fleet wishes, laid over `agent.toml`. Pure."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from msgspec.structs import replace

from edge.agent.broker.fleet_access import FleetAccess
from edge.agent.config.settings import AgentSettings
from edge.agent.settings.quantities import Bytes, Celsius, Joules, Milliseconds, Percent, PerSecond, Url
from edge.agent.settings.questions import QuestionSettings
from edge.agent.settings.rules import RuleSettings, WeightSettings
from edge.agent.settings.update import UpdateSettings
from edge.agent.sources.kinds import AnySource
from protos import fleet_pb2 as pb
from protos.errors import RequestError

ANY_LOSS = 100.0  # points


class ImpossibleWish(RequestError):
    """What this device cannot be. `field`: of the message."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message, field=field)
        self.field = field


def overlaid(base: AgentSettings, wish: pb.FleetSettings) -> AgentSettings:
    """The settings of the file, with all that is wished for but the bundle. Raises ImpossibleWish."""
    sources = _sources(base, wish)
    found = replace(
        base,
        rules=_rules(base.rules, wish),
        weights=_weights(base.weights, wish.weights),
        source=tuple(_of_source(source, wish) for source in sources),
    )
    if isinstance(base.fleet, FleetAccess):
        found = replace(found, fleet=_access(base.fleet, wish))
    try:
        found.check()
    except RequestError as error:
        raise ImpossibleWish("settings.sources", str(error)) from error
    return found


def _access(own: FleetAccess, wish: pb.FleetSettings) -> FleetAccess:
    given = dict[str, Any]()
    if wish.HasField("telemetry_seconds"):
        given["telemetry"] = Milliseconds(1000.0 * wish.telemetry_seconds)
    if wish.HasField("agreement_percent"):
        given["agreement"] = Percent(wish.agreement_percent)
    if wish.HasField("agreement_bytes_per_hour"):
        given["agreement_bytes"] = Bytes(wish.agreement_bytes_per_hour)
    return replace(own, **given)


def update_of(base: AgentSettings, reference: pb.BundleReference, own: str) -> UpdateSettings | None:
    """What has a bundle fetched and tried; None where it is the file's own, whose digest is `own`. The file's
    token is sent to its own host only. Raises ImpossibleWish.
    """
    digest, update = reference.digest, base.update
    if not reference.url:
        if update:
            return replace(update, digest=digest, every=None)
        if digest == own:
            return None
        raise ImpossibleWish("settings.bundle.url", "nothing says where the bundle is; give its url")
    found = UpdateSettings(url=Url(reference.url), digest=digest)
    if update:
        same = urlsplit(update.url.text).netloc == urlsplit(reference.url).netloc
        found = replace(
            found,
            max_bytes=update.max_bytes,
            ca=update.ca,
            token_file=update.token_file if same else None,
            allow_plain=update.allow_plain,
        )
    try:
        found.check(clouds=bool(base.clouds))
    except RequestError as error:
        raise ImpossibleWish("settings.bundle.url", str(error)) from error
    return found


def _rules(own: RuleSettings, wish: pb.FleetSettings) -> RuleSettings:
    """The device's own prohibitions stay."""
    rules, given = wish.rules, dict[str, Any]()
    for name in ("confidence", "local"):
        if rules.HasField(name):
            given[name] = getattr(rules, name)
    if rules.HasField("max_loss"):
        given["max_loss"] = rules.max_loss if rules.max_loss < ANY_LOSS else None
    limits = {
        "deadline_milliseconds": ("deadline", Milliseconds),
        "bytes_per_day": ("bytes_per_day", Bytes),
        "battery_floor": ("battery_floor", Percent),
        "temperature_ceiling": ("temperature_ceiling", Celsius),
    }
    for told, (name, kind) in limits.items():
        if rules.HasField(told):
            value = getattr(rules, told)
            given[name] = kind(value) if value else None
    if wish.HasField("cuts"):
        pinned = wish.cuts.pinned
        given |= {"cuts": (pinned,) if pinned else tuple(wish.cuts.allowed), "codec": wish.cuts.codec}
    return replace(
        own,
        never_upload=own.never_upload or rules.never_upload,
        never_leave_device=own.never_leave_device or rules.never_leave_device,
        **given,
    )


def _weights(own: WeightSettings, wish: pb.FleetWeights) -> WeightSettings:
    names = [name for name in ("accuracy", "kilobyte", "joule") if wish.HasField(name)]
    return replace(own, **{name: Milliseconds(getattr(wish, name)) for name in names})


def _sources(base: AgentSettings, wish: pb.FleetSettings) -> Iterator[AnySource]:
    """Those of the file, as they are wished for by name. Raises ImpossibleWish for one that it has not."""
    wished = {source.name: source for source in wish.sources}
    names = [source.name for source in base.source]
    for index, source in enumerate(wish.sources):
        if source.name not in names:
            words = f"there is no source {source.name!r} here; choose among: {', '.join(names) or 'none'}"
            raise ImpossibleWish(f"settings.sources[{index}].name", words)
    for own in base.source:
        yield _source(own, wished[own.name]) if own.name in wished else own


def _source(own: AnySource, wish: pb.FleetSource) -> AnySource:
    given = dict[str, Any]()
    if wish.HasField("enabled"):
        given["enabled"] = wish.enabled
    if wish.HasField("rate"):
        given["rate"] = PerSecond(wish.rate)
    if wish.HasField("bytes_per_day"):
        given["bytes_per_day"] = Bytes(wish.bytes_per_day) if wish.bytes_per_day else None
    if wish.HasField("joules_per_day"):
        given["joules_per_day"] = Joules(wish.joules_per_day) if wish.joules_per_day else None
    if wish.questions:
        asked = {question.name: question for question in own.question}
        given["question"] = tuple(_question(asked.get(one.name), one) for one in wish.questions)
    return replace(own, **given)


def _question(own: QuestionSettings | None, wish: pb.FleetQuestion) -> QuestionSettings:
    """One of the same name keeps its events."""
    found = replace(own or QuestionSettings(name=wish.name), text=wish.text, labels=tuple(wish.labels))
    if wish.HasField("threshold"):
        found = replace(found, threshold=wish.threshold)
    return replace(found, max_tokens=wish.max_tokens) if wish.HasField("max_tokens") else found


def _of_source(source: AnySource, wish: pb.FleetSettings) -> AnySource:
    """A source's own rules and weights stand in place of the agent's: the wish is laid over them too."""
    rules = _rules(source.rules, wish) if source.rules else None
    weights = _weights(source.weights, wish.weights) if source.weights else None
    return replace(source, rules=rules, weights=weights)
