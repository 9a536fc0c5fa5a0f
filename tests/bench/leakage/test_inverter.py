import numpy as np
import pytest
import torch

from bench.leakage.inverter import Inverter, invert, train
from splitter.nano.scenes import picture

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    "shapes", [{"hidden": (17, 12)}, {"hidden": (16, 12)}, {"hidden": (16, 12), "deep": (4, 8)}]
)
def test_an_inverter_learns_to_make_pictures_of_any_boundary(shapes: dict[str, tuple[int, int]]) -> None:
    pictures = (
        torch.stack([torch.from_numpy(picture(seed).image).permute(2, 0, 1) for seed in range(8)]) / 255
    )
    pictures = torch.nn.functional.interpolate(pictures, size=(20, 20), mode="area")
    draw = torch.Generator().manual_seed(1)
    boundary = {name: torch.randn(8, *shape, generator=draw) for name, shape in shapes.items()}
    torch.manual_seed(0)
    inverter = Inverter(shapes, side=20)

    losses = train(inverter, boundary, pictures, steps=60)

    assert np.mean(losses[-5:]) < 0.3 * np.mean(losses[:5])
    made = invert(inverter, boundary)
    assert made.shape == (8, 20, 20, 3)
    assert made.dtype == torch.uint8
