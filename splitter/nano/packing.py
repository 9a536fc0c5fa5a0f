"""What a batch of scenes teaches: a label for every patch and image token, and questions packed into one
sequence.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from splitter.nano.model import IMAGE_TOKENS, PATCH, processor
from splitter.nano.pool import CELLS, GRID, Example
from splitter.nano.questions import KINDS, ask
from splitter.nano.scenes import BACKGROUNDS, COLOURS, SHAPES, SIZES, Scene

_TEXT = 144  # text tokens a scene: as many packed questions and answers as fit
_LENGTH = IMAGE_TOKENS + 3 + _TEXT
_MAX_ASKED = ("relation", "relation", "count", "position")


@dataclass(frozen=True)
class Labels:
    """What every patch (n, 64) and image token (n, 16) shows; shape and size are -1 where nothing stands."""

    colour: Tensor
    shape: Tensor
    size: Tensor
    ground: Tensor
    centre: Tensor
    cells: Tensor


@dataclass(frozen=True)
class Text:
    """Packed prompts: ids, positions, labels, weights (n, length) and an additive mask (n, 1, length,
    length).
    """

    ids: Tensor
    positions: Tensor
    labels: Tensor
    weights: Tensor
    mask: Tensor


def labels_of(batch: list[Example]) -> Labels:
    """The dense labels of a batch of scenes."""
    count = len(batch)
    words = np.full((count, 3, GRID, GRID), -1, np.int64)
    words[:, 0] = len(COLOURS)
    centre = np.zeros((count, GRID, GRID, 2), np.float32)
    cells = np.zeros((count, CELLS, CELLS, len(COLOURS) * len(SHAPES)), np.float32)
    middles = (np.arange(GRID) + 0.5) * PATCH
    for n, example in enumerate(batch):
        for i, thing in enumerate(example.scene.objects):
            colour, shape = COLOURS.index(thing.colour), SHAPES.index(thing.shape)
            rows, columns = np.nonzero(example.subject == i)
            words[n, :, rows, columns] = (colour, shape, SIZES.index(thing.size))
            centre[n, rows, columns] = (
                np.stack([thing.x - middles[columns], thing.y - middles[rows]], -1) / PATCH
            )
            cells[n, ..., colour * len(SHAPES) + shape] = example.present[..., i]
    ground = (
        np.array([BACKGROUNDS.index(e.scene.background) for e in batch])
        .repeat(GRID * GRID)
        .reshape(count, -1)
    )
    flat = torch.from_numpy(words.reshape(count, 3, -1))
    return Labels(
        flat[:, 0],
        flat[:, 1],
        flat[:, 2],
        torch.from_numpy(ground),
        torch.from_numpy(centre.reshape(count, -1, 2)),
        torch.from_numpy(cells.reshape(count, IMAGE_TOKENS, -1)),
    )


class Packer:
    """Writes as many random questions about a scene as fit into one sequence, each blind to the others."""

    def __init__(self) -> None:
        self._tokenizer = processor().tokenizer
        around, self._end = (
            self._tokenizer.convert_tokens_to_ids(t)
            for t in ("<fake_token_around_image>", "<end_of_utterance>")
        )
        picture_ids = self._tokenizer.convert_tokens_to_ids(["<global-img>", *["<image>"] * IMAGE_TOKENS])
        self._prefix = [around, *picture_ids, around]
        self._known: dict[str, list[int]] = {}

    def pack(self, batch: list[Example], rng: np.random.Generator) -> Text:
        """The packed questions and answers of a batch."""
        ids = np.zeros((len(batch), _LENGTH), np.int64)
        positions, labels = np.zeros_like(ids), np.zeros_like(ids)
        segment = np.full_like(ids, -1)
        weights = np.zeros(ids.shape, np.float32)
        head = len(self._prefix)
        ids[:, :head], positions[:, :head], segment[:, :head] = self._prefix, np.arange(head), 0
        for n, example in enumerate(batch):
            at = head
            for number, (prompt, answer) in enumerate(self._dialogues(example.scene, rng), 1):
                size = len(prompt) + len(answer)
                if at + size > _LENGTH:
                    continue
                ids[n, at : at + size] = prompt + answer
                positions[n, at : at + size] = head + np.arange(size)
                segment[n, at : at + size] = number
                spoken = slice(at + len(prompt) - 1, at + size - 1)
                labels[n, spoken], weights[n, spoken] = answer, len(answer) ** -0.4
                at += size
        ids_, positions_, labels_, weights_ = (
            torch.from_numpy(part) for part in (ids, positions, labels, weights)
        )
        return Text(ids_, positions_, labels_, weights_, _block_mask(torch.from_numpy(segment)))

    def _dialogues(self, scene: Scene, rng: np.random.Generator) -> Iterator[tuple[list[int], list[int]]]:
        order = rng.permutation(np.array([*KINDS, *_MAX_ASKED, *rng.choice(KINDS[:-1], 4)]))
        for kind in order:
            question = ask(scene, str(kind), rng)
            if question:
                prompt = [*self._encode(question.text.rstrip("?.")), self._end]
                yield prompt, [*self._encode(question.answer), self._tokenizer.eos_token_id]

    def _encode(self, text: str) -> list[int]:
        if text not in self._known:
            self._known[text] = self._tokenizer(text, add_special_tokens=False)["input_ids"]
        return self._known[text]


def _block_mask(segment: Tensor) -> Tensor:
    """Causal, and only within one question or back to the picture."""
    same = (segment[:, :, None] == segment[:, None, :]) | (segment[:, None, :] == 0)
    allowed = same & torch.ones(segment.shape[1], segment.shape[1], dtype=torch.bool).tril()
    return torch.where(allowed, 0.0, -1e9).to(torch.bfloat16)[:, None]


def pixels(batch: list[Example]) -> Tensor:
    """Images as the processor hands them to the model: (n, 3, 128, 128) float32 in -1..1."""
    stacked = np.stack([example.image for example in batch])
    return torch.from_numpy(stacked).permute(0, 3, 1, 2).float().div_(127.5).sub_(1)
