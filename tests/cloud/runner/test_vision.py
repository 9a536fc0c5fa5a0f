"""Pictures that are taken on, and what is held of them."""

import torch

from cloud.runner.vision import advance
from tests.cloud.engine.scripted import ScriptedModel


def test_a_picture_that_is_remembered_does_not_keep_its_batch() -> None:
    batch = torch.zeros(100, 2, 1)
    pictures = [{"hidden": batch[:1]}, {"hidden": batch[1:2]}]
    reached = advance(ScriptedModel(), "c", "x", pictures, [True, False])
    sizes = [boundary["hidden"].untyped_storage().nbytes() for boundary in reached.boundaries]
    assert sizes == [8, 800]
