"""The strategies that are compared, each on a device of its own behind the same link."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from time import perf_counter

from bench.rig.bundles import cheapest_split, cheapest_upload
from bench.rig.outcomes import AUTO, FALLBACK, REMOTE, Outcome, VisualQuestion
from edge.link.client import CloudClient
from edge.pictures.files import decode_picture
from edge.policy.decision import Decision
from edge.policy.explain import verdicts
from edge.requests.answer import Answer
from edge.requests.orchestrator import Orchestrator
from protos import bundle_pb2 as pb
from protos.arms.rules import Rules
from protos.bundle import Bundle
from protos.costs.profile import DeviceProfile
from protos.errors import CloudError, NoRoute
from protos.measurements import coding_of
from protos.pictures.upload_formats import UPLOAD_FORMATS


@dataclass(frozen=True)
class Strategy:
    """A name, what it means in words, and the rules that make the orchestrator follow it."""

    name: str
    words: str
    rules: Rules


def strategies(measured: pb.Measurements) -> list[Strategy]:
    """One forced route of each kind, the cheapest that loses at most a point, and the orchestrator's own
    choice.
    """
    upload, split = coding_of(cheapest_upload(measured, UPLOAD_FORMATS)), cheapest_split(measured)
    return [
        Strategy("local", "always on the device", Rules(route="local")),
        Strategy(
            "upload",
            f"always the picture, as {upload}",
            _remote(f"upload@{upload}"),
        ),
        Strategy("split", f"always the features of {split}", _remote(f"split@{split}")),
        Strategy(AUTO, "as the orchestrator decides", Rules()),
        Strategy(REMOTE, "as the orchestrator decides on a device that cannot answer alone", _remote(AUTO)),
    ]


def with_fallback(measured: pb.Measurements) -> Strategy:
    """The features; where the cloud is lost, the device answers."""
    return Strategy(
        FALLBACK,
        "as split, but the device answers where the cloud is lost",
        Rules(route=f"split@{cheapest_split(measured)}"),
    )


def _remote(route: str) -> Rules:
    return Rules(route=route, allow_local=False)


class StrategyDevice:
    """One strategy's orchestrator; what it learns of the link is its own."""

    def __init__(
        self, strategy: Strategy, bundle: Bundle, profile: DeviceProfile, client: CloudClient
    ) -> None:
        self.strategy = strategy
        self._orchestrator = Orchestrator(bundle, client, profile)
        self._orchestrator.prepare()
        self.decision: Decision | None = None

    def ask(self, asked: VisualQuestion) -> Outcome:
        """Ask one question; a failure is an outcome too."""
        picture = decode_picture(asked.png)
        started = perf_counter()
        try:
            answer = self._orchestrator.answer(picture, asked.question, self.strategy.rules)
        except (CloudError, NoRoute) as error:
            return Outcome(
                asked, self.strategy.name, failure=str(error), milliseconds=(perf_counter() - started) * 1000
            )
        self.decision = answer.decision
        return _outcome(asked, self.strategy.name, answer, (perf_counter() - started) * 1000)


@contextmanager
def devices(
    chosen: Sequence[Strategy], bundle: Bundle, profile: DeviceProfile, address: str
) -> Iterator[list[StrategyDevice]]:
    """A device for each strategy, each with a connection of its own."""
    with ExitStack() as clients:
        yield [
            StrategyDevice(s, bundle, profile, clients.enter_context(CloudClient(address))) for s in chosen
        ]


def _outcome(asked: VisualQuestion, strategy: str, answer: Answer, milliseconds: float) -> Outcome:
    stages = {name: ms for name, ms in answer.stages.items() if name != "total"}
    return Outcome(
        asked,
        strategy,
        answer.text,
        "",
        answer.route,
        answer.fallback or "",
        answer.bytes_up,
        milliseconds,
        stages,
        verdicts=verdicts(answer.decision) if strategy in (AUTO, REMOTE) else {},
        decided=answer.decision.arm.name,
        sure=answer.confidence,
        escalated=answer.escalated,
    )
