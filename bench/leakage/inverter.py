"""The attacker's network: from what crosses the wire back to the picture."""

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

Tensors = Mapping[str, Tensor]  # boundary, (n, tokens, width) by name

_CHANNELS = 96
_BATCH = 16
_LEARNING_RATE = 2e-3


class Inverter(nn.Module):
    """A boundary to RGB (n, 3, side, side) in 0..1.

    Tokens on a grid, residual convolutions, and upsampling by two until the side is reached.
    """

    def __init__(self, shapes: Mapping[str, Sequence[int]], side: int) -> None:
        """`shapes`: (tokens, width) of each tensor of the boundary."""
        super().__init__()
        self._grid, self._side = math.isqrt(max(tokens for tokens, _ in shapes.values())), side
        self._enter = nn.ModuleList(
            _TokenGrid(tokens, width, self._grid) for tokens, width in shapes.values()
        )
        self._place = nn.Parameter(torch.zeros(1, _CHANNELS, self._grid, self._grid))
        doublings = max(0, math.ceil(math.log2(side / self._grid)))
        widths = [max(16, _CHANNELS >> step) for step in range(doublings + 1)]
        stages = [
            nn.Sequential(_Residual(a), nn.Conv2d(a, 4 * b, 1), nn.PixelShuffle(2))
            for a, b in pairwise(widths)
        ]
        self._grow = nn.Sequential(
            _Residual(_CHANNELS), *stages, _Residual(widths[-1]), nn.Conv2d(widths[-1], 3, 3, padding=1)
        )

    def forward(self, boundary: Tensors) -> Tensor:
        placed = sum(
            (enter(tensor) for enter, tensor in zip(self._enter, boundary.values(), strict=True)), self._place
        )
        grown = self._grow(placed)
        if grown.shape[-1] != self._side:
            grown = nn.functional.interpolate(
                grown, size=(self._side, self._side), mode="bilinear", antialias=True
            )
        return torch.sigmoid(grown)


class _TokenGrid(nn.Module):
    """Tokens (n, tokens, width) as a grid (n, channels, grid, grid).

    Where there are more, such as a class token, a linear layer mixes them in.
    """

    def __init__(self, tokens: int, width: int, grid: int) -> None:
        super().__init__()
        self._grid = grid
        self._narrow = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, _CHANNELS))
        self._mix: nn.Module = nn.Identity() if tokens == grid * grid else nn.Linear(tokens, grid * grid)

    def forward(self, tensor: Tensor) -> Tensor:
        mixed: Tensor = self._mix(self._narrow(tensor).transpose(1, 2))
        return mixed.reshape(*mixed.shape[:2], self._grid, self._grid)


class _Residual(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        layers = (
            nn.Conv2d(channels, channels, 3, padding=1),
            nn.GELU(),
            nn.Conv2d(channels, channels, 3, padding=1),
        )
        self._layers = nn.Sequential(nn.GroupNorm(8, channels), *layers)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self._layers(x)
        return out


def train(
    inverter: Inverter,
    boundary: Tensors,
    pictures: Tensor,
    steps: int,
    advance: Callable[[], None] = lambda: None,
) -> list[float]:
    """Fit to pictures (n, 3, side, side) in 0..1 by squared error, in place; gives the loss of each step. The
    order of pictures is seeded.
    """
    optimiser = torch.optim.AdamW(inverter.parameters(), lr=_LEARNING_RATE, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, _LEARNING_RATE, total_steps=max(2, steps))
    draw, losses = torch.Generator().manual_seed(0), []
    inverter.train()
    for _ in range(steps):
        batch = torch.randint(len(pictures), (_BATCH,), generator=draw)
        loss = nn.functional.mse_loss(
            inverter({name: tensor[batch] for name, tensor in boundary.items()}), pictures[batch]
        )
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        optimiser.step()
        schedule.step()
        losses.append(loss.item())
        advance()
    return losses


@torch.inference_mode()
def invert(inverter: Inverter, boundary: Tensors) -> Tensor:
    """The reconstructed pictures (n, side, side, 3), uint8."""
    inverter.eval()
    count = len(next(iter(boundary.values())))
    parts = [
        inverter({n: t[start : start + _BATCH] for n, t in boundary.items()})
        for start in range(0, count, _BATCH)
    ]
    return (torch.cat(parts).permute(0, 2, 3, 1) * 255).round().to(torch.uint8)
