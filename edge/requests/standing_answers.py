"""Standing questions: their frames go to the cloud in streams, where it takes them."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from edge.link.client import WatchingCloud
from edge.link.cloud_call import Exchange
from edge.link.standing import FrameReplies, Standing
from edge.link.standing_stream import Said, SentFrame, StreamLost
from edge.policy.decision import Decision
from edge.requests.answer import Unconfirmed
from edge.requests.device import Device, Payload
from edge.requests.state import RequestState
from edge.upload.frame_coder import EncodedFrame
from protos import inference_pb2 as pb

_REST_SECONDS = 60.0
_REPLY_DUE_MS = 2000  # how late an answer may be confirmed

_log = logging.getLogger(__name__)


@dataclass
class FrameCall(Exchange[pb.WatchRequest]):
    """A frame, in the stream of its question. One that is lost is not sent again: a request follows it."""

    in_pieces = False

    standing: Standing = field(kw_only=True)
    number: int = field(kw_only=True)  # of the frame, as the source counts
    replies: FrameReplies | None = None

    @property
    def replied(self) -> bool:
        return self.replies is not None and self.replies.replied

    @property
    def ran(self) -> bool:
        answer = self.replies.frame.answer if self.replies else None
        return answer is not None and answer.ran

    def begin(self, cloud: WatchingCloud, seconds: float) -> FrameReplies:
        return self._send(cloud, seconds, None)

    def begin_keyed(
        self,
        cloud: WatchingCloud,
        seconds: float,
        silence_seconds: float | None,
        afford: Callable[[int], bool],
        *,
        last: bool = True,
    ) -> FrameReplies:
        del afford, last
        return self._send(cloud, seconds, silence_seconds)

    def give_key(self) -> None:
        """Frames have none."""

    def _send(self, cloud: WatchingCloud, seconds: float, silence: float | None) -> FrameReplies:
        self.begun = self.clock()
        self.replies = self.standing.send(cloud, self.request, self.number, seconds, silence)
        return self.replies


class StandingAnswers:
    """With the device's turn held, which is let go while the cloud is awaited."""

    def __init__(
        self,
        device: Device,
        exchange: Callable[[RequestState, Decision, FrameCall], pb.Done],
        note_payload: Callable[[RequestState, Decision, Payload], None],
        clock: Callable[[], float],
    ) -> None:
        """`exchange` sends, awaits and learns; `note_payload` is told of a payload before it is sent."""
        self._device, self._exchange, self._note_payload = device, exchange, note_payload
        self._clock = clock
        self._refusing = set[str]()  # clouds that take no streams, by name

    def ask(self, state: RequestState, decision: Decision, cloud: WatchingCloud) -> pb.Done | None:
        """The end of the answer, whose text was passed on; None where it takes a request of its own. Raises
        as `CloudAnswers.ask`.
        """
        standing = state.question.standing
        if standing is None or not self._streams(state, decision):
            return None
        with standing.asked() as free:
            return self._ask(state, decision, cloud, standing) if free else None

    def _streams(self, state: RequestState, decision: Decision) -> bool:
        """Sampled answers differ where nothing has changed: they are requests of their own."""
        arm, greedy = decision.arm, not state.question.generation.temperature
        if not (arm.sends_features and greedy) or decision.chosen.cloud_name in self._refusing:
            return False
        return self._device.codes_changes(arm.cut, arm.coding)

    def _ask(
        self, state: RequestState, decision: Decision, cloud: WatchingCloud, standing: Standing
    ) -> pb.Done | None:
        opening = self._opening(state, decision, standing)
        follows = standing.follows(cloud, opening)
        payload, frame = self._encode(state, decision, standing, key_frame=not follows)
        if frame.reference and not any(frame.payloads.values()):
            self._note_payload(state, decision, payload)
            return self._unchanged(state, standing)
        opens = not (follows and standing.active)
        if opens and self._rests(standing):
            return None
        if opens and frame.reference:
            payload, frame = self._encode(state, decision, standing, key_frame=True)
        self._note_payload(state, decision, payload)
        message = standing.frame(
            list(frame.payloads.values()), opening if opens else None, key_frame=not frame.reference
        )
        call = FrameCall(message, self._clock, standing=standing, number=state.view.number)
        try:
            done = self._exchange(state, decision, call)
        except StreamLost as lost:
            self._note_lost(decision, standing, lost)
            if state.local is not None and not state.escalated:
                raise
            return None
        except BaseException:
            standing.close()  # the cloud may have the frame, and the next is not coded against it
            raise
        self._device.acknowledge(frame, frame.frame)
        said, sent = standing.again()
        _note_frame(state, said, sent)
        return done

    def _opening(self, state: RequestState, decision: Decision, standing: Standing) -> pb.WatchOpening:
        """What the frames share."""
        asked, (rows, columns) = self._device.request(state.question), state.view.prepared.grid
        deadline = round(state.question.rules.deadline_ms or 0)
        silence = 0 if deadline else standing.max_unconfirmed  # with a deadline each reply is waited for
        return pb.WatchOpening(
            bundle=asked.bundle,
            cut=decision.arm.cut,
            codec=decision.arm.coding,
            rows=rows,
            columns=columns,
            question=asked.question,
            generation=asked.generation if asked.HasField("generation") else None,
            labels=asked.labels,
            client_secret=asked.client_secret,
            threshold=standing.threshold,
            silence=silence,
            silence_milliseconds=_REPLY_DUE_MS if silence else 0,
            frame_milliseconds=deadline,
        )

    def _encode(
        self, state: RequestState, decision: Decision, standing: Standing, *, key_frame: bool
    ) -> tuple[Payload, EncodedFrame]:
        """A frame coded against the one before in the stream, where that is shorter."""
        arm, view = decision.arm, state.view
        payload = self._device.encode_features(
            view.prepared,
            arm.cut,
            arm.coding,
            view.reached(arm.cut),
            source=standing.name,
            key_frame=key_frame or state.key_frame,
        )
        frame = payload.frame
        assert frame
        size = sum(
            map(len, frame.payloads.values())
        )  # that it is coded against the one before goes without saying
        return replace(payload, size=size), frame

    def _unchanged(self, state: RequestState, standing: Standing) -> pb.Done:
        """The codes are those of the frame before: so is the answer, and nothing is sent."""
        said, before = standing.again()
        _note_frame(state, said, before, alike=True)
        with state.turn.let_go():
            state.output.emit(said.text)
        return said.again(pb.Stages())

    def _rests(self, standing: Standing) -> bool:
        """Whether no stream is to be opened now: a cloud whose places others need would only end it again."""
        if standing.displaced():
            standing.rests_until = self._clock() + _REST_SECONDS
        return self._clock() < standing.rests_until

    def _note_lost(self, decision: Decision, standing: Standing, lost: StreamLost) -> None:
        if lost.facts.get("displaced"):
            standing.rests_until = self._clock() + _REST_SECONDS
        if lost.facts.get("refused"):
            self._refusing.add(decision.chosen.cloud_name)
            _log.warning("%s", lost)
        else:
            _log.debug("%s", lost)


def _note_frame(state: RequestState, said: Said, frame: SentFrame, *, alike: bool = False) -> None:
    """What an answer is of, or hangs on: that of a frame, or of one `alike`."""
    if frame.answer is None:
        state.repeats, state.unconfirmed = said.about, Unconfirmed(frame, alike)
    else:
        state.repeats = said.about if alike else frame.repeats
