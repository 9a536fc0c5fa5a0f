"""One device through one run: every request from its arrival to its answer. Nothing is sampled.

The device's processor does one thing at a time. A request waits for it, is prepared and decided on, and keeps
it through head and coder; then its bytes queue on the link. The cloud has so many servers with one queue. A
call that outlasts its patience is given up, and the device answers, from where the head has come to, if it
may.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Literal

from bench.simulate.policy import DecisionPolicy, Taken
from bench.simulate.queues.events import Event, Events
from bench.simulate.queues.servers import Forecast, Servers
from bench.simulate.queues.uplink import Uplink
from bench.simulate.requests import Arrival
from bench.simulate.scenario import QUESTION_BYTES, UNANSWERED_MS, Scenario
from edge.costs.device_times import PREFILL, TOKEN
from edge.policy.decision import Request
from edge.policy.router import Failure
from protos import inference_pb2 as pb
from protos.arms.arm import Arm
from protos.arms.rules import LOCAL
from protos.costs.cost import Cost
from protos.errors import DeadlineError


@dataclass(frozen=True)
class Served:
    """How a request ended. `chosen` is the arm that was taken, `answered` the one that brought the answer;
    empty where there was none. Seconds, milliseconds, bytes that left the device.
    """

    at: float
    total_ms: float
    chosen: str
    answered: str
    bytes_up: float
    score: float


@dataclass
class _Pending:
    """A request on its way."""

    arrival: Arrival
    taken: Taken | None = None
    cost: Cost = field(default_factory=Cost)
    begun: float = 0.0  # the call
    arrives: float = 0.0  # in the cloud, once its bytes have left
    queued_ms: float = 0.0  # in the cloud
    first_reply: float | None = None
    bytes_up: float = 0.0
    place: Literal["device", "uplink", "air", "queue", "cloud", "back"] = "device"
    until: float = 0.0  # in the cloud: when its server is free
    events: list[Event] = field(default_factory=list)


class Simulation:
    """A run of one policy."""

    def __init__(self, scenario: Scenario, policy: DecisionPolicy) -> None:
        self._scenario, self._policy = scenario, policy
        self._events = Events()
        self._device = Servers(scenario.in_flight or math.inf)
        self._processor = Servers(1)
        self.uplink = Uplink(self._events, scenario.rate, scenario.offset)
        self._cloud = Servers(scenario.servers)
        self._calls: dict[int, _Pending] = {}  # those on the link or in the cloud, in their order
        self._served: list[Served] = []
        self._max_tokens = scenario.bundle.manifest.limits.max_new_tokens

    def run(self, arrivals: Iterable[Arrival]) -> list[Served]:
        """Every request to its end, in the order of their arrival."""
        for arrival in arrivals:
            self._events.at(arrival.at, partial(self._arrive, _Pending(arrival)))
        self._events.run()
        return sorted(self._served, key=lambda served: served.at)

    def _arrive(self, request: _Pending) -> None:
        self._device.enter(request.arrival.number, lambda: self._begin(request))

    def _begin(self, request: _Pending) -> None:
        self._processor.enter(request.arrival.number, lambda: self._prepare(request))

    def _prepare(self, request: _Pending) -> None:
        milliseconds = self._scenario.device.preprocess_ms * request.arrival.device
        self._events.after(milliseconds / 1000, lambda: self._decide(request))

    def _decide(self, request: _Pending) -> None:
        now, asked = self._events.now, self._request(request)
        forecast = cache(self._forecast)  # one for all arms, where it is asked for
        request.taken = self._policy.decide(asked, now, lambda arm: self._outlook(request, arm, forecast()))
        if request.taken is None:
            self._processor.release()
            self._end(request, "")
            return
        request.cost = self._scenario.cost(request.taken.arm, request.arrival.tokens)
        if not request.taken.arm.remote:
            self._answer_here(request)
            return
        seconds = (request.cost.head + request.cost.encode) * request.arrival.device / 1000
        self._events.after(seconds, lambda: self._send(request))

    def _answer_here(self, request: _Pending) -> None:
        """The processor is this request's."""
        self._events.after(self._here_ms(request) / 1000, lambda: self._answered_here(request))

    def _answered_here(self, request: _Pending) -> None:
        self._processor.release()
        self._policy.learn_device(self._parts(request), self._events.now)
        self._policy.learn_local(self._tokens(request))
        self._end(request, LOCAL)

    def _send(self, request: _Pending) -> None:
        self._processor.release()
        taken, now = _taken(request), self._events.now
        self._policy.learn_device(self._parts(request), now)
        request.begun = now
        try:
            seconds = self._policy.patience(
                taken, self._request(request), now, self._max_tokens, self._reserve_ms(request)
            )
        except DeadlineError:
            self._fall_back(request)
            return
        key = request.arrival.number
        self._policy.begin(taken, request.cost.bytes_up, now)
        self._calls[key] = request
        request.place = "uplink"
        request.events = [self._events.after(seconds, lambda: self._give_up(request))]
        self.uplink.enter(key, request.cost.bytes_up, lambda: self._sent(request))

    def _sent(self, request: _Pending) -> None:
        request.place, request.bytes_up = "air", float(request.cost.bytes_up)
        request.arrives = self._events.now + self._scenario.round_trip / 2
        request.events.append(self._events.at(request.arrives, lambda: self._reach_cloud(request)))

    def _reach_cloud(self, request: _Pending) -> None:
        request.place = "queue"
        self._cloud.enter(request.arrival.number, lambda: self._begin_in_cloud(request))

    def _begin_in_cloud(self, request: _Pending) -> None:
        now, cost, noise = self._events.now, request.cost, request.arrival.cloud / 1000
        request.place, request.queued_ms = "cloud", 1000 * (now - request.arrives)
        back = self._scenario.round_trip / 2
        first = now + noise * (cost.entry + self._scenario.cloud.prefill_ms)
        request.until = now + noise * (cost.entry + cost.generate)
        request.events += [
            self._events.at(first + back, lambda: self._reply(request)),
            self._events.at(request.until, lambda: self._leave_cloud(request)),
            self._events.at(request.until + back, lambda: self._complete(request)),
        ]

    def _leave_cloud(self, request: _Pending) -> None:
        request.place = "back"
        self._cloud.release()

    def _reply(self, request: _Pending) -> None:
        request.first_reply = self._events.now

    def _complete(self, request: _Pending) -> None:
        taken, cloud, noise = _taken(request), self._scenario.cloud, request.arrival.cloud
        self._close(request)
        stages = pb.Stages(
            queue=request.queued_ms,
            tail=noise * request.cost.entry,
            first_token=noise * cloud.prefill_ms,
            generate=noise * (request.cost.generate - cloud.prefill_ms),
        )
        worked = stages.queue + stages.tail + stages.first_token
        replied = self._events.now if request.first_reply is None else request.first_reply
        network_ms = max(1000 * (replied - request.begun) - worked, 0.0)
        done = pb.Done(tokens=self._tokens(request), stages=stages)
        self._policy.learn(taken, request.cost.bytes_up, network_ms, done, self._events.now)
        self._end(request, taken.arm.name)

    def _give_up(self, request: _Pending) -> None:
        key = request.arrival.number
        if request.place == "uplink":
            request.bytes_up += self.uplink.cancel(key)
        elif request.place == "queue":
            self._cloud.leave(key)
        elif request.place == "cloud":
            self._cloud.release()
        self._close(request)
        waited = 1000 * (self._events.now - request.begun)
        error = DeadlineError(f"no answer in {waited:.0f} ms; allow more time")
        failure = Failure(error, request.cost.bytes_up, waited, request.first_reply is not None)
        self._policy.learn_failure(_taken(request), failure, self._events.now)
        self._fall_back(request)

    def _close(self, request: _Pending) -> None:
        """The call is over."""
        self._policy.end(_taken(request))
        del self._calls[request.arrival.number]
        for event in request.events:
            event.cancel()

    def _fall_back(self, request: _Pending) -> None:
        if self._scenario.local:
            self._processor.enter(request.arrival.number, lambda: self._answer_here(request))
        else:
            self._end(request, "")

    def _end(self, request: _Pending, answered: str) -> None:
        self._device.release()
        scenario = self._scenario
        total = 1000 * (self._events.now - request.arrival.at)
        lost = next((arm.loss for arm in scenario.arms if arm.name == answered), 0.0)
        counted = total if answered else max(total, UNANSWERED_MS)
        chosen = request.taken.arm.name if request.taken else ""
        score = scenario.score(counted, lost, request.bytes_up)
        self._served.append(Served(request.arrival.at, counted, chosen, answered, request.bytes_up, score))

    def _request(self, request: _Pending) -> Request:
        """As the orchestrator would describe it to its router now."""
        scenario = self._scenario
        return Request(
            rules=scenario.rules,
            weights=scenario.weights,
            question_bytes=QUESTION_BYTES,
            tokens=0.0 if scenario.compares else self._policy.tokens(self._max_tokens),
            spent_ms=1000 * (self._events.now - request.arrival.at),
            tiles=scenario.tiles,
        )

    def _reserve_ms(self, request: _Pending) -> float | None:
        """What the device believes that a local answer would still take; None where none may stand in."""
        if not self._scenario.local:
            return None
        tokens = self._request(request).tokens
        return self._scenario.device.answer_ms(self._scenario.tiles, self._reached(request), tokens)

    def _here_ms(self, request: _Pending) -> float:
        """What a local answer truly still takes."""
        steps = 0 if self._scenario.compares else request.arrival.tokens - 1
        usual = self._scenario.device.answer_ms(self._scenario.tiles, self._reached(request), steps)
        return usual * request.arrival.device

    def _parts(self, request: _Pending) -> dict[str, float]:
        """What the device saw its own parts take, a tile."""
        device, arm, noise = self._scenario.device, _taken(request).arm, request.arrival.device
        names = list(device.pieces)
        if arm.remote:
            names = names[: names.index(arm.cut) + 1] if arm.cut else []
        parts = {name: noise * device.pieces[name] for name in names}
        coder = "/".join(part for part in (arm.cut, arm.coding) if part)
        if coder in device.encode_ms:
            parts[coder] = noise * device.encode_ms[coder]
        if not arm.remote:
            parts |= {PREFILL: noise * device.prefill_ms, TOKEN: noise * device.token_ms}
        return parts

    def _reached(self, request: _Pending) -> str | None:
        """The cut that the head has come to."""
        return (request.taken.arm.cut or None) if request.taken else None

    def _tokens(self, request: _Pending) -> int:
        return 1 if self._scenario.compares else request.arrival.tokens

    def _outlook(self, request: _Pending, arm: Arm, forecast: Forecast) -> float | None:
        """Seconds until this arm's answer, if all that is under way stays to its end. The processor is this
        request's.
        """
        now, arrival, back = self._events.now, request.arrival, self._scenario.round_trip / 2
        cost = self._scenario.cost(arm, arrival.tokens)
        here = (cost.head + cost.encode + (0.0 if arm.remote else cost.generate)) * arrival.device / 1000
        if not arm.remote:
            return here
        arrives = self.uplink.departure(cost.bytes_up, now + here) + back
        begins = forecast.begin(arrives)
        ends = begins + (cost.entry + cost.generate) * arrival.cloud / 1000 + back
        given_up = ends - (now + here) >= self._policy.longest_call(self._max_tokens)
        return None if given_up else ends - now

    def _forecast(self) -> Forecast:
        """The cloud's servers once all that is on its way has been served."""
        calls: Sequence[_Pending] = list(self._calls.values())
        forecast = Forecast(self._scenario.servers, (c.until for c in calls if c.place == "cloud"))
        departures = self.uplink.departures()
        for call in calls:
            seconds = (call.cost.entry + call.cost.generate) * call.arrival.cloud / 1000
            if call.place == "uplink":
                left = departures[call.arrival.number]
                forecast.serve(left + self._scenario.round_trip / 2, seconds)
            elif call.place in {"air", "queue"}:
                forecast.serve(call.arrives, seconds)
        return forecast


def _taken(request: _Pending) -> Taken:
    if request.taken is None:
        raise ValueError("nothing was decided yet")
    return request.taken
