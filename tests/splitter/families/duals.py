"""A small random dual encoder with the bundle that the real splitter makes of it, and what the whole model says."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from filelock import FileLock
from numpy.typing import NDArray
from torch.nn import functional

from protos.bundle import Bundle
from splitter.families import Matching, cut_names, family
from splitter.families.loading import load_model, load_processor
from splitter.families.processors import Processor
from splitter.nano.scenes import picture
from splitter.quiet import quiet
from splitter.recipe import Options
from splitter.split import split

LABELS = ("cat", "dog", "a zebra in the snow", "quiz")


@dataclass(frozen=True)
class Dual:
    """A checkpoint folder and what was split from it."""

    folder: Path
    photos: Path
    output: Path

    @cached_property
    def model(self) -> Any:
        return load_model(self.folder)

    @cached_property
    def family(self) -> Matching:
        found = family(self.model.config.model_type)
        assert isinstance(found, Matching)
        return found

    @cached_property
    def processor(self) -> Processor:
        return load_processor(self.folder)

    @cached_property
    def bundle(self) -> Bundle:
        cuts = tuple(cut_names(self.family, self.model))
        options = Options(self.folder, cuts, self.photos, with_local=True, calibration_pictures=6, report_pictures=2, labels=LABELS)
        with FileLock(f"{self.output}.lock"), quiet():
            return split(options, self.output, say=lambda _: None)

    @cached_property
    def pixels(self) -> torch.Tensor:
        return self.family.pixels(self.processor, [picture(5).image, picture(6).image])

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
