"""What the device knows of the link and the cloud behind it: learned from every exchange, remembered per
address.
"""

import math
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Lock
from typing import Any

from edge.link.breaker import Breaker
from edge.link.cloud_stats import CloudStats
from edge.link.uplink import UnderWay, UplinkEstimator
from edge.remembered import recall, remember
from protos import inference_pb2 as pb
from protos.bundle import Bundle
from protos.costs.estimates import CloudEstimate, LinkEstimate

_WHAT = "the link"


class Link:
    """Uplink, breaker and the cloud's reports together; from any thread. `now` is any monotonic clock in
    seconds, the same for all calls.
    """

    def __init__(self, bundle: Bundle, now: float = 0.0, jitter: Callable[[], float] = random.random) -> None:
        self._digest, self._heard = bundle.digest, -math.inf
        self._uplink, self._breaker = UplinkEstimator(now), Breaker(jitter)
        self._cloud_stats = CloudStats(CloudEstimate.from_measurements(bundle.measurements), now)
        self._lock = Lock()

    @property
    def tokens(self) -> float:
        """How long answers are, on average."""
        return self._cloud_stats.tokens

    def snapshot(self, now: float, under_way: Sequence[UnderWay] = ()) -> LinkEstimate:
        """The link as it is believed to be at this instant; `under_way`: calls without a reply so far."""
        with self._lock:
            self._uplink.elapse(now)
            wait = self._breaker.wait(now)
            return LinkEstimate(
                self._uplink.states(under_way), wait <= 0, wait, self._breaker.unavailable_reason
            )

    def cloud(self, now: float) -> CloudEstimate:
        """The cloud as it is believed to be at this instant."""
        with self._lock:
            return self._cloud_stats.estimate(now)

    def observe_transfer(self, sent: int, network_ms: float, now: float) -> None:
        """A call of `sent` bytes was answered; `network_ms` is what it took beside the cloud's own work."""
        with self._lock:
            self._breaker.succeeded()
            self._heard = now
            self._uplink.observe(sent, network_ms, now)

    def observe_cloud(self, cut: str | None, done: pb.Done, now: float, size: float = 1.0) -> None:
        """The cloud ended an answer that had entered at `cut`; None if the frame was kept. `size`: of its
        picture, in usual ones.
        """
        with self._lock:
            self._cloud_stats.observe(cut, done, now, size)

    def observe_reply(self) -> None:
        """The cloud answered, if only to refuse: the way to it is open."""
        with self._lock:
            self._breaker.succeeded()

    def observe_local(self, tokens: int) -> None:
        """The device answered by itself, with so many tokens."""
        with self._lock:
            self._cloud_stats.observe_tokens(tokens)

    def failed(self, unavailable_reason: str, now: float, *, lasting: bool = False) -> None:
        """A call failed; `unavailable_reason` says how, in few words. The breaker opens. `lasting`: until
        somebody changes something.
        """
        with self._lock:
            self._breaker.failed(unavailable_reason, now, lasting=lasting)

    def silent(self, seconds: float, now: float) -> bool:
        """Whether no answer to any call came in the last so many seconds."""
        return now - self._heard >= seconds

    def timed_out(self, sent: int, waited_ms: float, now: float) -> None:
        """No reply came in this time: the link is at most that fast."""
        with self._lock:
            self._uplink.at_least(sent, waited_ms, now)

    def save(self, path: Path | None, now: float, wall: float) -> None:
        """Remember for the next process, where there is a place. `wall` is the time of day in seconds: unlike
        `now` it means the same there.

        A place that cannot be written to is a warning.
        """
        with self._lock:
            state = {
                "bundle": self._digest,
                "uplink": self._uplink.state(now),
                "breaker": self._breaker.state(now),
                "cloud": self._cloud_stats.state(),
            }
        remember(path, state, _WHAT, wall)

    def load(self, path: Path | None, now: float, wall: float) -> None:
        """Recall what `save` wrote, aged by the time since. A file that cannot be used is ignored with a
        warning.
        """
        recall(path, lambda state, age: self._restore(state, now, age), _WHAT, wall)

    def _restore(self, state: dict[str, Any], now: float, age: float) -> None:
        uplink = UplinkEstimator.restored(
            [{**seen, "age": float(seen["age"]) + age} for seen in state["uplink"]], now
        )
        saved = state["breaker"]
        failures = int(saved["failures"])
        unavailable_reason = str(saved["unavailable_reason"])
        wait = float(saved["wait"]) - age
        if math.isnan(wait):
            raise ValueError("a wait that is no number would never end")
        if state["bundle"] == self._digest:
            self._cloud_stats.restore(state["cloud"], age, now)
        self._uplink = uplink
        self._breaker.restore(failures, unavailable_reason, wait, now)
