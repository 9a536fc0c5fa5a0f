"""By how much what devices really took differs from the cost model, stage by stage.

A device's own parts, its link and its cloud have a factor each, of every device by itself, so that one that
lies spoils no other. What a device did not do says nothing of it: there the median of its class stands.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cloud.fleet.tuning.links import link_known, link_states
from cloud.fleet.tuning.model import ArmCost
from cloud.fleet.tuning.observed import Period, Values
from protos.costs.estimates import LinkStates
from protos.costs.power import MODEL

_LEAST_MS = 0.5  # a device's part that is shorter on average is a guess
_FEWEST = 10  # answers
_FACTORS = (0.02, 50.0)
_LEAST_SCATTER, _USUAL_SCATTER, _MOST_SCATTER = 0.02, 0.2, 1.0

Flags = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Calibration:
    """Milliseconds, and factors of what the model says."""

    fixed: Values  # of every answer: the picture is prepared, and what no stage explains
    vision: Values
    answer: Values
    entry: Values
    generate: Values
    queue: Values
    network: Values
    joules: Values  # NaN: not known
    sizes: Values  # of payloads, in those of the report's pictures
    scatter: Values  # standard deviation of the logarithm of a time about what is predicted
    rate: Values  # answers a second
    states: LinkStates
    linked: Flags  # the link is known

    def network_ms(self, cost: ArmCost) -> Values:
        """Of an exchange, in each state of each link."""
        states = self.states
        times = states.round_trip_ms + states.ms_a_byte * cost.bytes_up(self.sizes)
        return np.asarray(self.network * times)

    def here_ms(self, cost: ArmCost) -> Values:
        """That the device works, beside preparing the picture."""
        return np.asarray(self.vision * cost.vision + self.answer * cost.answer)

    def cloud_ms(self, cost: ArmCost) -> Values:
        """That the cloud works."""
        return np.asarray(self.entry * cost.entry + self.generate * cost.generate)

    def beside_network(self, cost: ArmCost) -> Values:
        """All but the exchange."""
        return np.asarray(self.fixed + self.here_ms(cost) + self.cloud_ms(cost) + cost.asked * self.queue)

    def total_ms(self, cost: ArmCost) -> Values:
        """Of an answer, in each state of each link: states, devices."""
        network = cost.asked * self.network_ms(cost) if cost.asked else np.zeros_like(self.states.ms_a_byte)
        return np.asarray(self.beside_network(cost) + network)

    def joules_of(self, cost: ArmCost, total: Values) -> Values:
        """What the device spends on an answer that takes so long."""
        busy = self.fixed + self.here_ms(cost)
        sent = cost.asked * cost.bytes_up(self.sizes)
        return self.joules * _power(busy, total - busy, sent)


def calibrate(costs: Sequence[ArmCost], period: Period, kinds: NDArray[np.str_]) -> Calibration:
    """What the answers of a period say of the model."""
    counts = {id(one): period.arms[one.told]["count"] for one in costs}

    def predicted(part: str) -> Values:
        parts = (counts[id(one)] * getattr(one, part) for one in costs)
        return np.asarray(sum(parts, np.zeros(len(kinds))))

    answers = np.asarray(sum(counts.values(), np.zeros(len(kinds))))
    asked = predicted("asked")
    alone = predicted("answer")
    enough = answers >= _FEWEST
    # cascades and local answers generate here, all others in the cloud
    spoken = period.stages("first_token", "generate")
    elsewhere = alone <= 0
    spoken_there = np.where(elsewhere, predicted("generate"), 0.0)
    generate = _factors(spoken, spoken_there, answers, kinds)
    own = period.stages("local") + np.maximum(spoken - generate * predicted("generate"), 0.0)
    sizes = _sizes(costs, period, kinds)
    states, linked = link_states(period), link_known(period)
    base = Calibration(
        fixed=np.zeros(len(kinds)),
        vision=_factors(period.stages("head", "encode"), predicted("vision"), answers, kinds),
        answer=_factors(np.where(elsewhere, 0.0, own), alone, answers, kinds),
        entry=_factors(period.stages("decode", "tail"), predicted("entry"), asked, kinds),
        generate=generate,
        queue=filled(period.stages("queue") / np.maximum(asked, 1.0), asked >= _FEWEST, kinds, 0.0),
        network=np.ones(len(kinds)),
        joules=np.ones(len(kinds)),
        sizes=sizes,
        scatter=_scatter(period),
        rate=answers / np.maximum(period.sums["seconds"], 1.0),
        states=states,
        linked=linked,
    )
    networks = sum(
        (
            counts[id(one)] * one.asked * (states.probability @ base.network_ms(one))
            for one in costs
            if one.asked
        ),
        np.zeros(len(kinds)),
    )
    measured = np.where(linked, period.stages("network"), 0.0)
    network = _factors(measured, np.where(linked, networks, 0.0), answers, kinds)
    fixed = _fixed(period, answers, enough, kinds)
    moved = {**base.__dict__, "network": network, "fixed": fixed}
    joules = _joules(costs, period, Calibration(**moved), kinds)
    return Calibration(**{**moved, "joules": joules})


def _power(busy: Values, waiting: Values, sent: Values) -> Values:
    return np.asarray(MODEL.joules(busy, np.maximum(waiting, 0.0), sent, remote=True))  # type: ignore[arg-type]


def _fixed(period: Period, answers: Values, enough: Flags, kinds: NDArray[np.str_]) -> Values:
    """Preparing the picture, waiting for a turn, and whatever no stage is for."""
    stages = period.stages(
        "head", "local", "encode", "network", "decode", "queue", "tail", "first_token", "generate"
    )
    unexplained = np.maximum(period.stages("total") - stages, 0.0)
    return filled(unexplained / np.maximum(answers, 1.0), enough, kinds, 0.0)


def _sizes(costs: Sequence[ArmCost], period: Period, kinds: NDArray[np.str_]) -> Values:
    sent = empty = payload = np.zeros(len(kinds))
    for one in costs:
        count = period.arms[one.told]["count"] * one.asked
        sent = sent + period.arms[one.told]["bytes_up"]
        empty, payload = empty + count * one.empty_bytes, payload + count * one.payload_bytes
    return _factors(np.maximum(sent - empty, 0.0), payload, np.full(len(kinds), _FEWEST), kinds)


def _joules(costs: Sequence[ArmCost], period: Period, known: Calibration, kinds: NDArray[np.str_]) -> Values:
    metered, expected = period.all_arms("metered"), np.zeros(len(kinds))
    for one in costs:
        total = known.states.probability @ known.total_ms(one)
        expected = expected + period.arms[one.told]["metered"] * known.joules_of(one, total)
    joules = period.all_arms("joules")
    told = (metered >= _FEWEST) & (joules > 0) & (expected > 0)
    return filled(joules / np.where(expected > 0, expected, 1.0), told, kinds, np.nan)


def _scatter(period: Period) -> Values:
    """Of surprises: what answers took, in parts of what their device had predicted."""
    count = period.all_arms("surprises")
    mean = period.all_arms("log_surprise") / np.maximum(count, 1.0)
    variance = period.all_arms("log_surprise_squares") / np.maximum(count, 1.0) - mean**2
    known = np.sqrt(np.maximum(variance, 0.0))
    usual = np.where(count >= _FEWEST, known, _USUAL_SCATTER)
    return np.clip(usual, _LEAST_SCATTER, _MOST_SCATTER)


def _factors(measured: Values, predicted: Values, answers: Values, kinds: NDArray[np.str_]) -> Values:
    told = (predicted > _LEAST_MS * np.maximum(answers, 1.0)) & (answers >= _FEWEST) & (measured > 0)
    return np.clip(filled(measured / np.where(told, predicted, 1.0), told, kinds, 1.0), *_FACTORS)


def filled(values: Values, known: Flags, kinds: NDArray[np.str_], default: float) -> Values:
    """Where a value is not known, the median of those of the device's class, else of all."""
    overall = float(np.median(values[known])) if known.any() else default
    found = np.where(known, values, overall)
    for kind in np.unique(kinds[~known]):
        of = kinds == kind
        if (of & known).any():
            found[of & ~known] = np.median(values[of & known])
    return found
