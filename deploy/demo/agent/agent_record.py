"""What the demonstration's agent did: plain values, and whether that is what an agent does."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class EndpointReply:
    """A question over OpenAI's API, and what came."""

    question: str
    expected: str
    answer: str
    route: str
    milliseconds: float


@dataclass(frozen=True)
class SeenEvent:
    """An event, as the agent's log has it. `at`: seconds since 1970."""

    at: float
    source: str
    event: str
    phase: str
    text: str


@dataclass(frozen=True)
class AgentRecord:
    """`answers`: by route. `read`: frames; `dropped` of them had nobody's time. `gated`: questions that an
    earlier answer was given for. `delivered`: events that came over MQTT.
    """

    seconds: float
    configuration: str
    answers: Mapping[str, int] = field(default_factory=dict)
    read: int = 0
    dropped: int = 0
    gated: int = 0
    failed: int = 0
    sent_bytes: int = 0
    events: Sequence[SeenEvent] = ()
    delivered: int = 0
    live_page: bool = False
    reply: EndpointReply | None = None

    @property
    def missing(self) -> list[str]:
        """What an agent does and this one has not done."""
        return list(_missing(self))


def _missing(record: AgentRecord) -> Iterator[str]:
    routes = {route.partition("@")[0] for route in record.answers}
    if "split" not in routes:
        yield "no answer came from the cloud by features"
    if not record.gated:
        yield "no frame was found to be like an earlier one"
    if not any(event.phase == "begin" for event in record.events):
        yield "no event began"
    if not record.delivered:
        yield "no event came over MQTT"
    if not record.live_page:
        yield "the live page shows no answer"
    if record.reply is None or not record.reply.answer:
        yield "the OpenAI endpoint gave no answer"
