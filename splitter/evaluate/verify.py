"""Head, codec and tail against the whole model: the identity gate, and what each cut loses."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor
from transformers import PreTrainedModel

from protos.errors import CheckpointError
from protos.pictures.tiles import ONE_TILE, Grid, spans
from splitter.evaluate.answers import Prompting, greedy
from splitter.families import Boundary, Family, Generative, enter, walk
from splitter.families.causal import Causal
from splitter.nano.questions import Question

GATE = 1e-4
_GATE_TOKENS = 24
_MAX_PIXELS = 32 * 128 * 128


@dataclass(frozen=True)
class ReferenceModel:
    """A whole model with what is needed to ask it."""

    family: Generative
    model: PreTrainedModel
    prompting: Prompting


@torch.inference_mode()
def identity_difference(
    reference: ReferenceModel,
    cut: str,
    pixels: Tensor,
    boundary: Boundary,
    questions: Sequence[str],
    grids: Sequence[Grid] = (),
) -> float:
    """Largest difference of logits between the whole model and its tail entered at a cut, over its greedy
    answers.

    `pixels` (n, 3, h, w) go to the whole model, `boundary` is what the FP32 head made of them; one question a
    picture. `grids` of the pictures' tiles; none where each is one. Raises CheckpointError where the
    difference reaches the gate or a greedy answer changes.
    """
    tokens = enter(reference.family, reference.model, cut, boundary)
    options = {"max_new_tokens": _GATE_TOKENS, "eos_token_id": list(reference.prompting.stop_tokens)}
    worst = 0.0
    grids = grids or [ONE_TILE] * len(questions)
    for question, grid, tiles in zip(questions, grids, spans(grids), strict=True):
        prompt = reference.prompting.ids(question, grid)
        expected = reference.family.generate(reference.model, prompt, pixels[tiles], **options)
        got = spoken(reference, prompt, tokens[tiles], expected.argmax(-1).tolist())
        worst = max(worst, (got - expected).abs().max().item())
        if not torch.equal(got.argmax(-1), expected.argmax(-1)):
            raise CheckpointError(
                f"cut {cut}: head and tail answer {question!r} differently from the whole model", cut=cut
            )
    if not worst < GATE:
        message = (
            f"cut {cut}: head and tail differ from the whole model by {worst:.1e} in the logits, at "
            f"most {GATE:.0e} is allowed"
        )
        raise CheckpointError(message, cut=cut, difference=worst)
    return worst


@torch.inference_mode()
def token_difference(reference: ReferenceModel, cut: str, pixels: Tensor, boundary: Boundary) -> float:
    """Largest difference of image tokens between the whole model's own vision code and the tail entered at a
    cut.

    It is relative to the largest number among them where that is above 1: trained towers have channels in the
    hundreds. The gate where the language model is left out: behind equal image tokens it is the same code.
    Arguments as above. Raises CheckpointError where the difference reaches the gate.
    """
    own = cast(Causal, reference.family).image_features(reference.model, pixels)
    worst = float(
        (enter(reference.family, reference.model, cut, boundary) - own).abs().max()
        / own.abs().max().clamp(min=1)
    )
    if not worst < GATE:
        message = (
            f"cut {cut}: head and tail differ from the whole model by {worst:.1e} in the image "
            f"tokens, at most {GATE:.0e} is allowed"
        )
        raise CheckpointError(message, cut=cut, difference=worst)
    return worst


def spoken(reference: ReferenceModel, prompt: Sequence[int], tokens: Tensor, answer: Sequence[int]) -> Tensor:
    """The tail's logits (len(answer), vocabulary) of each token of an answer, from image tokens (tiles,
    tokens, width).
    """
    rows = reference.family.rows(reference.model, [prompt], tokens)
    return torch.cat([rows.prefill(), *(rows.decode([token]) for token in answer[:-1])])


def answers(
    reference: ReferenceModel,
    tokens: Tensor,
    questions: Sequence[tuple[int, Question]],
    advance: Callable[[int], None],
    grids: Sequence[Grid] = (),
) -> list[str]:
    """Greedy answers of the language model to questions about pictures whose image tokens are given, and the
    grids of their tiles.
    """
    asked = [(index, question.text) for index, question in questions]
    return greedy(
        reference.family, reference.model, reference.prompting, tokens, asked, advance=advance, grids=grids
    )


@torch.inference_mode()
def image_tokens(family: Family, model: PreTrainedModel, pixels: Tensor) -> Tensor:
    """Pixels (n, 3, h, w) to image tokens (n, tokens, width) by the whole model, in batches."""
    size = rows_at_once(pixels.shape)
    return torch.cat([_image_tokens(family, model, pixels[rows]) for rows in in_batches(len(pixels), size)])


def _image_tokens(family: Family, model: PreTrainedModel, pixels: Tensor) -> Tensor:
    *_, (last, boundary) = walk(family, model, pixels)
    return enter(family, model, last, boundary)


def rows_at_once(shape: Sequence[int]) -> int:
    """How many pictures of pixels (n, 3, h, w) go through the whole model's tower together: what lives in its
    layers grows with their size.
    """
    return max(1, _MAX_PIXELS // (shape[-2] * shape[-1]))


def in_batches(rows: int, size: int = 32) -> Iterable[slice]:
    """Slices of at most `size` that cover so many rows."""
    return (slice(start, start + size) for start in range(0, rows, size))
