"""One device through one run: every request from its arrival to its answer. Nothing is sampled.

The device's processor does one thing at a time. A request waits for it, is prepared and decided on, and keeps
it through head and coder; then its bytes queue on the link. The cloud has so many servers with one queue. A
call that outlasts its patience is given up, and the device answers, from where the head has come to, if it
may. Where the device answers first, its answer is as sure as chance has it, and the cloud is asked about the
least sure share.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from functools import cache, partial

from bench.simulate.pending import Pending, Served
from bench.simulate.policy import DecisionPolicy
from bench.simulate.queues.events import Events
from bench.simulate.queues.servers import Forecast, Servers
from bench.simulate.queues.uplink import Uplink
from bench.simulate.requests import Arrival
from bench.simulate.scenario import QUESTION_BYTES, UNANSWERED_MS, Scenario
from edge.policy.decision import Request
from edge.policy.router import Failure
from protos import inference_pb2 as pb
from protos.arms.arm import Arm
from protos.arms.rules import LOCAL
from protos.costs.power import MODEL
from protos.errors import DeadlineError


class Simulation:
    """A run of one policy."""

    def __init__(self, scenario: Scenario, policy: DecisionPolicy) -> None:
        self._scenario, self._policy = scenario, policy
        self._events = Events()
        self._device = Servers(scenario.in_flight or math.inf)
        self._processor = Servers(1)
        self.uplink = Uplink(self._events, scenario.rate, scenario.offset)
        self._cloud = Servers(scenario.servers)
        self._calls: dict[int, Pending] = {}  # those on the link or in the cloud, in their order
        self._served: list[Served] = []
        self._max_tokens = scenario.bundle.manifest.limits.max_new_tokens

    def run(self, arrivals: Iterable[Arrival]) -> list[Served]:
        """Every request to its end, in the order of their arrival."""
        for arrival in arrivals:
            self._events.at(arrival.at, partial(self._arrive, Pending(arrival)))
        self._events.run()
        return sorted(self._served, key=lambda served: served.at)

    def _arrive(self, request: Pending) -> None:
        self._device.enter(request.arrival.number, lambda: self._begin(request))

    def _begin(self, request: Pending) -> None:
        self._processor.enter(request.arrival.number, lambda: self._prepare(request))

    def _prepare(self, request: Pending) -> None:
        milliseconds = self._scenario.device.preprocess_ms * request.arrival.device
        self._work(request, milliseconds, lambda: self._decide(request))

    def _decide(self, request: Pending) -> None:
        now, asked = self._events.now, self._request(request)
        forecast = cache(self._forecast)  # one for all arms, where it is asked for
        request.taken = self._policy.decide(asked, now, lambda arm: self._outlook(request, arm, forecast()))
        if request.taken is None:
            self._processor.release()
            self._end(request, "")
            return
        request.way = arm = request.taken.arm
        request.cost = self._scenario.cost(arm, request.arrival.tokens)
        if arm.local_first or not arm.remote:
            self._answer_here(request)
            return
        milliseconds = (request.cost.head + request.cost.encode) * request.arrival.device
        self._work(request, milliseconds, lambda: self._send(request))

    def _answer_here(self, request: Pending) -> None:
        """The processor is this request's."""
        self._work(request, self._here_ms(request), lambda: self._answered_here(request))

    def _answered_here(self, request: Pending) -> None:
        self._policy.learn_device(request.parts(self._scenario.device), self._events.now)
        self._policy.learn_local(self._tokens(request))
        if request.unsure and not request.answered_here:
            request.answered_here, request.taken = True, self._policy.escalated(request.decided)
            self._work(request, request.cost.encode * request.arrival.device, lambda: self._send(request))
            return
        self._processor.release()
        arm = request.decided.arm
        self._end(request, arm.name if arm.local_first else LOCAL)

    def _work(self, request: Pending, milliseconds: float, then: Callable[[], None]) -> None:
        """Keep the processor busy, which is this request's."""
        request.worked_ms += milliseconds
        self._events.after(milliseconds / 1000, then)

    def _send(self, request: Pending) -> None:
        self._processor.release()
        taken, now = request.decided, self._events.now
        self._policy.learn_device(request.parts(self._scenario.device), now)
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

    def _sent(self, request: Pending) -> None:
        request.place, request.bytes_up = "air", float(request.cost.bytes_up)
        request.arrives = self._events.now + self._scenario.round_trip / 2
        request.events.append(self._events.at(request.arrives, lambda: self._reach_cloud(request)))

    def _reach_cloud(self, request: Pending) -> None:
        request.place = "queue"
        self._cloud.enter(request.arrival.number, lambda: self._begin_in_cloud(request))

    def _begin_in_cloud(self, request: Pending) -> None:
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

    def _leave_cloud(self, request: Pending) -> None:
        request.place = "back"
        self._cloud.release()

    def _reply(self, request: Pending) -> None:
        request.first_reply = self._events.now

    def _complete(self, request: Pending) -> None:
        taken, cloud, noise = request.decided, self._scenario.cloud, request.arrival.cloud
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
        self._end(request, request.way.name if request.way else "")

    def _give_up(self, request: Pending) -> None:
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
        self._policy.learn_failure(request.decided, failure, self._events.now)
        self._fall_back(request)

    def _close(self, request: Pending) -> None:
        """The call is over."""
        self._policy.end(request.decided)
        del self._calls[request.arrival.number]
        for event in request.events:
            event.cancel()

    def _fall_back(self, request: Pending) -> None:
        if request.answered_here:
            self._end(request, LOCAL)
        elif self._scenario.local:
            self._processor.enter(request.arrival.number, lambda: self._answer_here(request))
        else:
            self._end(request, "")

    def _end(self, request: Pending, answered: str) -> None:
        self._device.release()
        scenario = self._scenario
        total = 1000 * (self._events.now - request.arrival.at)
        lost = next((arm.loss for arm in scenario.arms if arm.name == answered), 0.0)
        counted = total if answered else max(total, UNANSWERED_MS)
        chosen = request.way.name if request.way else ""
        remote = request.way is not None and request.way.remote
        joules = MODEL.joules(request.worked_ms, 0.0, request.bytes_up, remote=remote)
        score = scenario.score(counted, lost, request.bytes_up, joules)
        self._served.append(
            Served(request.arrival.at, counted, chosen, answered, request.bytes_up, joules, score)
        )

    def _request(self, request: Pending) -> Request:
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

    def _reserve_ms(self, request: Pending) -> float | None:
        """What the device believes that a local answer would still take; None where none may stand in."""
        if request.answered_here:
            return 0.0
        if not self._scenario.local:
            return None
        tokens = self._request(request).tokens
        return self._scenario.device.answer_ms(self._scenario.tiles, request.reached, tokens)

    def _here_ms(self, request: Pending) -> float:
        """What a local answer truly still takes."""
        steps = 0 if self._scenario.compares else request.arrival.tokens - 1
        usual = self._scenario.device.answer_ms(self._scenario.tiles, request.reached, steps)
        return usual * request.arrival.device

    def _tokens(self, request: Pending) -> int:
        return 1 if self._scenario.compares else request.arrival.tokens

    def _outlook(self, request: Pending, arm: Arm, forecast: Forecast) -> float | None:
        """Seconds until this arm's answer, if all that is under way stays to its end. The processor is this
        request's.
        """
        now, arrival, back = self._events.now, request.arrival, self._scenario.round_trip / 2
        cost = self._scenario.cost(arm, arrival.tokens)
        first = cost.head + cost.local + (0.0 if arm.remote else cost.generate)
        here = (first + cost.encode) * arrival.device / 1000
        if not arm.remote or (arm.local_first and arrival.sureness >= cost.asked):
            return first * arrival.device / 1000
        arrives = self.uplink.departure(cost.bytes_up, now + here) + back
        begins = forecast.begin(arrives)
        ends = begins + (cost.entry + cost.generate) * arrival.cloud / 1000 + back
        given_up = ends - (now + here) >= self._policy.longest_call(self._max_tokens)
        return None if given_up else ends - now

    def _forecast(self) -> Forecast:
        """The cloud's servers once all that is on its way has been served."""
        calls: Sequence[Pending] = list(self._calls.values())
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
