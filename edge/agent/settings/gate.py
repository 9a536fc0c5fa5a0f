"""When a frame is so like an earlier one that its answers hold."""

from typing import Annotated

from msgspec import Meta

from edge.agent.settings.quantities import Milliseconds, Section


class GateSettings(Section, frozen=True):
    """`[source.gate]`. `luma`: levels of 255 by which the most changed part of a frame may differ, light that
    changes everywhere left out. `features`: the distance of what the head makes of both, for frames that
    differ by more than `luma` and less than `changed`; 0 leaves the head out. `max_age`: an answer that is
    older is asked for again, whatever the frames show.
    """

    enabled: bool = False
    luma: Annotated[float, Meta(ge=0, le=255)] = 3.0
    changed: Annotated[float, Meta(ge=0, le=255)] = 24.0
    features: Annotated[float, Meta(ge=0, le=2)] = 0.01
    max_age: Milliseconds = Milliseconds(60_000)
