"""What a way to answer scores against the whole model: its accuracy, and how sure that is."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from splitter.evaluate.intervals import interval, ratio_error, wilson
from splitter.nano.questions import Question


@dataclass(frozen=True)
class Score:
    """Percent. The points that it is below the whole model's have a standard error, `loss_error`, by the
    differences picture by picture; `identical` answers are the whole model's word for word.
    """

    accuracy: float
    by_kind: Mapping[str, float]
    low: float  # 95% interval of the accuracy
    high: float
    loss_error: float
    identical: float


def exact_match(
    questions: Sequence[tuple[int, Question]], answers: Sequence[str], whole: Sequence[str]
) -> Score:
    """The share of answers that are right, over all questions and by kind; `whole`: the whole model's."""
    right = [answer == question.answer for (_, question), answer in zip(questions, answers, strict=True)]
    paired = [
        (answer == question.answer) - hit
        for (_, question), answer, hit in zip(questions, whole, right, strict=True)
    ]
    kinds = defaultdict[str, list[bool]](list)
    for (_, question), hit in zip(questions, right, strict=True):
        kinds[question.kind].append(hit)
    owners = [index for index, _ in questions]
    low, high = wilson(sum(right), len(right))
    return Score(
        accuracy=100 * float(np.mean(right)),
        by_kind={kind: 100 * float(np.mean(hits)) for kind, hits in kinds.items()},
        low=100 * low,
        high=100 * high,
        loss_error=100 * ratio_error(*by_picture(owners, paired)),
        identical=100 * float(np.mean([one == other for one, other in zip(answers, whole, strict=True)])),
    )


def fidelity(divergences: Sequence[float], counts: Sequence[float], identical: Sequence[bool]) -> Score:
    """100 exp(-mean divergence), from each picture's sum of divergences in nats and how many they are.

    The error is that of the mean, through the exponential (the delta method).
    """
    found = 100 * math.exp(-sum(divergences) / sum(counts))
    least, most = interval(divergences, counts)
    return Score(
        accuracy=found,
        by_kind={},
        low=100 * math.exp(-most),
        high=100 * math.exp(-least),
        loss_error=found * ratio_error(divergences, counts),
        identical=100 * float(np.mean(identical)),
    )


def divergences(whole: Tensor, arm: Tensor) -> Tensor:
    """KL(whole || arm) in nats at each place, of log-probabilities (..., choices): 0 at least."""
    return (whole.exp() * (whole - arm)).sum(-1).double().clamp(min=0)


def mean_cosine(cosines: Sequence[float], counts: Sequence[float], errors: Sequence[float]) -> Score:
    """100 times the mean cosine, from each picture's sum of cosines and how many they are; `errors`: each
    picture's relative error. No answer is given, so none is identical.
    """
    found = 100 * sum(cosines) / sum(counts)
    low, high = interval(cosines, counts)
    return Score(
        accuracy=found,
        by_kind={"cosine": found, "relative error": 100 * float(np.mean(errors))},
        low=100 * low,
        high=100 * high,
        loss_error=100 * ratio_error(cosines, counts),
        identical=0.0,
    )


def by_picture(owners: Sequence[int], values: Sequence[float]) -> tuple[list[float], list[float]]:
    """Values by the picture that each is about: their sums, and how many they are."""
    sums, counts = defaultdict[int, float](float), defaultdict[int, float](float)
    for owner, value in zip(owners, values, strict=True):
        sums[owner] += value
        counts[owner] += 1
    return list(sums.values()), list(counts.values())
