"""What `isthmus bench edge` finds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.rig.machine import Setting

ALONE = "onnxruntime alone"
ASK_LOCAL, ASK_REMOTE = "ask, local", "ask, remote"
AGENT_LOCAL, AGENT_REMOTE = "agent, local", "agent, remote"


@dataclass(frozen=True)
class Start:
    """One process. Seconds, bytes; the last four only of a process that stays: milliseconds of an answer,
    processor milliseconds of one, part of a core with nothing to do.
    """

    first_seconds: float
    resident_bytes: int = 0
    answer_ms: float | None = None
    cpu_ms: float | None = None
    rest_cores: float | None = None


@dataclass(frozen=True)
class EdgeFigures:
    """`starts`: by what was started. `installed`: bytes on disk by package. `rest_seconds` and `answers`: of
    each process that stays.
    """

    setting: Setting
    bundle: str
    installed: Mapping[str, int]
    starts: Mapping[str, Sequence[Start]]
    answers: int
    rest_seconds: float
