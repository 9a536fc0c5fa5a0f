"""Whether a device can answer as it is wished to, with a bundle that it has. Pure."""

from collections.abc import Iterator
from contextlib import contextmanager

from edge.agent.config.settings import AgentSettings
from edge.agent.fleet.overlay import ImpossibleWish
from protos import fleet_pb2 as pb
from protos.arms import arms_of, check_rules
from protos.arms.arm import Situation
from protos.arms.rules import Rules
from protos.bundle import Bundle
from protos.errors import RequestError
from protos.limits import check_labels, check_no_question, check_question


def check_possible(
    base: AgentSettings, wished: AgentSettings, wish: pb.FleetSettings, bundle: Bundle
) -> None:
    """Hold settings that are wished for against a bundle; `base` are those of the file. Raises ImpossibleWish
    for a cut, a codec or a question that the bundle does not know, and where rules leave no way to answer
    that leave one without the wish.
    """
    _check_cuts(wish.cuts, bundle)
    _check_questions(wish, bundle)
    before = dict(_asked(base))
    for who, rules in _asked(wished):
        if not _ways(rules, bundle, wished) and (who not in before or _ways(before[who], bundle, base)):
            raise ImpossibleWish(
                "settings.rules",
                f"{who} would have no way to answer; allow local answers, pictures, or another cut",
            )


def _check_cuts(cuts: pb.Cuts, bundle: Bundle) -> None:
    manifest, measured = bundle.manifest, bundle.measurements
    for field, rules in _named(cuts):
        with _wished(f"settings.cuts.{field}"):
            check_rules(rules, manifest, measured)


def _named(cuts: pb.Cuts) -> Iterator[tuple[str, Rules]]:
    """Each cut and codec that is named, as a rule of its own."""
    for index, name in enumerate(cuts.allowed):
        yield f"allowed[{index}]", Rules(cuts=(name,))
    if cuts.pinned:
        yield "pinned", Rules(cuts=(cuts.pinned,))
        yield "codec", Rules(cuts=(cuts.pinned,), codec=cuts.codec)


def _check_questions(wish: pb.FleetSettings, bundle: Bundle) -> None:
    manifest = bundle.manifest
    for index, source in enumerate(wish.sources):
        for number, question in enumerate(source.questions):
            with _wished(f"settings.sources[{index}].questions[{number}].text"):
                check_labels(question.labels, manifest)
                if manifest.HasField("matching"):
                    check_no_question(question.text, manifest)
                else:
                    check_question(question.text, manifest.limits)


@contextmanager
def _wished(field: str) -> Iterator[None]:
    """Within, what is wrong is wrong with a field of the wish."""
    try:
        yield
    except RequestError as error:
        raise ImpossibleWish(field, str(error)) from error


def _asked(settings: AgentSettings) -> Iterator[tuple[str, Rules]]:
    """By whose rules questions are answered."""
    if settings.http:
        yield "applications", settings.rules.rules()
    for source in settings.source:
        if source.enabled and source.question:
            yield f"source {source.name}", (source.rules or settings.rules).rules()


def _ways(rules: Rules, bundle: Bundle, settings: AgentSettings) -> bool:
    """Whether rules leave any, whatever link and battery are."""
    arms = arms_of(bundle.manifest, bundle.measurements, remote=bool(settings.clouds))
    return any(not arm.forbidden(Situation(rules, None)) for arm in arms)
