"""A hedged call: the device works on an answer of its own while the cloud's is awaited.

If the cloud's answer is not whole in time, the device begins its own as soon as it is its turn, and the first
good one counts: the cloud's, or one of the device that is as good as sure. Another is kept for when the cloud
is not in time. What is not needed is cancelled; what the device works is counted.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from edge.background import Tell
from edge.link.client import Replies
from edge.link.cloud_call import AnyExchange
from edge.link.reading import PendingCall, reading
from edge.requests.device import LocalAnswer
from edge.requests.turn import Wait
from protos import inference_pb2 as pb
from protos.errors import DeadlineError


class _Overtaken(Exception):
    """The cloud's answer is whole: the device need not go on."""


@dataclass
class Hedge:
    """`run_local` answers on the device, with its turn held; it is told of every piece of text, and may be
    ended there. `good`: the cloud would hardly say anything else; `left`: seconds for which an answer that is
    ready may be kept.
    """

    after_ms: float
    turn: Wait
    run_local: Callable[[Tell], LocalAnswer]
    good: Callable[[LocalAnswer], bool]
    left: Callable[[], float]
    clock: Callable[[], float] = time.monotonic
    local: LocalAnswer | None = None  # the device's own answer
    worked_ms: float = 0.0

    def read(self, call: AnyExchange, replies: Replies, tell: Tell) -> pb.Done:
        """The cloud's answer. Raises what the call raises, DeadlineError where the device's answer is to be
        given, and Cancelled.
        """
        with reading(call, replies, on_end=self.turn.give_up) as pending:
            if pending.pass_on(tell, self.after_ms / 1000) or not self._work(pending):
                return pending.finish(tell)
            pending.check()
            if not self._kept(pending, tell):
                raise DeadlineError(f"no answer in time: the device was first, in {call.waited_ms():.0f} ms")
            return pending.finish(tell)

    def _work(self, pending: PendingCall) -> bool:
        """Answer on the device; False where the call ended first."""
        with self.turn.held() as begins:
            if not begins:
                return False
            begun = self.clock()
            try:
                self.local = self.run_local(lambda _: self._go_on(pending))
            except _Overtaken:
                return False
            finally:
                self.worked_ms = (self.clock() - begun) * 1000
        return not pending.done

    def _go_on(self, pending: PendingCall) -> None:
        if pending.done or not self.turn.give_way():
            raise _Overtaken

    def _kept(self, pending: PendingCall, tell: Tell) -> bool:
        """Whether the cloud's answer came while the device's was kept for it."""
        return self.local is not None and not self.good(self.local) and pending.pass_on(tell, self.left())
