"""A reference dual encoder: what head and tail are held against, which labels are measured on, and what a
bundle says of it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import torch
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional
from transformers import PreTrainedModel

from protos import bundle_pb2 as pb
from protos.errors import CheckpointError, RequestError
from protos.labels import Labels
from protos.limits import check_labels
from protos.matching import LABEL, label_texts
from protos.measurements import LABEL_FIDELITY
from splitter.evaluate.scores import Score, divergences, fidelity
from splitter.evaluate.subjects import AGREEMENT, Subject
from splitter.evaluate.verify import GATE
from splitter.families import Boundary, Matching, Processor, enter
from splitter.families.texts import embed_texts, text_tokenizer
from splitter.nano.questions import Question

TOKENIZER = "cloud/texts.json"
_EMBEDDINGS = "edge/labels.npz"
_MAX_TEXTS, _MAX_TEXT_BYTES = 1000, 500
_MAX_REPLY_BYTES = 3 << 20  # a device takes replies up to 4 MiB
_QUESTION = Question(AGREEMENT, "which label fits best", "")
_GENERIC = (
    *(
        "person",
        "dog",
        "cat",
        "bird",
        "horse",
        "car",
        "bus",
        "bicycle",
        "airplane",
        "boat",
        "train",
        "chair",
        "table",
        "bottle",
    ),
    *(
        "computer",
        "phone",
        "book",
        "flower",
        "tree",
        "building",
        "street",
        "mountain",
        "beach",
        "food",
        "text",
    ),
)


@dataclass(frozen=True)
class ReferenceDualEncoder:
    """`matching` is what the manifest says; where it has no labels, generic ones are measured on."""

    family: Matching
    model: PreTrainedModel
    tokenizer: Tokenizer
    matching: pb.Matching

    @property
    def texts(self) -> list[str]:
        """What the text tower reads for the labels that are measured on."""
        return label_texts(self.matching, self.matching.labels or _GENERIC)

    @cached_property
    def label_embeddings(self) -> Tensor:
        """(labels, width), each of length 1."""
        return embed_texts(self.family, self.model, self.tokenizer, self.texts)

    @torch.inference_mode()
    def difference(self, cut: str, pixels: Tensor, boundary: Boundary) -> float:
        """Largest difference of embeddings of length 1 between the whole model and its tail entered at a cut.

        `pixels` (n, 3, h, w) go to the whole model, `boundary` is what the FP32 head made of them. Raises
        CheckpointError where the difference reaches the gate, or labels that the gate can tell apart change
        places.
        """
        expected = functional.normalize(self.family.picture_embedding(self.model, pixels), dim=-1)
        got = _of_length_1(enter(self.family, self.model, cut, boundary))
        worst = (got - expected).abs().max().item()
        if not worst < GATE:
            message = (
                f"cut {cut}: head and tail differ from the whole model by {worst:.1e} in the "
                f"embeddings, at most {GATE:.0e} may be"
            )
            raise CheckpointError(message, cut=cut, difference=worst)
        order = (expected @ self.label_embeddings.T).argsort(dim=1, descending=True)
        if ((got @ self.label_embeddings.T).gather(1, order).diff(dim=1) > GATE).any():
            raise CheckpointError(
                f"cut {cut}: head and tail rank labels differently from the whole model", cut=cut
            )
        return worst

    def write(self, staging: Path) -> pb.Matching:
        """The files about matching into a bundle's folder, and the manifest's entry."""
        matching = pb.Matching.FromString(self.matching.SerializeToString())
        self.tokenizer.save(str(staging / TOKENIZER))
        if matching.labels:
            matching.embeddings = _EMBEDDINGS
            own = Labels(tuple(matching.labels), self.label_embeddings.numpy())
            (staging / _EMBEDDINGS).write_bytes(own.packed())
        return matching


def asked_once(subject: Subject) -> Subject:
    """The same pictures, each with the one question that a dual encoder is asked."""
    return replace(subject, questions=[(index, _QUESTION) for index in range(len(subject.pictures))])


def read_dual_encoder(
    family: Matching,
    model: PreTrainedModel,
    processor: Processor,
    labels: Sequence[str] = (),
    template: str = "",
) -> ReferenceDualEncoder:
    """A loaded dual encoder, with a bundle's own labels, and what stands around each: the family's template
    where none is given. Raises CheckpointError, or RequestError for a template or labels that cannot be a
    bundle's.
    """
    matching = family.scoring(model)
    matching.template, matching.tokenizer = template or family.template, TOKENIZER
    matching.max_texts = min(_MAX_TEXTS, _MAX_REPLY_BYTES // (4 * matching.width))
    matching.max_text_bytes = _MAX_TEXT_BYTES
    matching.labels.extend(labels)
    if LABEL not in matching.template:
        raise RequestError(
            f"the template {matching.template!r} has no place for a label; write {LABEL} where it goes"
        )
    if labels:
        check_labels(labels, pb.Manifest(model=family.name, matching=matching))
    return ReferenceDualEncoder(family, model, text_tokenizer(processor, family.text_length(model)), matching)


class LabelFidelity:
    """How near the probabilities of labels are to the whole model's: 100 exp(-mean KL(whole || arm)), in nats
    a picture where the model chooses one label among all (softmax), and a picture and label where it judges
    each by itself (sigmoid). See fidelity.py for what the scale means.
    """

    name = LABEL_FIDELITY

    def __init__(self, dual_encoder: ReferenceDualEncoder, whole: Callable[[], Tensor]) -> None:
        """`whole`: the embeddings (pictures, 1, width) that the whole model gives."""
        self._dual_encoder, self._given = dual_encoder, whole
        self.texts: Sequence[str] = dual_encoder.texts

    @property
    def count(self) -> int:
        return len(self._whole)

    def of_whole(self) -> Score:
        return self.of(self._given())

    def of(self, tokens: Tensor, labels: Tensor | None = None) -> Score:
        """Of embeddings (pictures, 1, width), and other labels' embeddings (labels, width)."""
        ours = self._logits(_of_length_1(tokens), labels)
        own = self._logits(self._whole, None)
        if self._dual_encoder.matching.kind == pb.Matching.SIGMOID:
            # a label and its absence
            own_pair, our_pair = (torch.stack([x, -x], -1) for x in (own, ours))
            apart = divergences(functional.logsigmoid(own_pair), functional.logsigmoid(our_pair))
        else:
            apart = divergences(own.log_softmax(-1), ours.log_softmax(-1))[:, None]
        return fidelity(
            apart.sum(1).tolist(),
            [apart.shape[1]] * len(apart),
            (own.argmax(1) == ours.argmax(1)).tolist(),
        )

    @cached_property
    def _whole(self) -> Tensor:
        return _of_length_1(self._given())

    def _logits(self, pictures: Tensor, labels: Tensor | None) -> Tensor:
        compared = self._dual_encoder.label_embeddings if labels is None else labels
        matching = self._dual_encoder.matching
        return matching.scale * (pictures @ compared.T).double() + matching.bias


def best_labels(dual_encoder: ReferenceDualEncoder, tokens: Tensor) -> tuple[Tensor, Tensor]:
    """Embeddings (pictures, width) of length 1 from (pictures, 1, width), and the place of each one's best
    label.
    """
    pictures = _of_length_1(tokens)
    return pictures, (pictures @ dual_encoder.label_embeddings.T).argmax(1)


def _of_length_1(tokens: Tensor) -> Tensor:
    """Embeddings (pictures, 1, width) as (pictures, width) of length 1."""
    return functional.normalize(tokens[:, 0].float(), dim=-1)
