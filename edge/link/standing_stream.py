"""The stream of a standing question: read by a thread, so that an answer is known as soon as it comes."""

import math
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Condition, Thread

from edge.link.client import UNSENT, WatchingCloud
from edge.link.round_trip import RoundTrip
from edge.link.time_limits import TimeLimit
from edge.link.watching import FrameAnswer, FrameStream
from protos import inference_pb2 as pb
from protos.errors import CloudBusy, CloudError, DeadlineError, IsthmusError, RequestError

_LEAST_LATE = 0.5  # of the limit of silence: how much later than due a reply may be


class StreamLost(CloudError):
    """A stream has ended without an answer about a frame, which may have one by a request of its own.
    `facts["refused"]`: the cloud takes no frames in streams; `facts["displaced"]`: others need its place.
    """


@dataclass(frozen=True)
class Said:
    """The last answer that was not as before; `about`: the number of its frame, as the source counts."""

    text: str
    done: pb.Done
    about: int

    def again(self, stages: pb.Stages | None) -> pb.Done:
        """Its end, for a frame that is as before."""
        done = pb.Done(reason=self.done.reason, tokens=self.done.tokens, stages=stages)
        done.scores.extend(self.done.scores)
        return done


class SentFrame:
    """A frame in a stream. It is settled once, from the stream's thread: by an answer and what `said` is the
    text of, or by an error.
    """

    def __init__(self, number: int, about: int, lost_after: float) -> None:
        """`number` in the stream, `about` as the source counts; `lost_after`: seconds without an answer."""
        self.number, self.about, self.sent, self.lost_after = number, about, time.monotonic(), lost_after
        self.answer: FrameAnswer | None = None
        self.said: Said | None = None
        self.error: IsthmusError | None = None
        self._told: Callable[[], None] | None = None

    @property
    def settled(self) -> bool:
        return self.answer is not None or self.error is not None

    @property
    def repeats(self) -> int | None:
        """The number of the frame whose answer it has, where it is as before."""
        return self.said.about if self.said and self.answer and self.answer.done is None else None

    def found(self) -> tuple[Said, pb.Done]:
        """The answer, and its end. Raises why there is none."""
        if self.error:
            raise self.error
        assert self.answer
        assert self.said
        done = self.answer.done
        return self.said, self.said.again(self.answer.stages) if done is None else done

    def settle(self, answer: FrameAnswer | None, said: Said | None, error: IsthmusError | None) -> None:
        """Once."""
        self.answer, self.said, self.error = answer, said, error
        if self._told:
            self._told()

    def on_settled(self, tell: Callable[[], None]) -> None:
        """Called once it is, at once where it is already; from any thread, perhaps twice."""
        self._told = tell
        if self.settled:
            tell()


