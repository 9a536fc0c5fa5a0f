"""What the cloud's replies say of the cloud: how its stage times differ from the split's guess, how long its
queue is, and how long answers are.
"""

import math
from collections.abc import Mapping
from typing import Any

from edge.costs.factors import TIMES, Factors
from protos import inference_pb2 as pb
from protos.costs.estimates import CloudEstimate

WEIGHT = 0.3  # of the newest report in a moving mean
QUEUE_SECONDS = 30.0  # what a queue was is forgotten with this time constant
FIRST_TOKENS = 8.0
_PREFILL, _TOKEN = "prefill", "token"
_LEAST_MS = 0.05  # what a stage is expected to take at least, where nobody measured it
_JITTER_MS = 1.0  # until the cloud's threads are woken


class CloudStats:
    """`now` is any monotonic clock in seconds."""

    def __init__(self, guess: CloudEstimate, now: float = 0.0) -> None:
        stages = {_entry(cut): ms for cut, ms in guess.entry_ms.items()}
        stages |= {_PREFILL: guess.prefill_ms, _TOKEN: guess.token_ms}
        self._expected = {stage: max(ms, _LEAST_MS) for stage, ms in stages.items()}
        self._cuts = list(guess.entry_ms)
        self._factors = Factors(list(self._expected), TIMES, now)
        self._queue, self._queue_at = guess.queue_ms, 0.0
        self.tokens = FIRST_TOKENS  # mean length of the answers

    def estimate(self, now: float) -> CloudEstimate:
        """Of a picture of usual size."""
        faded = math.exp(-max(now - self._queue_at, 0.0) / QUEUE_SECONDS)
        return CloudEstimate(
            {cut: self._ms(_entry(cut), now) for cut in self._cuts},
            self._ms(_PREFILL, now),
            self._ms(_TOKEN, now),
            self._queue * faded,
            self._factors.shared(now).doubt,
        )

    def observe(self, cut: str | None, done: pb.Done, now: float, size: float = 1.0) -> None:
        """An answer ended. `cut` is where it entered ("pixels" for a picture), None if the frame was kept;
        `size`: of its picture, in usual ones.
        """
        stages = done.stages
        if cut is not None:
            self._observe(_entry(cut), stages.decode + stages.tail, now, size)
            # of a frame that was kept only the question is prefilled
            self._observe(_PREFILL, stages.first_token, now, size)
        steps = done.tokens - (done.reason != pb.Done.STOP)  # the step that ends an answer makes no token
        if steps > 0:
            self._observe(_TOKEN, stages.generate / steps, now, jitter=_JITTER_MS / steps)
        self._queue = _mean(self.estimate(now).queue_ms, max(stages.queue, done.load.queue_milliseconds))
        self._queue_at = now
        self.observe_tokens(done.tokens)

    def observe_tokens(self, tokens: int) -> None:
        """An answer, from anywhere, had so many tokens."""
        self.tokens = _mean(self.tokens, max(tokens, 1))

    def state(self) -> dict[str, Any]:
        """For JSON; `restore` reads it. The queue is not kept: it is another one next time."""
        return {"factors": self._factors.state(), "tokens": self.tokens}

    def restore(self, state: Mapping[str, Any], age: float, now: float) -> None:
        """Go on from a saved state, `age` seconds old. Raises ValueError, KeyError or TypeError if it is not
        one.
        """
        tokens = float(state["tokens"])
        if not 0 <= tokens < math.inf:
            raise ValueError(f"{tokens!r} is not a length of answers")
        self._factors.restore(state["factors"], age, now)
        self.tokens = max(tokens, 1.0)

    def _ms(self, stage: str, now: float) -> float:
        return self._expected[stage] * self._factors.factor(stage, now).median

    def _observe(
        self, stage: str, milliseconds: float, now: float, size: float = 1.0, jitter: float = _JITTER_MS
    ) -> None:
        self._factors.observe(stage, self._expected.get(stage, 0.0) * size, milliseconds, now, jitter)


def _entry(cut: str) -> str:
    return f"entry/{cut}"


def _mean(old: float, new: float) -> float:
    return old + WEIGHT * (new - old) if math.isfinite(new) and new >= 0 else old
