"""A split under way: the model, what it is measured on, and the cuts, each made when first needed."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import AutoTokenizer, ProcessorMixin

from protos.errors import CheckpointError, UnknownName
from splitter import subjects
from splitter.answers import Prompting
from splitter.chain import Arrays
from splitter.export import graph_name
from splitter.families import cut_names, family_of, walk
from splitter.families.loading import load_model, load_processor
from splitter.nano.model import WEIGHTS
from splitter.parts import Parts
from splitter.recipe import Options
from splitter.subjects import Subject
from splitter.verify import Whole

BUILT_IN = "nano"

Say = Callable[[str], None]
Advance = Callable[[str, int, int], None]


@dataclass
class Work:
    """What the steps of one split share. `say` is told of each step, `advance` of (step, done, of) within long ones."""

    options: Options
    parts: Parts
    say: Say
    advance: Advance

    @property
    def name(self) -> str:
        """What the bundle calls the model."""
        return BUILT_IN if self.options.checkpoint == WEIGHTS else self.options.checkpoint.resolve().name

    @cached_property
    def whole(self) -> Whole:
        model = load_model(self.options.checkpoint)
        kind = family_of(model.config)
        tokenizer = AutoTokenizer.from_pretrained(self.options.checkpoint, local_files_only=True)
        kind.preprocessing(self.processor)  # raises now, not after minutes, where a device could not do it
        template = kind.prompt_template(model, self.processor)
        if "{question}" not in template:
            self.say(f"{self.name} has no chat template, so it is taken for a captioner: it says what it sees, whatever it is asked")
        prompting = Prompting(template, tokenizer, kind.image_token(model), kind.stop_tokens(model), tokenizer.decode)
        return Whole(kind, model, prompting)

    @cached_property
    def processor(self) -> ProcessorMixin:
        return load_processor(self.options.checkpoint)

    @cached_property
    def subject(self) -> Subject:
        chosen = self.options
        if chosen.calibration:
            return subjects.folder(chosen.calibration, chosen.calibration_pictures, chosen.report_pictures)
        if chosen.checkpoint != WEIGHTS:
            raise CheckpointError("a checkpoint of your own needs --calibration DIR: a folder of pictures like those it will see")
        return subjects.scenes(chosen.calibration_pictures, chosen.report_pictures)

    @cached_property
    def cuts(self) -> list[str]:
        """The published cuts in order; automatically: a third and two thirds of the layers, and the last cut there is."""
        possible = cut_names(self.whole.family, self.whole.model)
        if not self.options.cuts:
            depth = self.whole.family.depth(self.whole.model)
            return list(dict.fromkeys([possible[max(0, depth // 3 - 1)], possible[max(0, 2 * depth // 3 - 1)], possible[-1]]))
        for name in self.options.cuts:
            if name not in possible:
                raise UnknownName("cut", name, possible)
        return [name for name in possible if name in {*self.options.cuts, possible[-1]}]

    @cached_property
    def boundaries(self) -> dict[str, list[str]]:
        """The bare tensor names that cross each published cut."""
        pixels = torch.zeros(1, *self.whole.family.pixel_shape(self.whole.model))
        with torch.inference_mode():
            return {name: list(boundary) for name, boundary in walk(self.whole.family, self.whole.model, pixels) if name in self.cuts}

    @cached_property
    def held_out(self) -> NDArray[np.float32]:
        """The held-out pictures as the first piece takes them."""
        return self.pixels(list(self.subject.pictures))

    @cached_property
    def resized(self) -> list[subjects.Image]:
        """The held-out pictures at the model's resolution, before rescaling: what an upload would send."""
        return self.whole.family.resized(self.processor, self.subject.pictures)

    def pixels(self, pictures: list[subjects.Image]) -> NDArray[np.float32]:
        """Pictures through the checkpoint's own processor. Raises CheckpointError where it is not made for the model."""
        made, taken = self.whole.family.pixels(self.processor, pictures).numpy(), self.whole.family.pixel_shape(self.whole.model)
        if made.shape[1:] != taken:
            raise CheckpointError(f"the processor makes pictures {made.shape[1:]}, the model takes {taken}; mend preprocessor_config.json")
        return made

    def graph_names(self) -> list[list[str]]:
        """The boundary tensors of each published cut, as the graph calls them."""
        return [[graph_name(name, tensor) for tensor in self.boundaries[name]] for name in self.cuts]

    def boundary(self, name: str, arrays: Arrays) -> dict[str, NDArray[np.float32]]:
        """A cut's boundary out of what a chain gave, by bare tensor name."""
        return {tensor: np.asarray(arrays[graph_name(name, tensor)], np.float32) for tensor in self.boundaries[name]}
