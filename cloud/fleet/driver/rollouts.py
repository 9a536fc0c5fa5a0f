"""Rollouts driven: what is seen is read, the pure step taken, what follows written."""

import logging
import time

from cloud.fleet.rollout.advance import RolloutStep, advance
from cloud.fleet.rollout.comparison import due_spans
from cloud.fleet.storage.database import Database
from cloud.fleet.storage.devices import seen_devices
from cloud.fleet.storage.lease import Leadership
from cloud.fleet.storage.rollouts import KeptRollout, open_rollouts, rollout_of, write_step
from cloud.fleet.storage.telemetry import summaries
from protos.errors import Conflict

_log = logging.getLogger(__name__)
_LATE_BUCKETS = 0.1  # so many buckets late a window may come


class RolloutDriver:
    """Takes a step of every open rollout. Used from one thread at a time, while this controller leads."""

    def __init__(self, database: Database, leadership: Leadership, bucket: float) -> None:
        self._database, self._leadership, self._bucket = database, leadership, bucket
        self._kept: dict[str, KeptRollout] = {}

    def step(self) -> bool:
        """Whether anything changed. Raises CloudError, Deposed."""
        with self._database.reading() as connection:
            names = open_rollouts(connection)
        self._kept = {name: self._kept[name] for name, _ in names if name in self._kept}
        return sum(self._step_one(name, revision) for name, revision in names) > 0

    def _step_one(self, name: str, revision: int) -> bool:
        kept = self._kept.get(name)
        if kept is None or kept.revision != revision:
            with self._database.reading() as connection:
                kept = rollout_of(connection, name)
        step = self._decided(kept)
        self._kept[name] = kept
        if step.state == kept.state and step.reason == kept.reason:
            return False
        try:
            self._kept[name] = write_step(self._database, kept, step, check=self._leadership.check)
        except Conflict:  # an operator was quicker; the next step sees what they did
            return True
        if step.reason != kept.reason:
            _log.info("rollout %s: %s: %s", name, step.verdict.value, step.reason)
        return True

    def _decided(self, kept: KeptRollout) -> RolloutStep:
        now = time.time()
        heard = now - _LATE_BUCKETS * self._bucket  # looks are taken once what belongs to them has come
        with self._database.reading() as connection:
            seen = seen_devices(connection, kept.id)
            told = summaries(connection, due_spans(kept.plan, kept.state, heard), self._bucket)
        return advance(kept.plan, kept.state, seen, told, now)
