"""Standing questions: what is asked of every frame of a source that has changed."""

from typing import Annotated

from msgspec import Meta

from edge.agent.settings.quantities import Milliseconds, Section
from protos import inference_pb2 as pb

NAME = r"^[a-z0-9][a-z0-9_-]{0,62}$"
Name = Annotated[str, Meta(pattern=NAME)]  # as MQTT topics, metrics and file names take it


class QuestionSettings(Section, frozen=True):
    """`[[source.question]]`. A dual encoder has no text: it chooses among `labels`."""

    name: Name
    text: str = ""
    labels: tuple[str, ...] = ()
    max_tokens: Annotated[int, Meta(ge=0)] = 0  # 0: the bundle's limit
    defer: Milliseconds | None = None  # how long it may wait in the outbox, where it cannot be answered now

    def generation(self) -> pb.Generation:
        return pb.Generation(max_tokens=self.max_tokens)
