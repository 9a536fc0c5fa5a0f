"""An answer that is complete: what it took, told and learned."""

from collections.abc import Callable

from edge.policy.router import Router
from edge.requests.answer import Answer, label_scores
from edge.requests.device import Device
from edge.requests.machine import Machine
from edge.requests.state import RequestState
from protos.arms.rules import LOCAL


class Completion:
    """With the device's turn held."""

    def __init__(self, device: Device, router: Router, machine: Machine, clock: Callable[[], float]) -> None:
        self._device, self._router, self._machine, self._clock = device, router, machine, clock

    def answer(self, state: RequestState, route: str, tokens: int, frame: str) -> Answer:
        """By the route that the text came by; `frame` is what the cloud calls what it keeps."""
        assert state.decision
        question, trace, output = state.question, state.trace, state.output
        total, limit = question.spent_ms(self._clock()), question.rules.deadline_ms
        trace.milliseconds["total"] = total
        if state.turn.waited_ms:
            trace.add("turn", state.turn.waited_ms)
        joules = self._energy(state, total, remote=route != LOCAL)
        return Answer(
            text=output.text,
            route=route,
            decision=state.decision,
            payload_bytes=trace.payload_bytes,
            bytes_up=trace.bytes_up,
            tokens=tokens,
            stages=trace.in_order(),
            fallback=output.fallback,
            late=limit is not None and total > limit,
            joules=joules,
            energy_source=self._machine.meter.words,
            frame=frame,
            label_scores=label_scores(state.scores),
            confidence=self._device.models.probability(state.local.confidence) if state.local else None,
            escalated=state.escalated,
            hedge_ms=state.hedge_ms,
            filtered=state.filtered,
            repeats=state.repeats,
            unconfirmed=state.unconfirmed,
        )

    def _energy(self, state: RequestState, total_ms: float, *, remote: bool) -> float:
        """Joules of an answer that is complete. One that came another way than decided, or while others were
        under way, teaches nothing.
        """
        trace, joules = state.trace, state.energy.joules(state.trace.bytes_up)
        if state.output.fallback is None and state.alone:
            busy_ms = trace.busy_ms(remote=remote)
            waiting_ms = max(total_ms - busy_ms, 0.0)
            self._router.learn_energy(
                joules, busy_ms, waiting_ms, trace.bytes_up, self._clock(), remote=remote
            )
        return joules
