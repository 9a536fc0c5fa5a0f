"""What a family is: where the layers of an architecture are, and what is alive at a cut.

A cut is a named boundary of the vision part: `vision.K` after K vision layers, `connector` at the image
tokens, or `pooled` and `projection` at the one embedding that a dual encoder makes of a picture. What crosses
it is a boundary: named tensors, batch first. Both the splitter (to export) and the cloud (to go on from a
cut) walk a model through these functions, so that a cut means the same to both.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from transformers import PreTrainedModel

from protos import bundle_pb2 as pb
from protos.bundle import PICTURE_CUT
from protos.errors import CheckpointError, UnknownName
from splitter.families.padded_cache import Prefix

Boundary = dict[str, Tensor]
Step = Callable[[Boundary], Boundary]
CONNECTOR = "connector"
IMAGE_TOKENS = "image_tokens"
POOLED = "pooled"
PROJECTION = "projection"
EMBEDDING = "embedding"


class Processor(Protocol):
    """What is used of a transformers processor."""

    image_processor: Any
    tokenizer: Any

    def save_pretrained(self, folder: Path) -> object:
        """Write the files that `read_processor` reads."""


class DecoderBatch(Protocol):
    """The language model writing answers side by side, one row a question. Rows may leave and join at any
    step.
    """

    def read(self, tokens: int) -> None:
        """Read a slice of a single prompt, so many tokens, ahead of the prefill, which reads what is left.
        The first has the prompt's `indivisible_length` at least. A batch where it raises, or the prefill, is
        of no more use.
        """

    def prefill(self) -> Tensor:
        """Read all prompts; the logits (rows, vocabulary) of each row's next token."""

    def decode(self, tokens: Sequence[int]) -> Tensor:
        """Add one token to each row; the logits (rows, vocabulary) of the next. Where it raises, the rows are
        as they were.
        """

    def prefix(self, row: int, length: int) -> Prefix:
        """A copy of what was read of the first tokens of a row, right after its prefill: so many as the
        family's `prefix_length` says.
        """

    def keep(self, rows: Sequence[int]) -> None:
        """Let all rows but these, in ascending order, leave, and what is kept of them."""

    def select(self, rows: Sequence[int]) -> Self:
        """A copy of some of the rows, prefilled as these are, in a batch of their own."""

    def merge(self, other: Self) -> None:
        """Take the rows of another batch of the same model below the own. Both are prefilled; the other is
        used up. Where it raises, both are as they were.
        """

    def teacher_force(self, answers: Tensor) -> Tensor:
        """In place of a prefill, where the answers (rows, length) are known: the logits (rows, length,
        vocabulary) of each token.
        """


class Family(Protocol):
    """What one architecture must tell of its vision part. Tensors are batch first; one picture gives one row,
    or one for each tile.

    A family is also a `Generative` or a `Matching` one.
    """

    name: str  # transformers' model_type; where one type has several tasks, the type and the task
    auto: Any  # the class of transformers whose `from_pretrained` loads it

    def complete(self, model: PreTrainedModel, _folder: Path) -> PreTrainedModel:
        """A loaded model with what weights and config.json leave open, from the folder's other files. Raises
        CheckpointError.
        """
        return model

    def depth(self, model: PreTrainedModel) -> int:
        """How many vision layers there are."""

    def embed(self, model: PreTrainedModel, pixels: Tensor) -> Boundary:
        """Pixels (n, 3, h, w) to what the first vision layer takes."""

    def layer(self, model: PreTrainedModel, index: int, boundary: Boundary) -> Boundary:
        """Through vision layer `index`, counted from 0."""

    def after_layers(self, model: PreTrainedModel) -> Mapping[str, Step]:
        """The cuts after the last vision layer in order, each with the step to it from the one before.

        The last cut's boundary is one tensor, (n, tokens, width): what the language model takes of a picture,
        or the picture's embedding as one token.
        """

    def pixels(self, processor: Processor, pictures: Sequence[NDArray[np.uint8]]) -> Tensor:
        """RGB pictures (h, w, 3) through the checkpoint's own processor: (tiles of all pictures, 3, h, w)."""

    def resized(self, processor: Processor, pictures: Sequence[NDArray[np.uint8]]) -> list[NDArray[np.uint8]]:
        """The same pictures as an upload sends them: RGB (h, w, 3) at the size that the model sees, or
        smaller.
        """

    def preprocessing(self, processor: Processor) -> pb.Preprocessing:
        """What that processor does, step by step, for a device without it. Raises CheckpointError where it
        cannot be said.
        """

    def pixel_shape(self, model: PreTrainedModel) -> tuple[int, int, int]:
        """Channels, height and width of the pixels of one picture, or of one of its tiles."""


