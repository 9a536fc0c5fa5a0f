"""What is trained: the fitted transform as a network, its ends untied, with a thin correction behind the receiver's."""

from typing import overload

import numpy as np
import torch
from torch import Tensor, nn

from protos import codec as wire
from splitter.fitting import Floats, Transform

_HIDDEN = 64


class Network(nn.Module):
    """Coordinates of a tensor (pictures, tokens, width), and the way back. It begins as the fitted transform, exactly.

    The correction is of each token alone: `relu(x @ inner + place) @ outer`, with `place` (tokens, hidden) to tell positions apart.
    """

    mean: Tensor

    def __init__(self, start: Transform) -> None:
        super().__init__()
        tokens, width = start.mean.shape
        self.register_buffer("mean", torch.from_numpy(start.mean.copy()))
        self.analysis, self.basis = _trained(start.analysis), _trained(start.basis)
        self.turn = None if start.turn is None else _trained(start.turn)
        self.back = None if start.turn is None else _trained(start.turn)
        self.offset = nn.Parameter(torch.zeros(tokens, width))
        self.inner = nn.Parameter(torch.randn(width, _HIDDEN, generator=torch.Generator().manual_seed(0)) / width)
        self.place, self.outer = nn.Parameter(torch.zeros(tokens, _HIDDEN)), nn.Parameter(torch.zeros(_HIDDEN, width))
        spread = np.abs(start.coordinates).mean(0)
        self.spread = nn.Parameter(torch.from_numpy(np.log(spread + 1e-3 * spread.max() + 1e-9)))

    def forward(self, values: Tensor) -> Tensor:
        """Coordinates (pictures, tokens sent, channels)."""
        turned = (values - self.mean) @ self.analysis
        return turned if self.turn is None else self.turn.T @ turned

    def synthesise(self, coordinates: Tensor) -> Tensor:
        """The tensor that the tail gets."""
        values = coordinates @ self.basis
        values = (values if self.back is None else self.back @ values) + self.mean + self.offset
        return values + torch.relu(values @ self.inner + self.place) @ self.outer

    def bits(self, coordinates: Tensor, step: float, sent: Tensor) -> Tensor:
        """What each picture's coordinates cost, with noise in the place of rounding, under Laplace's law of their learned spreads.

        `sent` (tokens sent, channels) is 1 where a level sends a code and 0 elsewhere; gives bits (pictures).
        """
        noisy = coordinates + step * (torch.rand_like(coordinates) - 0.5)
        scale = self.spread.exp()
        share = (_laplace((noisy + step / 2) / scale) - _laplace((noisy - step / 2) / scale)).clamp_min(1e-6)
        return torch.as_tensor(-(share.log2() * sent).sum((1, 2)))

    def transform(self, calibration: Floats) -> Transform:
        """What was learned, with the coordinates of a calibration, as the codec takes it."""
        with torch.inference_mode():
            coordinates = self(torch.from_numpy(calibration)).numpy()
        correction = wire.Correction(_array(self.inner), _array(self.place), _array(self.outer))
        back = wire.Synthesis(_array(self.basis), _array(self.mean + self.offset), _array(self.back), correction)
        return Transform(_array(self.mean), _array(self.analysis), _array(self.basis), _array(self.turn), coordinates, back)


def _laplace(values: Tensor) -> Tensor:
    """Laplace's cumulative distribution at scale 1."""
    tail = 0.5 * torch.exp(-values.abs())
    return torch.where(values < 0, tail, 1 - tail)


def _trained(values: Floats) -> nn.Parameter:
    return nn.Parameter(torch.from_numpy(values.copy()))


@overload
def _array(values: Tensor) -> Floats: ...
@overload
def _array(values: None) -> None: ...
def _array(values: Tensor | None) -> Floats | None:
    return None if values is None else np.ascontiguousarray(values.detach().numpy(), np.float32)
