"""What the cloud's replies say of the cloud: moving means of its stage times, beginning with the split's
guess.
"""

import math
from collections.abc import Mapping
from typing import Any

from protos import inference_pb2 as pb
from protos.costs.estimates import CloudEstimate

WEIGHT = 0.3  # of the newest report in a moving mean
QUEUE_SECONDS = 30.0  # what a queue was is forgotten with this time constant
FIRST_TOKENS = 8.0


class CloudStats:
    """`now` is any monotonic clock in seconds."""

    def __init__(self, guess: CloudEstimate) -> None:
        self._entry, self._prefill, self._token = dict(guess.entry_ms), guess.prefill_ms, guess.token_ms
        self._queue, self._queue_at = guess.queue_ms, 0.0
        self.tokens = FIRST_TOKENS  # mean length of the answers

    def estimate(self, now: float) -> CloudEstimate:
        faded = math.exp(-max(now - self._queue_at, 0.0) / QUEUE_SECONDS)
        return CloudEstimate(dict(self._entry), self._prefill, self._token, self._queue * faded)

    def observe(self, cut: str | None, done: pb.Done, now: float) -> None:
        """An answer ended. `cut` is where it entered ("pixels" for a picture), None if the frame was kept."""
        stages = done.stages
        if cut is not None:
            entered = stages.decode + stages.tail
            self._entry[cut] = _mean(self._entry.get(cut, entered), entered)
        self._prefill = _mean(self._prefill, stages.first_token)
        if done.tokens > 1:
            self._token = _mean(self._token, stages.generate / (done.tokens - 1))
        self._queue = _mean(self.estimate(now).queue_ms, max(stages.queue, done.load.queue_milliseconds))
        self._queue_at = now
        self.observe_tokens(done.tokens)

    def observe_tokens(self, tokens: int) -> None:
        """An answer, from anywhere, had so many tokens."""
        self.tokens = _mean(self.tokens, max(tokens, 1))

    def state(self) -> dict[str, Any]:
        """For JSON; `restore` reads it. The queue is not kept: it is another one next time."""
        return {"entry": self._entry, "prefill": self._prefill, "token": self._token, "tokens": self.tokens}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a saved state. Raises ValueError, KeyError or TypeError if it is not one."""
        entry = {str(cut): _time(ms) for cut, ms in dict(state["entry"]).items()}
        prefill, token, tokens = _time(state["prefill"]), _time(state["token"]), _time(state["tokens"])
        self._entry |= {cut: entry[cut] for cut in self._entry if cut in entry}
        self._prefill, self._token, self.tokens = prefill, token, max(tokens, 1.0)


def _mean(old: float, new: float) -> float:
    return old + WEIGHT * (new - old) if math.isfinite(new) and new >= 0 else old


def _time(value: object) -> float:
    number = float(value) if isinstance(value, int | float) else math.nan
    if not 0 <= number < 1e9:
        raise ValueError(f"{value!r} is not a time")
    return number
