"""What is behind a cut, to a split under way: the tail, what it is asked, and how far it is off with what it
received.
"""

from functools import partial

from torch import Tensor

from splitter.codecs import sensitivity
from splitter.codecs.learning.autocast import Loss
from splitter.codecs.learning.distil import Distillation, Enter, Likeness
from splitter.families import enter
from splitter.stages.work import Work

ASKED = 192  # pictures, whose gradients tell what errors cost


def tail_from(work: Work, cut: str) -> Enter:
    """From a boundary of the cut to the image tokens."""
    return partial(enter, work.whole.family, work.whole.model, cut)


def fisher_target(work: Work) -> sensitivity.FisherTarget:
    """What of image tokens has the gradients that tell their weight."""
    if not _speaks(work):
        return sensitivity.UniformTarget()
    asked = _questions(work)
    return sensitivity.AnswerLikelihood(work.speaker, [asked[index % len(asked)] for index in range(ASKED)])


def loss(work: Work, cut: str, some: dict[str, Tensor]) -> Loss:
    """How far answers are from those to the boundary itself, that of some pictures for the scale."""
    likeness = Likeness(tail_from(work, cut), some)
    return Distillation(work.speaker, likeness, _questions(work)) if _speaks(work) else likeness


def _speaks(work: Work) -> bool:
    return not work.matcher and work.with_language


def _questions(work: Work) -> list[str]:
    return list(dict.fromkeys(question.text for _, question in work.subject.questions))
