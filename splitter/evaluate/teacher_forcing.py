"""Answers that are known already, put in a language model's mouth: what it would have said at each token."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from splitter.evaluate.verify import ReferenceModel


def teacher_forced(
    whole: ReferenceModel, prompts: Sequence[Sequence[int]], images: Tensor, answers: Sequence[Sequence[int]]
) -> Tensor:
    """The logits (rows, longest answer, vocabulary) of each next token along the answers; what is
    behind a shorter answer's end means nothing.

    `images`: the image tokens (tiles, tokens, width) of the first prompt's picture, then of the second's.
    """
    batch = whole.family.rows(whole.model, prompts, images)
    forced = pad_sequence([torch.tensor(ids) for ids in answers], batch_first=True)
    return batch.teacher_force(forced).float()
