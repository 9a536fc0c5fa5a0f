"""When the model worked for a job."""

import time
from dataclasses import dataclass, field

from cloud.engine.job import Job
from cloud.engine.observer import Step

_SPANS: dict[Step, str] = {"encode": "tail", "slice": "prefill", "prefill": "prefill", "decode": "generate"}


@dataclass(frozen=True)
class Interval:
    """Instants of time.monotonic()."""

    name: str
    began: float
    ended: float


@dataclass
class Timeline:
    """The steps of one job: of each kind the first begin and the last end."""

    _found: dict[str, Interval] = field(default_factory=dict)

    def add(self, step: Step, began: float, ended: float) -> None:
        """The model made a step for the job."""
        name = _SPANS[step]
        first = self._found.get(name)
        self._found[name] = Interval(name, first.began if first else began, ended)

    def intervals(self, job: Job) -> list[Interval]:
        """In order: decode and queue, as the job knows them, then the model's steps."""
        decoded = job.arrived + job.stages.decode / 1000
        worked = list(self._found.values())
        queued = worked[0].began if worked else time.monotonic()
        return [Interval("decode", job.arrived, decoded), Interval("queue", decoded, queued), *worked]
