"""What a request took, stage by stage, and the text that its caller has been given."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

STAGES = (
    "turn",
    "preprocess",
    "head",
    "local",
    "encode",
    "network",
    "decode",
    "queue",
    "tail",
    "lost",
    "first_token",
    "generate",
    "total",
)


@dataclass
class Trace:
    """Milliseconds by stage, and bytes."""

    milliseconds: dict[str, float] = field(default_factory=dict)
    payload_bytes: int = 0
    bytes_up: int = 0

    def add(self, name: str, milliseconds: float) -> None:
        """Count time under a stage's name; what a cloud reports may be no number."""
        counted = milliseconds if math.isfinite(milliseconds) else 0.0
        self.milliseconds[name] = self.milliseconds.get(name, 0.0) + counted

    def add_all(self, milliseconds: Mapping[str, float]) -> None:
        for name, taken in milliseconds.items():
            self.add(name, taken)

    def busy_ms(self, *, remote: bool) -> float:
        """What the device itself worked, where the text came from a cloud, or not."""
        own = ("preprocess", "head", "encode", *(() if remote else ("first_token", "generate")))
        return sum(self.milliseconds.get(name, 0.0) for name in own)

    def in_order(self) -> dict[str, float]:
        """Those that were passed through, in the order of STAGES."""
        return {name: self.milliseconds[name] for name in STAGES if name in self.milliseconds}


def ignore_text(_: str) -> None:
    """Pass nothing on."""


class AnswerText:
    """The text of an answer, passed on piece by piece."""

    def __init__(
        self, on_text: Callable[[str], None] = ignore_text, on_restart: Callable[[str], None] = ignore_text
    ) -> None:
        self._on_text, self._on_restart = on_text, on_restart
        self._pieces: list[str] = []
        self.fallback: str | None = None  # why the answer came another way than decided

    @property
    def listened(self) -> bool:
        """Whether somebody is told of it as it comes."""
        return self._on_text is not ignore_text or self._on_restart is not ignore_text

    @property
    def text(self) -> str:
        return "".join(self._pieces)

    def emit(self, piece: str) -> None:
        self._pieces.append(piece)
        self._on_text(piece)

    def restart(self, reason: str) -> None:
        """The answer comes another way than decided; what was emitted of it so far is void."""
        self.fallback = reason
        if self._pieces:
            self._pieces.clear()
            self._on_restart(reason)
