"""A request's call to the cloud: built, awaited while it is others' turn on the device, and learned from."""

from collections.abc import Callable, Mapping

from edge.link.client import Replies, WatchingCloud
from edge.link.cloud_call import AnyExchange, CloudCall
from edge.link.standing_stream import StreamLost
from edge.policy.decision import Decision
from edge.policy.router import Failure, Router
from edge.requests.device import Device, Payload
from edge.requests.hedge import Hedge
from edge.requests.local_answers import LocalAnswers
from edge.requests.machine import Machine
from edge.requests.question import Question
from edge.requests.sender import DeviceSender
from edge.requests.standing_answers import StandingAnswers
from edge.requests.state import RequestState
from protos import inference_pb2 as pb
from protos.arms.rules import Rules
from protos.errors import IsthmusError, RequestError

_CLOUD_STAGES = ("decode", "queue", "tail", "first_token", "generate")
_GIVING = 0.05  # part of the deadline that is kept for giving an answer that is ready


class CloudAnswers:
    """With the device's turn held, which is let go while the cloud is awaited."""

    def __init__(
        self,
        clients: Mapping[str, WatchingCloud],
        device: Device,
        router: Router,
        machine: Machine,
        local: LocalAnswers,
        clock: Callable[[], float],
    ) -> None:
        """`clients`: of every cloud, by its name."""
        self._clients, self._device, self._router, self._machine = clients, device, router, machine
        self._local, self._clock = local, clock
        self._standing = StandingAnswers(device, self._exchange, self._note_payload, clock)

    def ask(self, state: RequestState, decision: Decision) -> pb.Done:
        """The end of the answer, whose text was passed on. Raises what the client raises, TooLarge where the
        day's bytes do not suffice, DeadlineError where the device's own answer is to be given, and Cancelled.
        """
        if (done := self._standing.ask(state, decision, self._client(decision))) is not None:
            return done
        done = self._exchange(state, decision, CloudCall(self._build(state, decision), self._clock))
        if state.encoded:
            self._device.acknowledge(state.encoded, done.frame.hex())
        return done

    def _exchange(self, state: RequestState, decision: Decision, call: AnyExchange) -> pb.Done:
        """Send, await and learn. Raises as `ask`."""
        local_ms = self._local.left_ms(state)
        hedge_ms = self._hedge_after_ms(state, decision, local_ms)
        seconds = self._patience(state, decision, local_ms, hedged=hedge_ms is not None)
        if hedge_ms is None:
            call.give_key()
        self._machine.reserve(call.sent, state.question.rules)
        self._router.begin(decision, call.sent, self._clock())
        try:
            with state.turn.let_go():
                done = self._call(state, decision, call, seconds, hedge_ms)
        except IsthmusError as error:
            state.cancellation.check()  # a call that the caller ended teaches nothing
            self._lost(state, decision, call, error)
            raise
        finally:
            self._router.end(decision)
        state.trace.bytes_up += call.sent
        if call.replied:
            self._learn(state, decision, call, done)
        return done

    def _call(
        self,
        state: RequestState,
        decision: Decision,
        call: AnyExchange,
        seconds: float,
        hedge_ms: float | None,
    ) -> pb.Done:
        """The cloud's answer, passed on as it comes. Where its reply is lost, it is asked for again; or after
        so long the device begins one of its own. It is others' turn meanwhile.
        """
        if hedge_ms is None:
            replies = self._begin_keyed(state, call, decision, seconds)
        else:
            replies = call.begin(self._client(decision), seconds)
        tell = state.output.emit
        with state.cancellation.ending(replies.close):
            if hedge_ms is None:
                return call.read(replies, tell)
            hedge = Hedge(
                hedge_ms,
                state.turn.another(),
                lambda emit: self._local.run(state, emit),
                self._local.good,
                lambda: self._left(state.question),
                self._clock,
            )
            try:
                return hedge.read(call, replies, tell)
            finally:
                state.local, state.hedge_ms = hedge.local, hedge.worked_ms

    def _begin_keyed(
        self, state: RequestState, call: AnyExchange, decision: Decision, seconds: float
    ) -> Replies:
        return call.begin_keyed(
            self._client(decision),
            seconds,
            self._router.silence_seconds(decision, seconds),
            lambda size: self._afford(size, state.question.rules),
            last=len(state.failed) + 1 >= len(self._clients),
        )

    def _client(self, decision: Decision) -> WatchingCloud:
        return self._clients[decision.chosen.cloud_name]

    def _afford(self, size: int, rules: Rules) -> bool:
        """Count so many bytes, if the day's limit allows them."""
        try:
            self._machine.reserve(size, rules)
        except RequestError:
            return False
        return True

    def _lost(self, state: RequestState, decision: Decision, call: AnyExchange, error: IsthmusError) -> None:
        """The call brought no answer."""
        left = call.sent_in_vain(error)
        self._machine.give_back(call.sent - left)
        state.trace.bytes_up += left
        state.trace.add("lost", call.waited_ms() - state.hedge_ms)
        if isinstance(error, StreamLost):
            return  # the request that follows tells what is wrong
        failure = Failure(error, left, call.waited_ms(), call.first_reply is not None)
        self._router.learn_failure(decision, failure, self._clock())

    def _left(self, question: Question) -> float:
        """Seconds for which an answer that is ready may be kept; without a deadline none."""
        limit = question.rules.deadline_ms or 0.0
        return ((1 - _GIVING) * limit - question.spent_ms(self._clock())) / 1000

    def _build(self, state: RequestState, decision: Decision) -> pb.InferRequest:
        """What an arm sends; the head and the coder run as far as it needs them."""
        request, arm = self._device.request(state.question), decision.arm
        sender = DeviceSender(
            self._device,
            state.view,
            state.frame or "",
            key_frame=state.key_frame,
            cloud_name=decision.chosen.cloud_name,
        )
        arm.build(request, sender)
        self._note_payload(state, decision, sender.payload)
        return request

    def _note_payload(self, state: RequestState, decision: Decision, payload: Payload) -> None:
        """It is about to be sent; learn what making it took."""
        state.encoded = payload.frame
        if payload.head:
            state.view.note(payload.head)
        state.trace.add_all(payload.milliseconds)
        state.trace.payload_bytes += payload.size
        now = self._clock()
        self._router.learn_device(payload.parts, now)
        self._router.learn_size(decision.arm, payload.size, state.view.prepared.grid.tiles, now)

    def _patience(
        self, state: RequestState, decision: Decision, local_ms: float | None, *, hedged: bool
    ) -> float:
        """Seconds that the call may take."""
        question, now = state.question, self._clock()
        return self._router.patience(
            decision,
            question.rules,
            question.spent_ms(now),
            now,
            max_tokens=self._local.max_tokens(question),
            local_ms=local_ms,
            hedged=hedged,
        )

    def _hedge_after_ms(
        self, state: RequestState, decision: Decision, local_ms: float | None
    ) -> float | None:
        """When the device is to begin an answer of its own beside the call; None: it is not, or has one."""
        if state.local is not None:
            return None
        question, now = state.question, self._clock()
        return self._router.hedge_after_ms(decision, question.rules, question.spent_ms(now), local_ms, now)

    def _learn(self, state: RequestState, decision: Decision, call: AnyExchange, done: pb.Done) -> None:
        network_ms, stages, now = call.network_ms(), done.stages, self._clock()
        learned = network_ms if call.tries == 1 else None
        if call.ran:
            tiles = state.view.prepared.grid.tiles
            self._router.learn(decision, call.size, learned, done, now, tiles)
        else:
            self._router.learn_transfer(decision, call.size, learned, now)
        state.trace.add("network", network_ms)
        state.trace.add_all({name: getattr(stages, name) for name in _CLOUD_STAGES})
