"""What a small error of a boundary costs the answer: the Fisher information that the tail's answers hold
about each direction.

To second order the divergence between the answers before and after an error e is half of e' F e, with F the
mean of g g' over gradients g of the log-likelihood of answers that the model itself would give (Martens 2020,
"New insights and perspectives on the natural gradient method"). F is kept for the directions of a group of
tokens, its sum over groups. Every picture counts alike, however sure the model is of it: as it is, a few
unsure answers of a hundred would be all that F knows, and two hundred gradients as good as ten.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from splitter.codecs.arrangements import gathered
from splitter.evaluate.verify import ReferenceModel, in_batches
from splitter.families import Boundary
from splitter.memory import trim_memory

Metrics = dict[str, NDArray[np.float64]]
Order = NDArray[np.int64]
Enter = Callable[[Boundary], Tensor]  # a boundary -> image tokens (rows, tokens, width)
FisherTarget = Callable[[Tensor, slice], Tensor]  # image tokens of these pictures -> what has the gradients g

_MAX_TOKENS = 8
_BATCH = 16
_MAX_KEPT = 1 << 30  # bytes


def metrics(
    enter: Enter,
    fisher_target: FisherTarget,
    boundary: Mapping[str, NDArray[np.float32]],
    orders: Mapping[str, Order],
    at_once: int = _BATCH,
) -> Metrics:
    """For each tensor of a cut the Fisher matrix of a group of tokens, from the boundaries of some pictures
    (pictures, tokens, width).

    `orders`: the groups (groups, members) of each tensor; a matrix is as wide as the members of a group
    together.
    """
    widths = {name: values.shape[-1] * orders[name].shape[1] for name, values in boundary.items()}
    sums: Metrics = {name: np.zeros((width, width)) for name, width in widths.items()}
    for rows in in_batches(len(next(iter(boundary.values()))), at_once):
        leaves = {name: torch.from_numpy(values[rows]).requires_grad_() for name, values in boundary.items()}
        likelihood = fisher_target(enter(dict(leaves)), rows)
        for name, gradient in zip(
            leaves, torch.autograd.grad(likelihood, list(leaves.values())), strict=True
        ):
            lengths = torch.linalg.vector_norm(gradient, dim=(1, 2), keepdim=True).clamp_min(
                torch.finfo(gradient.dtype).tiny
            )
            flat = gathered((gradient / lengths).numpy(), orders[name])
            sums[name] += flat.T @ flat
        trim_memory()  # or what one gradient leaves behind in pieces grows with every next
    return sums


def pictures_at_once(
    enter: Enter,
    fisher_target: FisherTarget,
    boundary: Mapping[str, NDArray[np.float32]],
    weights: Iterable[Tensor],
    max_kept: int = _MAX_KEPT,
) -> int:
    """For how many pictures together a gradient keeps at most so many bytes, told from one of them: 1 at
    least.

    Every layer keeps what it made for the way back; the weights are there anyway.
    """
    sizes = {weight.untyped_storage().data_ptr(): 0 for weight in weights}

    def note(kept: Tensor) -> Tensor:
        storage = kept.untyped_storage()
        sizes.setdefault(storage.data_ptr(), storage.nbytes())
        return kept

    with torch.autograd.graph.saved_tensors_hooks(note, lambda kept: kept):
        likelihood = fisher_target(
            enter({name: torch.from_numpy(values[:1]).requires_grad_() for name, values in boundary.items()}),
            slice(1),
        )
    del likelihood
    return int(min(_BATCH, max(1, max_kept // max(1, sum(sizes.values())))))


class AnswerLikelihood:
    """The answers that the model itself gives to questions, one about each picture, or each tile as if it
    were one.

    Of every next token's distribution p a random combination of the log-likelihoods, sqrt(p) noise: its
    gradients have the mean g g' of answers drawn from p, with less variance.
    """

    def __init__(self, reference: ReferenceModel, questions: Sequence[str], seed: int = 0) -> None:
        self._reference, self._generator = reference, torch.Generator().manual_seed(seed)
        self._prompts = [reference.prompting.ids(question) for question in questions]
        self._stops = torch.tensor(sorted(reference.prompting.stop_tokens))

    def __call__(self, tokens: Tensor, pictures: slice) -> Tensor:
        rows = self._reference.family.rows(
            self._reference.model, self._prompts[pictures][: len(tokens)], tokens
        )
        logits, total, alive = rows.prefill(), torch.zeros(()), torch.ones(len(tokens))
        for left in reversed(range(_MAX_TOKENS)):
            likelihoods = logits.log_softmax(-1)
            spread = (likelihoods.detach() / 2).exp() * torch.randn(
                likelihoods.shape, generator=self._generator
            )
            total = total + ((spread * likelihoods).sum(-1) * alive).sum()
            spoken = logits.argmax(-1)
            alive = alive * ~torch.isin(spoken, self._stops)
            if not left or not alive.any():
                break
            logits = rows.decode(spoken.tolist())
        return total


class UniformTarget:
    """Where there is no language model to ask: every number of the image tokens counts alike."""

    def __init__(self, seed: int = 0) -> None:
        self._generator = torch.Generator().manual_seed(seed)

    def __call__(self, tokens: Tensor, _: slice) -> Tensor:
        return (tokens * torch.randn(tokens.shape, generator=self._generator)).sum()