@runtime_checkable
class Generative(Family, Protocol):
    """A family with a language model, which answers questions about a picture."""

    def rows(
        self, model: PreTrainedModel, prompts: Sequence[Sequence[int]], image_tokens: Tensor
    ) -> DecoderBatch:
        """Prompts of token ids, and each its image tokens, ready for the prefill.

        `image_tokens` (tiles, tokens, width): those of the first prompt's tiles, then of the second's.
        """

    def prefix_length(self, model: PreTrainedModel, prompt: Sequence[int]) -> int:
        """How many tokens of a prompt, up to the end of its picture, the decoder reads alike whatever follows
        them; 0 where it does not, or cannot go on behind them.
        """
        del model, prompt
        return 0

    def indivisible_length(self, model: PreTrainedModel, prompt: Sequence[int]) -> int:
        """How many tokens, from a prompt's first on, are read in one step, as they look at each other both
        ways; what follows may be read in slices. All, where the decoder cannot go on behind a slice.
        """
        del model
        return len(prompt)

    def resumed(
        self, model: PreTrainedModel, prompts: Sequence[Sequence[int]], prefixes: Sequence[Prefix]
    ) -> DecoderBatch:
        """Whole prompts, each with the prefix that was read of it before, ready for the prefill of what
        follows. Prefixes are copied.
        """
        raise NotImplementedError(f"a {self.name} reads a prompt as a whole")

    def inputs(self, model: PreTrainedModel, prompt: Sequence[int], pixels: Tensor) -> dict[str, Tensor]:
        """A prompt and its one picture (tiles, 3, h, w) as the model's own forward takes them: what the
        checkpoint's processor makes.
        """

    def speaker(self, model: PreTrainedModel) -> PreTrainedModel:
        """The part of a model whose `generate` writes the answers, and whose generation configuration says
        how.
        """
        return model

    def decoder_prompt(self, model: PreTrainedModel, prompt: Sequence[int]) -> list[int]:
        """The tokens that the decoder has read before the first token of an answer: what a repetition is a
        repetition of.
        """
        del model
        return list(prompt)

    def own_text(self, processor: Processor, question: str) -> str | None:
        """What a checkpoint's own processor is given where it has no chat template; None where its makers say
        nothing.
        """
        del processor, question
        return None

    def own_picture(
        self, processor: Processor, picture: NDArray[np.uint8]
    ) -> tuple[NDArray[np.uint8], dict[str, Any]]:
        """A picture as the checkpoint's own processor is given it, and the options of its image processor."""
        del processor
        return picture, {}

    def generate(
        self, model: PreTrainedModel, prompt: Sequence[int], pixels: Tensor, **options: Any
    ) -> Tensor:
        """The whole model's own greedy answer about one picture (tiles, 3, h, w), as the logits (steps,
        vocabulary) of its tokens.

        What head and tail are held against: transformers' `generate`, with its `options`, and nothing of
        ours; the most likely token at each step, whatever generation_config.json says.
        """

    def prompt_template(self, model: PreTrainedModel, processor: Processor) -> str:
        """The chat template around one picture and `{question}`, the picture's tokens written out, or
        `{picture}` in their place.

        A checkpoint without a chat template is a captioner: its template has no `{question}`. Raises
        CheckpointError.
        """

    def picture_text(self, model: PreTrainedModel, processor: Processor) -> pb.PictureText | None:
        """What `{picture}` stands for, for each grid of tiles; None where pictures are one tile and the
        template has no `{picture}`.
        """
        del model, processor
        return None

    def image_token(self, model: PreTrainedModel) -> int | None:
        """The token that stands for an image token in a prompt; None where the picture is not part of the
        prompt.
        """

    def stop_tokens(self, model: PreTrainedModel) -> tuple[int, ...]:
        """The tokens that end an answer; none where the checkpoint does not say."""


