"""The small transformer on each side of a learned codec."""

import torch
from torch import Tensor, nn
from torch.nn.functional import layer_norm, scaled_dot_product_attention

from protos.codec.refiner import HEAD, MIN_VARIANCE
from splitter.codecs.arrays import Floats

_HEADS = 6
_HIDDEN = _HEADS * HEAD
_INSIDE = 2 * _HIDDEN
_LAYERS = 2
_QUIET = 0.02  # of a layer's usual size: at first it adds next to nothing


class Layers(nn.Module):
    """A transformer as protos/codec/refiner.py has it, of what is about 1 in size. It gives nothing before it
    is trained.
    """

    def __init__(self, tokens: int, inputs: int, outputs: int, seed: int) -> None:
        super().__init__()
        drawn = torch.Generator().manual_seed(seed)
        self.inner = _drawn(drawn, inputs, _HIDDEN)
        self.place = zeros(tokens, _HIDDEN)
        self.level = zeros(_HIDDEN)
        self.layers = nn.ModuleList(_Layer(drawn) for _ in range(_LAYERS))
        self.outer = zeros(_HIDDEN, outputs)

    def forward(self, values: Tensor, level: Tensor) -> Tensor:
        hidden = values @ self.inner + (self.place + level * self.level)
        for layer in self.layers:
            hidden = layer(hidden)
        return _norm(hidden) @ self.outer

    def arrays(self) -> dict[str, Floats]:
        """The weights as protos/codec/refiner.py has them."""
        layers = [dict(layer.named_parameters()) for layer in self.layers]
        weights: dict[str, Tensor] = {
            name: torch.stack([layer[name] for layer in layers]) for name in layers[0]
        }
        weights |= {"inner": self.inner, "place": self.place, "level": self.level, "outer": self.outer}
        return {name: values.detach().numpy().copy() for name, values in weights.items()}


class _Layer(nn.Module):
    def __init__(self, drawn: torch.Generator) -> None:
        super().__init__()
        self.heads, self.joined = _drawn(drawn, _HIDDEN, 3 * _HIDDEN), _drawn(drawn, _HIDDEN, _HIDDEN, _QUIET)
        self.wide = _drawn(drawn, _HIDDEN, _INSIDE)
        self.bias = zeros(_INSIDE)
        self.narrow = _drawn(drawn, _INSIDE, _HIDDEN, _QUIET)

    def forward(self, hidden: Tensor) -> Tensor:
        hidden = hidden + _attention(_norm(hidden) @ self.heads) @ self.joined
        return torch.as_tensor(hidden + torch.relu(_norm(hidden) @ self.wide + self.bias) @ self.narrow)


def _norm(values: Tensor) -> Tensor:
    return layer_norm(values, values.shape[-1:], eps=MIN_VARIANCE)


def _attention(mixed: Tensor) -> Tensor:
    """Queries, keys and values (pictures, tokens, 3 hidden) to what each token takes of all: (pictures,
    tokens, hidden).
    """
    query, key, value = mixed.reshape(*mixed.shape[:-1], 3, _HEADS, HEAD).movedim((-3, -2), (0, -3))
    return scaled_dot_product_attention(query, key, value).movedim(-3, -2).flatten(-2)


def _drawn(generator: torch.Generator, inputs: int, outputs: int, gain: float = 1.0) -> nn.Parameter:
    """Weights that keep the size of what goes through, or make it so much smaller."""
    return nn.Parameter(torch.randn(inputs, outputs, generator=generator) * gain / inputs**0.5)


def zeros(*shape: int) -> nn.Parameter:
    return nn.Parameter(torch.zeros(shape))
