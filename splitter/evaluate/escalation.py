"""The device answers first, and the cloud where the device is not sure: what that gives, by the share of
questions that the cloud gets.
"""

from collections.abc import Sequence
from functools import partial

import numpy as np

from protos import bundle_pb2 as pb
from splitter.evaluate.intervals import wilson
from splitter.evaluate.isotonic import auroc, held_out_error, isotonic
from splitter.evaluate.measures import Outcome, Outcomes
from splitter.evaluate.promise import promised, unpromised

_STEPS = 10  # from no question escalated to all


def calibration(
    measure: Outcomes[Outcome],
    here: Sequence[Outcome],
    there: Sequence[Outcome],
    raw: Sequence[float],
    agree: float | None = None,
) -> pb.Calibration:
    """Of the device's answers, with a raw confidence in each, and the cloud's to the same questions.

    Thresholds are quantiles of the raw confidence: they see no answer, so that accuracies at them are of
    held-out pictures still. `agree`: the share of the device's answers that a further one is to promise.
    """
    agrees = measure.agreeing(here)
    found = pb.Calibration(
        count=len(raw), auroc=auroc(raw, agrees), error=held_out_error(raw, agrees, measure.owners)
    )
    for block in isotonic(raw, agrees):
        low, high = wilson(block.right, block.count)
        found.knots.add(raw=block.raw, agreement=block.share, low=low, high=high, count=block.count)
    at = partial(_cascade, measure, here, there, raw, agrees)
    found.cascades.extend(map(at, thresholds(raw)))
    if agree is None:
        return found
    lowest = promised(raw, agrees, measure.owners, agree)
    if lowest is None:
        found.unpromised = unpromised(raw, agrees, measure.owners, agree)
    else:
        found.promised.CopyFrom(at(lowest))
        found.promised.agreement = agree
    return found


def _cascade(
    measure: Outcomes[Outcome],
    here: Sequence[Outcome],
    there: Sequence[Outcome],
    raw: Sequence[float],
    agrees: Sequence[bool],
    threshold: float,
) -> pb.Cascade:
    """What becomes of all answers where those below a threshold are the cloud's."""
    asked = [confidence < threshold for confidence in raw]
    mixed = [cloud if ask else local for ask, cloud, local in zip(asked, there, here, strict=True)]
    kept = [agree for ask, agree in zip(asked, agrees, strict=True) if not ask]
    scored = measure.scored(mixed)
    return pb.Cascade(
        escalated=float(np.mean(asked)),
        threshold=threshold,
        accuracy=scored.accuracy,
        accuracy_low=scored.low,
        accuracy_high=scored.high,
        loss_error=scored.loss_error,
        identical=scored.identical,
        kept=float(np.mean(kept)) if kept else 1.0,
        kept_low=wilson(sum(kept), len(kept))[0] if kept else 0.0,
    )


def thresholds(raw: Sequence[float]) -> list[float]:
    """Raw confidences below which no answer, a tenth of them, and so on to all are; each once."""
    ranked = np.sort(np.asarray(raw, np.float64))
    places = np.linspace(0, len(ranked), _STEPS + 1).round().astype(int)
    above = float(np.nextafter(ranked[-1], np.inf))
    return sorted({float(ranked[place]) if place < len(ranked) else above for place in places})
