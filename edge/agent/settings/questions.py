"""Standing questions: what is asked of every frame of a source that has changed."""

from typing import Annotated

from msgspec import Meta

from edge.agent.settings.events import EventSettings
from edge.agent.settings.names import Name
from edge.agent.settings.quantities import Milliseconds, Section
from protos import inference_pb2 as pb


class QuestionSettings(Section, frozen=True):
    """`[[source.question]]`. A dual encoder has no text: it chooses among `labels`. `threshold`: how far the
    features of a frame may be from those of the frame that the cloud answered last for that answer to hold,
    without the model; 0: they are the same. It begins to matter where sensors are noisy: 0.01.
    """

    name: Name
    text: str = ""
    labels: tuple[str, ...] = ()
    max_tokens: Annotated[int, Meta(ge=0)] = 0  # 0: the bundle's limit
    threshold: Annotated[float, Meta(ge=0, le=2)] = 0.0
    defer: Milliseconds | None = None  # how long it may wait in the outbox, where it cannot be answered now
    event: Annotated[tuple[EventSettings, ...], Meta(max_length=64)] = ()

    def generation(self) -> pb.Generation:
        return pb.Generation(max_tokens=self.max_tokens)