@runtime_checkable
class Matching(Family, Protocol):
    """A dual encoder: pictures and texts as embeddings in one space, compared by their cosine. The last cut
    is the picture's.
    """

    template: str  # what its makers write around a label, `{label}`

    def scoring(self, model: PreTrainedModel) -> pb.Matching:
        """How a cosine becomes a probability: kind, scale and bias; and the width of the embeddings."""

    def text_length(self, model: PreTrainedModel) -> int:
        """How many tokens every text is padded or cut to."""

    def picture_embedding(self, model: PreTrainedModel, pixels: Tensor) -> Tensor:
        """The whole model's own embeddings (n, width) of pixels (n, 3, h, w): what head and tail are held
        against.
        """

    def text_embedding(self, model: PreTrainedModel, ids: Tensor) -> Tensor:
        """The whole model's own embeddings (n, width) of token ids (n, text length)."""

    def text_tower(self, model: PreTrainedModel, ids: Tensor, embeds: Tensor) -> Tensor:
        """The same from the tokens' embeddings (n, text length, width), for an export without the table of
        them.
        """


def generative(family: Family) -> Generative:
    """The same family as one that answers questions. Raises CheckpointError for a dual encoder."""
    if not isinstance(family, Generative):
        raise CheckpointError(
            f"a {family.name} matches pictures with texts and answers no questions", family=family.name
        )
    return family


def feature_depth(layers: int, selected: object) -> int:
    """How many of a tower's layers lie before the hidden state that a connector takes:
    `vision_feature_layer`.

    0 is what the first layer takes, -1 what the last one gives. Raises CheckpointError for several, or one
    that is not there.
    """
    if not isinstance(selected, int):
        message = (
            f"this model takes the features of layers {selected} together; only one "
            "vision_feature_layer can be split yet"
        )
        raise CheckpointError(message, layers=selected)
    depth = selected + (layers + 1 if selected < 0 else 0)
    if not 0 <= depth <= layers:
        raise CheckpointError(
            f"vision_feature_layer is {selected}, but the vision tower has {layers} layers; mend config.json"
        )
    return depth


def cut_names(family: Family, model: PreTrainedModel) -> list[str]:
    """Every cut that a model can have, in order."""
    return [*(f"vision.{k + 1}" for k in range(family.depth(model))), *family.after_layers(model)]


def walk(family: Family, model: PreTrainedModel, pixels: Tensor) -> Iterator[tuple[str, Boundary]]:
    """From pixels through every cut in order: its name and its boundary."""
    yield from _onwards(family, model, 0, family.embed(model, pixels))


def advance(family: Family, model: PreTrainedModel, cut: str, until: str, boundary: Boundary) -> Boundary:
    """From a cut's boundary, or from pixels at PICTURE_CUT, to that of a later cut, or the same one.

    Rows do not depend on each other, so those that came to a cut through the layers and those that were
    received there go on as one boundary. Raises UnknownName.
    """
    names = [PICTURE_CUT, *cut_names(family, model)]
    for name in (cut, until):
        if name not in names:
            raise UnknownName("cut", name, names)
    if cut == until:
        return boundary
    onwards = (
        walk(family, model, boundary[PICTURE_CUT])
        if cut == PICTURE_CUT
        else _onwards(family, model, names.index(cut), boundary)
    )
    return next(reached for name, reached in onwards if name == until)


def enter(family: Family, model: PreTrainedModel, cut: str, boundary: Boundary) -> Tensor:
    """From a cut's boundary to that of the last cut, (n, tokens, width): the vision part of the tail."""
    (last,) = advance(family, model, cut, cut_names(family, model)[-1], boundary).values()
    return last


def _onwards(
    family: Family, model: PreTrainedModel, done: int, boundary: Boundary
) -> Iterator[tuple[str, Boundary]]:
    """Every boundary after the first `done` cuts, which lie behind already."""
    depth = family.depth(model)
    for index in range(done, depth):
        boundary = family.layer(model, index, boundary)
        yield f"vision.{index + 1}", boundary
    for name, step in list(family.after_layers(model).items())[max(0, done - depth) :]:
        boundary = step(boundary)
        yield name, boundary
