"""What a request may ask for beside OpenAI's parameters: the field `isthmus`, `extra_body` of its client."""

from dataclasses import replace
from typing import Annotated

import msgspec
from msgspec import Meta

from edge.agent.http.settings import Streaming
from edge.agent.settings.quantities import Milliseconds
from protos.arms.rules import AUTO, Rules


class IsthmusOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`isthmus: {"deadline": "300ms", "never_upload": true}`. Stricter rules of the operator hold."""

    deadline: Milliseconds | None = None
    confidence: Annotated[float, Meta(gt=0, lt=1)] | None = None
    never_upload: bool = False
    never_leave_device: bool = False
    local: bool = True
    max_loss: Annotated[float, Meta(ge=0, le=100)] | None = None
    labels: Annotated[tuple[str, ...], Meta(max_length=100_000)] = ()  # that a dual encoder chooses among
    stream: Streaming | None = None  # None: as the operator has it
    defer: Milliseconds | None = None  # how long it may wait in the outbox, where it cannot be answered now

    def rules(self, operator: Rules, route: str) -> Rules:
        """The operator's rules and these, of two the stricter; but a caller's own deadline is the one."""
        return replace(
            operator,
            deadline_ms=operator.deadline_ms if self.deadline is None else self.deadline,
            confidence=operator.confidence if self.confidence is None else self.confidence,
            never_upload=operator.never_upload or self.never_upload,
            never_leave_device=operator.never_leave_device or self.never_leave_device,
            allow_local=operator.allow_local and self.local,
            max_loss=_least(operator.max_loss, self.max_loss),
            route=operator.route if route == AUTO else route,
        )


def _least(one: float | None, other: float | None) -> float | None:
    given = [limit for limit in (one, other) if limit is not None]
    return min(given, default=None)
