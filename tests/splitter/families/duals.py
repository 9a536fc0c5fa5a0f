"""A small random dual encoder with the bundle that the real splitter makes of it, and what the whole model
says.
"""

from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from splitter.families import Matching, family_of
from splitter.recipe import Options
from tests.splitter.families.made import MadeOnce

LABELS = ("cat", "dog", "a zebra in the snow", "quiz")


class Dual(MadeOnce):
    """Of a family that compares a picture with texts."""

    @cached_property
    def family(self) -> Matching:
        found = family_of(self.model.config)
        assert isinstance(found, Matching)
        return found

    def options(self, cuts: tuple[str, ...]) -> Options:
        return Options(
            self.folder,
            cuts,
            self.photos,
            with_local=True,
            calibration_pictures=6,
            report_pictures=2,
            self_test_pictures=2,
            labels=LABELS,
        )

    def texts(self, texts: list[str]) -> NDArray[np.float32]:
        """By the whole model, its own processor's ids."""
        padded = self.processor.tokenizer(texts, padding="max_length", truncation=True, return_tensors="pt")
        with torch.inference_mode():
            return of_length_1(self.model.get_text_features(input_ids=padded["input_ids"]).pooler_output)

    def pictures(self, pixels: torch.Tensor) -> NDArray[np.float32]:
        """By the whole model, of length 1."""
        with torch.inference_mode():
            return of_length_1(self.model.get_image_features(pixel_values=pixels).pooler_output)


def of_length_1(embeddings: torch.Tensor) -> NDArray[np.float32]:
    return np.asarray(functional.normalize(embeddings, dim=-1).numpy())