class StandingStream:
    """One stream. A cloud may leave out the reply to a frame for which its model does not run, `silence` of
    them in a row: such a frame is `left`, and settled by the next reply, which is due
    `silence_milliseconds` after it at the latest.
    """

    def __init__(self, cloud: WatchingCloud, opening: pb.WatchOpening, stream: FrameStream) -> None:
        self.cloud, self.opening, self._stream = cloud, opening, stream
        self.said: Said | None = None
        self.last: SentFrame | None = None
        self.broken = False  # it left a frame without an answer
        self._changed, self._waiting = Condition(), deque[SentFrame]()
        self._still = False  # the cloud may leave replies out: the model did not run for the frame before
        self._trip, self._limit = RoundTrip(), TimeLimit(lambda: None)
        self._over: IsthmusError | None = None  # what this end ended it for, or how it ended
        self._reader = Thread(target=self._read, name="answers of a stream", daemon=True)

    @property
    def active(self) -> bool:
        """Whether it goes on; the cloud may end one in which no frame comes."""
        return self._over is None and self._stream.active

    def told_displaced(self) -> bool:
        """Of one that is not active: whether the cloud ended it because others need its place. Told once."""
        if self._reader.ident:
            self._reader.join()
        displaced = bool(self._over and self._over.facts.get("displaced"))
        self._over = CloudError("the stream has ended") if displaced else self._over
        return displaced

    def before(self) -> tuple[Said, pb.Done]:
        """The last answer, for a frame whose reply is left out."""
        assert self.said
        return self.said, self.said.again(pb.Stages())

    def send(self, payloads: Sequence[bytes], silence: float, about: int, *, key_frame: bool) -> SentFrame:
        """Send a frame; its connection counts as lost after so many seconds of `silence`. Raises
        CloudError.
        """
        with self._changed:
            due = self.opening.silence_milliseconds / 1000
            lost_after = max(silence, due + _LEAST_LATE * silence) if self.opening.silence else silence
            frame = SentFrame(self._stream.sent + 1, about, lost_after)
            self._stream.send(payloads, key_frame=key_frame)
            self._waiting.append(frame)
            self.last = frame
            if self._over:
                self._fail(self._over)
            elif not self._reader.ident:
                self._reader.start()
        return frame

    def wait(self, frame: SentFrame, seconds: float, silence: float | None) -> bool:
        """Until a frame is settled, or the reply to it is `left` out most likely: whether it is settled.
        Without an answer in `seconds` raises DeadlineError, in `silence` StreamLost.
        """
        limit = frame.sent + min(seconds, math.inf if silence is None else silence)
        with self._changed:
            while not frame.settled:
                left = self._still and self.opening.silence > 0
                until = min(limit, frame.sent + self._trip.longest) if left else limit
                now = time.monotonic()
                if now < until:
                    self._changed.wait(None if until == math.inf else until - now)
                elif until < limit:
                    self._watch_oldest()
                    return False
                else:
                    break
        if not frame.settled:
            raise self._too_late(seconds, silence)
        return True

    def finish(self) -> None:
        """No frame follows: the cloud settles those that are left at once."""
        self._stream.finish()

    def close(self) -> None:
        """End it. From any thread."""
        with self._changed:
            self.broken = self.broken or bool(self._waiting)
        self._stream.close()

    def _too_late(self, seconds: float, silence: float | None) -> IsthmusError:
        if silence is not None and silence <= seconds:
            return self._lose(silence)
        self.close()
        return DeadlineError(
            f"the cloud at {self._stream.peer} did not answer a frame in {seconds:.1f} s; allow more time, "
            "or a local answer"
        )

    def _lose(self, seconds: float) -> IsthmusError:
        """It brought nothing in so many seconds."""
        with self._changed:  # the reader is to find the reason, not the end of its call
            self.broken = True
            error = StreamLost(str(self._stream.lose(seconds)))
            self._over = self._over or error
        return error

    def _watch_oldest(self) -> None:
        """See to it that the frame which waits for longest is settled."""
        self._limit.cancel()
        if self._waiting:
            oldest = self._waiting[0]
            left = oldest.sent + oldest.lost_after - time.monotonic()
            self._limit = self._stream.limits.after(left, lambda: self._end_silent(oldest))

    def _end_silent(self, oldest: SentFrame) -> None:
        with self._changed:
            if oldest.settled:
                return
        self._lose(oldest.lost_after)

    def _read(self) -> None:
        error: IsthmusError = CloudError(
            f"the cloud at {self._stream.peer} left a frame without an answer; ask again"
        )
        try:
            for answer in self._stream:
                with self._changed:
                    self._take(answer)
        except IsthmusError as found:
            error = found
        finally:
            with self._changed:
                self._over = self._over or _meaning(error)
                self._fail(self._over)

    def _take(self, answer: FrameAnswer) -> None:
        """Raises CloudError for an answer to no frame."""
        if not self._waiting or self._waiting[0].number != answer.sequence:
            raise CloudError(f"the cloud at {self._stream.peer} answered a frame that it was not sent")
        frame = self._waiting[0]
        if frame.number > 1 and (answer.running or answer.stages):  # the first may have had to connect
            self._trip.observe(time.monotonic() - frame.sent - _worked(answer))
        self._still = not (answer.ran or answer.running or answer.error)
        if not answer.running:
            self._settle(frame, answer)
            self._waiting.popleft()
            self._watch_oldest()
        self._changed.notify_all()

    def _settle(self, frame: SentFrame, answer: FrameAnswer) -> None:
        if answer.error:
            self.broken = True
            frame.settle(None, None, answer.error)
            self._stream.close()
            return
        if answer.done is not None:
            self.said = Said(answer.text, answer.done, frame.about)
        if self.said is None:
            raise CloudError(f"the cloud at {self._stream.peer} has given no answer that could be as before")
        frame.settle(answer, self.said, None)

    def _fail(self, error: IsthmusError) -> None:
        """No frame that waits has an answer."""
        self._limit.cancel()
        self.broken = self.broken or bool(self._waiting)
        while self._waiting:
            self._waiting.popleft().settle(None, None, error)
        self._changed.notify_all()


def _worked(answer: FrameAnswer) -> float:
    """Seconds that the model was at work for it."""
    stages = answer.stages
    return max(stages.total - stages.decode, 0.0) / 1000 if stages and answer.ran else 0.0


def _meaning(error: IsthmusError) -> IsthmusError:
    """Of the end of a stream for a frame that waited in it: StreamLost, or what a request would fail by
    too.
    """
    refused = isinstance(error, RequestError) or error.facts.get("status") == "UNIMPLEMENTED"
    broken = type(error) is CloudError or isinstance(error, CloudBusy)
    if refused:
        return StreamLost(
            f"the cloud at {error.facts.get('address')} takes no frames in streams: each goes in a request "
            "of its own",
            refused=True,
        )
    if broken and not error.facts.get(UNSENT):
        return StreamLost(str(error), displaced=isinstance(error, CloudBusy))
    return error
