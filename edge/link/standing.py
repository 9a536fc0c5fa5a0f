"""A question that is asked of one frame of a source after another, and the stream that its frames go in."""

import math
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock, Timer

from edge.link.client import UNSENT, WatchingCloud
from edge.link.watching import FrameAnswer, FrameStream, frame_message
from protos import inference_pb2 as pb
from protos.errors import CloudBusy, CloudError, DeadlineError, IsthmusError, RequestError


class StreamLost(CloudError):
    """A stream has ended without an answer about its last frame, which may have one by a request of its own.
    `facts["refused"]`: the cloud takes no frames in streams; `facts["displaced"]`: others need its place.
    """


@dataclass(frozen=True)
class _Open:
    """A stream, what its frames share, and who answers them."""

    cloud: WatchingCloud
    opening: pb.WatchOpening
    stream: FrameStream
    answers: Iterator[FrameAnswer]


@dataclass(frozen=True)
class _Said:
    """The last answer that was not as before; `about`: the number of its frame, as the source counts."""

    text: str
    done: pb.Done
    about: int

    def again(self, stages: pb.Stages | None) -> pb.Done:
        """Its end, for a frame that is as before."""
        done = pb.Done(reason=self.done.reason, tokens=self.done.tokens, stages=stages)
        done.scores.extend(self.done.scores)
        return done


class Standing:
    """A standing question: given to every ask of it. Its frames go in one Watch stream, one at a time, which
    is opened with the first, and anew where what they share has changed, or it was lost. Who asks closes it
    in the end.

    `threshold`: how far the features may be from those of the frame that was answered last, for its answer to
    hold (`WatchOpening.threshold` in protos/inference.proto). `name` is its own.
    """

    def __init__(self, threshold: float = 0.0) -> None:
        self.threshold, self.name = threshold, secrets.token_hex(4)
        self.rests_until = 0.0  # by the orchestrator's clock: its frames are requests of their own so long
        self._open: _Open | None = None
        self._said: _Said | None = None
        self._lock = Lock()

    @contextmanager
    def asked(self) -> Iterator[bool]:
        """Around the ask of a frame; False where another is under way."""
        free = self._lock.acquire(blocking=False)
        try:
            yield free
        finally:
            if free:
                self._lock.release()

    def follows(self, cloud: WatchingCloud, opening: pb.WatchOpening) -> bool:
        """Whether the frame before had an answer of this cloud, and shares all of this with the next."""
        opened = self._open
        return bool(self._said and opened and opened.cloud is cloud and opened.opening == opening)

    @property
    def active(self) -> bool:
        """Whether the stream goes on; the cloud may end one in which no frame comes."""
        return self._open is not None and self._open.stream.active

    def displaced(self) -> bool:
        """Whether the stream was ended while no frame was in it, because others need its place. Told once."""
        if self._open is None or self.active:
            return False
        try:
            next(self._open.answers, None)
        except IsthmusError as error:
            return isinstance(error, CloudBusy)
        return False

    def frame(
        self, payloads: Sequence[bytes], opening: pb.WatchOpening | None, *, key_frame: bool
    ) -> pb.WatchRequest:
        """All that is sent of the next frame; `opening` where it is the first of a stream."""
        before = 0 if opening or not self._open else self._open.stream.sent
        frame = frame_message(before + 1, payloads, key_frame=key_frame)
        if opening:
            frame.opening.CopyFrom(opening)
        return frame

    def send(
        self, cloud: WatchingCloud, frame: pb.WatchRequest, seconds: float, silence: float | None
    ) -> "FrameReplies":
        """Send a frame. Without an answer in `seconds`, that is a DeadlineError; in `silence`, its connection
        counts as lost. Raises CloudError.
        """
        if frame.HasField("opening"):
            self.close()
            stream = cloud.watch(frame.opening)
            self._open, self._said = _Open(cloud, frame.opening, stream, iter(stream)), None
        opened = self._open
        assert opened
        opened.stream.send(frame.payloads, key_frame=frame.key_frame)
        return FrameReplies(opened.stream, lambda: self._next(opened), seconds, silence)

    def heard(self, answer: FrameAnswer, about: int) -> int | None:
        """Frames that come may be as before from now on. Where this one is: the number of the frame whose
        answer it has.
        """
        if answer.done is not None:
            self._said = _Said(answer.text, answer.done, about)
            return None
        return self._said.about if self._said else None

    def again(self) -> tuple[str, pb.Done, int]:
        """The last answer, for a frame that is as before, and the number of its own frame."""
        assert self._said
        return self._said.text, self._said.again(pb.Stages()), self._said.about

    def close(self) -> None:
        """End the stream; the next frame opens another. From any thread."""
        if self._open:
            self._open.stream.close()

    def _next(self, opened: _Open) -> tuple[FrameAnswer, pb.Done]:
        """Raises what the stream raises."""
        answer = next(opened.answers, None)
        if answer and answer.error:
            return answer, pb.Done()
        if answer and answer.done is not None:
            return answer, answer.done
        if answer and self._said:
            return answer, self._said.again(answer.stages)
        raise CloudError(f"the cloud at {opened.stream.peer} left a frame without an answer; ask again")


class FrameReplies:
    """The `Replies` about one frame: the whole answer, then Done. Where it fails, or who reads closes it
    before, its stream ends.
    """

    def __init__(
        self,
        stream: FrameStream,
        read: Callable[[], tuple[FrameAnswer, pb.Done]],
        seconds: float,
        silence: float | None,
    ) -> None:
        """`read` waits for the answer, and is left alone so long."""
        self._stream, self._read = stream, read
        self._seconds, self._silence = seconds, silence
        self._over: IsthmusError | None = None  # what ended the wait
        self.answer: FrameAnswer | None = None

    def __iter__(self) -> Iterator[pb.InferReply]:
        with self._limited():
            try:
                answer, done = self._read()
            except IsthmusError as error:
                self.close()
                raise self._over or _meaning(error) from error
        if answer.error:
            self.close()
            raise answer.error
        self.answer = answer
        yield pb.InferReply(text=answer.text)
        yield pb.InferReply(done=done)

    def close(self) -> None:
        """As `Replies` has it."""
        if self.answer is None:
            self._stream.close()

    @contextmanager
    def _limited(self) -> Iterator[None]:
        """Within, the stream is ended where it brings nothing in time."""
        silence = math.inf if self._silence is None else self._silence
        limit = min(silence, max(self._seconds, 0.0))
        timer = Timer(limit, self._end, (silence == limit,))
        timer.name, timer.daemon = "limit of a frame", True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def _end(self, silent: bool) -> None:
        if silent:
            self._over = StreamLost(str(self._stream.lose(self._silence or 0.0)))
            return
        self._over = DeadlineError(
            f"the cloud at {self._stream.peer} did not answer a frame in {self._seconds:.1f} s; allow more "
            "time, or a local answer"
        )
        self._stream.close()


def _meaning(error: IsthmusError) -> IsthmusError:
    """Of the end of a stream for the frame that waited in it: StreamLost, or what a request would fail by
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
