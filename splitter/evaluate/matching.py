"""A reference dual encoder: what head and tail are held against, which labels are measured on, and what a
bundle says of it.
"""

from collections.abc import Sequence
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
from splitter.evaluate.subjects import AGREEMENT, Subject
from splitter.evaluate.verify import GATE, Score
from splitter.families import Boundary, Matching, Processor, enter
from splitter.families.texts import embed_texts, text_tokenizer
from splitter.nano.questions import Question

LABELS = "labels"  # the measure
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


class Agreement:
    """The best label of each picture, the whole model's or another; and the cosine of the embedding with the
    whole model's.
    """

    name = LABELS

    def __init__(self, dual_encoder: ReferenceDualEncoder) -> None:
        self._dual_encoder = dual_encoder
        self.texts: Sequence[str] = dual_encoder.texts

    def outcome(self, tokens: Tensor, labels: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Embeddings (pictures, width), and the place of each one's best label; from (pictures, 1, width),
        and other labels' embeddings.
        """
        pictures = _of_length_1(tokens)
        compared = self._dual_encoder.label_embeddings if labels is None else labels
        return pictures, (pictures @ compared.T).argmax(1)

    def score(self, outcome: tuple[Tensor, Tensor], reference: tuple[Tensor, Tensor]) -> Score:
        agreement = 100 * (outcome[1] == reference[1]).float().mean().item()
        cosine = 100 * (outcome[0] * reference[0]).sum(1).mean().item()
        return Score(agreement, {"best label": agreement, "cosine": cosine})


def _of_length_1(tokens: Tensor) -> Tensor:
    """Embeddings (pictures, 1, width) as (pictures, width) of length 1."""
    return functional.normalize(tokens[:, 0].float(), dim=-1)
