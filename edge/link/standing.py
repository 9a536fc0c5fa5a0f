"""A question that is asked of one frame of a source after another, and the stream that its frames go in."""

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import Lock

from edge.link.client import WatchingCloud
from edge.link.standing_stream import Said, SentFrame, StandingStream
from edge.link.watching import frame_message
from protos import inference_pb2 as pb


class Standing:
    """A standing question: given to every ask of it. Its frames go in one Watch stream, one at a time, which
    is opened with the first, and anew where what they share has changed, or it was lost. Who asks closes it
    in the end.

    `threshold`: how far the features may be from those of the frame that was answered last, for its answer to
    hold (`WatchOpening.threshold` in protos/inference.proto). `max_unconfirmed`: that many answers in a row
    may be given again before the cloud has said so (`Answer.unconfirmed`). `name` is its own.
    """

    def __init__(self, threshold: float = 0.0, max_unconfirmed: int = 0) -> None:
        self.threshold, self.max_unconfirmed = threshold, max_unconfirmed
        self.name = secrets.token_hex(4)
        self.rests_until = 0.0  # by the orchestrator's clock: its frames are requests of their own so long
        self._open: StandingStream | None = None
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
        """Whether the frame before has an answer of this cloud, or will have it, and shares all of this with
        the next.
        """
        opened = self._open
        if opened is None or opened.said is None or opened.broken:
            return False
        return opened.cloud is cloud and opened.opening == opening

    @property
    def active(self) -> bool:
        """Whether the stream goes on; the cloud may end one in which no frame comes."""
        return self._open is not None and self._open.active

    def displaced(self) -> bool:
        """Whether the stream was ended while no frame was in it, because others need its place. Told once."""
        if self._open is None or self.active:
            return False
        return self._open.told_displaced()

    def frame(
        self, payloads: Sequence[bytes], opening: pb.WatchOpening | None, *, key_frame: bool
    ) -> pb.WatchRequest:
        """All that is sent of the next frame; `opening` where it is the first of a stream."""
        frame = frame_message(payloads, key_frame=key_frame)
        if opening:
            frame.opening.CopyFrom(opening)
        return frame

    def send(
        self, cloud: WatchingCloud, frame: pb.WatchRequest, number: int, seconds: float, silence: float | None
    ) -> "FrameReplies":
        """Send the frame that the source calls so. Without an answer in `seconds`, that is a DeadlineError;
        in `silence`, its connection counts as lost. Raises CloudError.
        """
        if frame.HasField("opening"):
            self.close()
            self._open = StandingStream(cloud, frame.opening, cloud.watch(frame.opening))
        opened = self._open
        assert opened
        lost_after = 2 * seconds if silence is None else silence  # by then the ask itself has given up
        sent = opened.send(frame.payloads, lost_after, number, key_frame=frame.key_frame)
        return FrameReplies(opened, sent, seconds, silence)

    def again(self) -> tuple[Said, SentFrame]:
        """The last answer, and the last frame, which has it or waits for one."""
        opened = self._open
        assert opened
        assert opened.said
        assert opened.last
        return opened.said, opened.last

    def finish(self) -> None:
        """No frame follows: what is unconfirmed is confirmed at once."""
        if self._open:
            self._open.finish()

    def close(self) -> None:
        """End the stream; the next frame opens another. From any thread."""
        if self._open:
            self._open.close()


class FrameReplies:
    """The `Replies` about one frame: the whole answer, then Done; the last answer again, where the reply is
    left out. Where it fails, or who reads closes it before, its stream ends.
    """

    def __init__(
        self, stream: StandingStream, frame: SentFrame, seconds: float, silence: float | None
    ) -> None:
        self._stream, self._seconds, self._silence = stream, seconds, silence
        self.frame, self.replied = frame, True
        self._told = False

    def __iter__(self) -> Iterator[pb.InferReply]:
        self.replied = self._stream.wait(self.frame, self._seconds, self._silence)
        said, done = self.frame.found() if self.replied else self._stream.before()
        self._told = True
        yield pb.InferReply(text=said.text)
        yield pb.InferReply(done=done)

    def close(self) -> None:
        """As `Replies` has it."""
        if not self._told:
            self._stream.close()
