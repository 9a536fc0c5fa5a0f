"""The tail from a cut, as codecs are fitted to it: what it is asked, and how far it is off."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from splitter.codecs.learning.autocast import Loss
from splitter.codecs.learning.distil import Distillation, Likeness
from splitter.codecs.sensitivity import AnswerLikelihood, FisherTarget, UniformTarget
from splitter.evaluate.reference import Reference
from splitter.families import Boundary, enter

ASKED = 192  # pictures, whose gradients tell what errors cost


@dataclass(frozen=True)
class CutTail:
    """The tail from one cut of the reference model; `questions` are what it is asked, if it answers any.

    The model is read when it is needed: codecs that an interrupted split has fitted need none.
    """

    reference: Reference
    cut: str
    questions: Sequence[str]

    def enter(self, boundary: Boundary) -> Tensor:
        """From a boundary of the cut to the image tokens."""
        return enter(self.reference.family, self.reference.get().model, self.cut, boundary)

    @property
    def weights(self) -> list[Tensor]:
        """The weights of the whole model."""
        return list(self.reference.get().model.parameters())

    def fisher_target(self) -> FisherTarget:
        """What of image tokens has the gradients that tell their weight."""
        if not self.reference.answers:
            return UniformTarget()
        asked = self.questions
        return AnswerLikelihood(
            self.reference.generative(), [asked[index % len(asked)] for index in range(ASKED)]
        )

    def loss(self, some: Boundary) -> Loss:
        """How far answers are from those to the boundary itself, that of some pictures for the scale."""
        likeness = Likeness(self.enter, some)
        if not self.reference.answers:
            return likeness
        return Distillation(self.reference.generative(), likeness, self.questions)
