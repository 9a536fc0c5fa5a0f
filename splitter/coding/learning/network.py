"""What is trained: the correction behind a fitted transform, which stays as it is."""

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import layer_norm, scaled_dot_product_attention

from protos import codec as wire
from protos.correction import HEAD, LEAST_VARIANCE
from splitter.coding.fitting import Floats, Transform

_HEADS = 6
_HIDDEN = _HEADS * HEAD
_REACH = 0.1  # of an error of the coarsest step in every channel: how far a weight of 1 moves the tensor
_NARROWEST = 0.25  # of the coarsest step: what is narrower is not made wider


class Network(nn.Module):
    """From coordinates to the tensor that the tail gets. It begins as the fitted transform, exactly.

    What is trained is about 1 in size, whatever the tensor's is: deviations and `reach` scale it. `unit` is the coarsest step.
    """

    mean: Tensor
    basis: Tensor
    turn: Tensor | None
    deviations: Tensor
    reach: Tensor

    def __init__(self, start: Transform, unit: float) -> None:
        super().__init__()
        (tokens, width), channels = start.mean.shape, start.basis.shape[0]
        apart = start.coordinates if start.turn is None else start.turn @ start.coordinates
        self.start, self.unit = start, unit
        self.register_buffer("mean", _tensor(start.mean), persistent=False)
        self.register_buffer("basis", _tensor(start.basis), persistent=False)
        self.register_buffer("turn", None if start.turn is None else _tensor(start.turn), persistent=False)
        self.register_buffer("deviations", _tensor(np.maximum(apart.std((0, 1)), _NARROWEST * unit)), persistent=False)
        self.register_buffer("reach", _REACH * unit * torch.linalg.vector_norm(self.basis, dim=0), persistent=False)
        self.weights = nn.ParameterDict(_untrained(tokens, channels, width))

    def forward(self, coordinates: Tensor, step: float) -> Tensor:
        """Coordinates (pictures, tokens sent, channels), rounded at this step, to (pictures, tokens, width)."""
        apart = coordinates if self.turn is None else self.turn @ coordinates
        return apart @ self.basis + self.mean + self._added(apart / self.deviations) * self.reach * (step / self.unit) ** 2

    def transform(self) -> Transform:
        """The fitted transform with what was learned."""
        weights = {name: values.detach().numpy().copy() for name, values in self.weights.items()}
        weights["inner"] /= self.deviations.numpy()[:, None]
        weights["outer"] *= self.reach.numpy() / self.unit**2
        return replace(self.start, back=replace(self.start.synthesis, correction=wire.Correction(**weights)))

    def _added(self, apart: Tensor) -> Tensor:
        """What protos/correction.py gives, of coordinates of deviation 1."""
        part = self.weights
        hidden = apart @ part["inner"] + part["place"]
        hidden = hidden + _attention(_norm(hidden) @ part["heads"]) @ part["joined"]
        hidden = hidden + torch.relu(_norm(hidden) @ part["wide"] + part["bias"]) @ part["narrow"]
        return torch.as_tensor(_norm(hidden) @ part["outer"])


def _untrained(tokens: int, channels: int, width: int) -> dict[str, Tensor]:
    """Weights that keep the size of what goes through; the last give nothing yet."""
    generator, hidden = torch.Generator().manual_seed(0), _HIDDEN
    shapes = {"inner": (channels, hidden), "heads": (hidden, 3 * hidden), "joined": (hidden, hidden)}
    shapes |= {"wide": (hidden, 2 * hidden), "narrow": (2 * hidden, hidden)}
    nothing = {"place": torch.zeros(tokens, hidden), "bias": torch.zeros(2 * hidden), "outer": torch.zeros(hidden, width)}
    return nothing | {name: torch.randn(shape, generator=generator) / shape[0] ** 0.5 for name, shape in shapes.items()}


def _norm(values: Tensor) -> Tensor:
    return layer_norm(values, values.shape[-1:], eps=LEAST_VARIANCE)


def _attention(mixed: Tensor) -> Tensor:
    """Queries, keys and values (pictures, tokens, 3 hidden) to what each token takes of all: (pictures, tokens, hidden)."""
    query, key, value = mixed.reshape(*mixed.shape[:-1], 3, _HEADS, HEAD).movedim((-3, -2), (0, -3))
    return scaled_dot_product_attention(query, key, value).movedim(-3, -2).flatten(-2)


def _tensor(values: Floats) -> Tensor:
    return torch.from_numpy(values.astype(np.float32))
