"""The rollout of a service: set, told, and asked which version a device should work with."""

import math

from cloud.models.served_models import ServedModel, ServedModels
from cloud.rollout.canary import Bounds, Verdict, harm_needed, health_needed
from cloud.rollout.comparable import comparable_cuts
from cloud.rollout.rollout import Rollout
from protos import admin_pb2 as ap
from protos.errors import RequestError

_VERDICTS = {
    Verdict.ADVANCE: ap.Traffic.ADVANCE,
    Verdict.HOLD: ap.Traffic.HOLD,
    Verdict.ROLL_BACK: ap.Traffic.ROLL_BACK,
}


class TrafficControl:
    """One rollout at a time, held in memory only. Belongs to the event loop."""

    def __init__(self, models: ServedModels) -> None:
        self._models = models
        self._rollout: Rollout | None = None

    @property
    def rollout(self) -> Rollout | None:
        """The one that there is; it ends where either version is unloaded."""
        current = self._rollout
        if current and not {current.stable, current.candidate} <= {model.digest for model in self._models}:
            self._rollout = None
        return self._rollout

    def recommended(self, device: str) -> str:
        """The digest of the version that a device should work with; empty where any is as good."""
        return self.rollout.recommended(device) if self.rollout else ""

    def set(self, asked: ap.SetTrafficRequest) -> ap.Traffic:
        """Begin, change or end a rollout. Raises RequestError for what is not possible."""
        if asked.end:
            self._rollout = None
            return self.told()
        rollout = self._asked_of(asked)
        share, shadow = _part("share", asked, rollout.share), _part("shadow", asked, rollout.shadow)
        if shadow and not rollout.cuts:
            raise RequestError(
                "the two versions read other prompts or prepare pictures otherwise, so no request can be run "
                "by both; leave --shadow out"
            )
        if asked.HasField("bounds"):
            rollout.set_bounds(_bounds(asked.bounds))
        rollout.set_share(share)
        rollout.shadow = shadow
        rollout.automatic = asked.automatic if asked.HasField("automatic") else rollout.automatic
        self._rollout = rollout
        return self.told()

    def told(self) -> ap.Traffic:
        """The rollout and its evidence, as far as there is one."""
        rollout = self.rollout
        if not rollout:
            return ap.Traffic()
        tally, bounds, judgement = rollout.tally, rollout.bounds, rollout.judgement
        told = ap.Traffic(
            candidate=rollout.candidate,
            stable=rollout.stable,
            share=rollout.share,
            shadow=rollout.shadow,
            automatic=rollout.automatic,
            bounds=ap.Bounds(slowdown=bounds.slowdown, failures=bounds.failures, changed=bounds.changed),
            verdict=_VERDICTS[judgement.verdict],
            pairs=tally.pairs,
            candidate_failed=tally.candidate_failed,
            stable_failed=tally.stable_failed,
            answered=tally.answered,
            changed=tally.changed,
            slowdown=math.expm1(tally.log_ratios / tally.answered) if tally.answered else 0.0,
            interrupted=rollout.interrupted,
        )
        for found in judgement.findings:
            harm, health = (
                float(found.harm) / harm_needed(bounds),
                float(found.health) / health_needed(bounds),
            )
            told.findings.add(measure=found.measure, harm=_of_all(harm), health=_of_all(health))
        for stage, total in rollout.stable_times.items():
            means = total / tally.answered, rollout.candidate_times[stage] / tally.answered
            told.stages.add(stage=stage, stable=means[0], candidate=means[1])
        return told

    def _asked_of(self, asked: ap.SetTrafficRequest) -> Rollout:
        """The rollout that is meant: the one that there is, or a new one."""
        current = self.rollout
        if not asked.candidate:
            if current and not asked.stable:
                return current
            raise RequestError("there is no rollout to change; name a --candidate")
        candidate = self._models.choose(asked.candidate)
        stable = self._models.choose(asked.stable) if asked.stable else self._other(candidate)
        _check_versions(stable, candidate)
        if current and (current.stable, current.candidate) == (stable.digest, candidate.digest):
            return current
        cuts = comparable_cuts(stable.bundle.manifest, candidate.bundle.manifest)
        return Rollout(stable.digest, candidate.digest, cuts)

    def _other(self, candidate: ServedModel) -> ServedModel:
        name = candidate.bundle.manifest.model
        others = [one for one in self._models if one is not candidate and one.bundle.manifest.model == name]
        if not others:
            raise RequestError(
                f"no other bundle of {name} is served, which the candidate could be compared with; load one"
            )
        return others[0]


def _check_versions(stable: ServedModel, candidate: ServedModel) -> None:
    """Raises RequestError for two that no device could change between."""
    names = stable.bundle.manifest.model, candidate.bundle.manifest.model
    if stable is candidate or names[0] != names[1]:
        raise RequestError(
            f"{candidate.digest[:12]} ({names[1]}) is no other version of {stable.digest[:12]} ({names[0]}); "
            "name two bundles of one model"
        )


def _part(name: str, asked: ap.SetTrafficRequest, current: float) -> float:
    """A part of 1 that was asked for, or the current one. Raises RequestError."""
    part = float(getattr(asked, name)) if asked.HasField(name) else current
    if not 0 <= part <= 1:
        raise RequestError(f"the {name} is {part}; give 0 to 1")
    return part


def _bounds(asked: ap.Bounds) -> Bounds:
    changed = asked.changed if asked.HasField("changed") else None
    return Bounds(asked.slowdown, asked.failures, changed)


def _of_all(evidence: float) -> float:
    return max(0.0, min(evidence, 1.0))
