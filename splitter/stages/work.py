"""A split under way: the model, what it is measured on, and the cuts, each made when first needed."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import AutoTokenizer, PreTrainedModel, ProcessorMixin

from protos import bundle_pb2 as pb
from protos.errors import CheckpointError, UnknownName
from protos.pictures.sizes import picture_grid
from protos.pictures.tiles import Grid, spans
from splitter.evaluate import subjects
from splitter.evaluate.answers import Prompting
from splitter.evaluate.matching import Agreement, ReferenceDualEncoder, asked_once, read_dual_encoder
from splitter.evaluate.measures import ANSWERS, FEATURES, Answers, Features, Measure
from splitter.evaluate.subjects import Subject
from splitter.evaluate.verify import ReferenceModel
from splitter.families import Family, Generative, Matching, cut_names, generative, walk
from splitter.families.loading import Checkpoint, load_processor
from splitter.graph.chain import Arrays
from splitter.graph.export import graph_name
from splitter.memory import trim_memory
from splitter.nano.model import WEIGHTS
from splitter.recipe import BEST_CUTS, Options
from splitter.storage.hub import name_of
from splitter.storage.parts import Parts

BUILT_IN = "nano"
AUTO = "auto"
_MAX_LANGUAGE_BYTES = 2 << 30
_MAX_TILE_BYTES = 400 << 20  # of pixels in memory at once; each published cut takes about as much again

Say = Callable[[str], None]
Advance = Callable[[str, int, int], None]


@dataclass
class Work:
    """What the steps of one split share. `say` is told of each step, `advance` of (step, done, of) within
    long ones.
    """

    options: Options
    parts: Parts
    say: Say
    advance: Advance

    @property
    def name(self) -> str:
        """What the bundle calls the model."""
        return BUILT_IN if self.options.checkpoint == WEIGHTS else name_of(self.options.checkpoint)

    @cached_property
    def checkpoint(self) -> Checkpoint:
        return Checkpoint(self.options.checkpoint)

    @property
    def family(self) -> Family:
        return self.checkpoint.family

    def rest(self) -> None:
        """Let a large model go until it is needed again; reading it anew takes seconds."""
        if not self.with_language and (resting := self.__dict__.pop("whole", None)):
            for weight in resting.model.parameters():
                if (
                    not weight.is_meta
                ):  # onnxscript's rewriter holds on to the last graph that it saw, and so to the weights
                    weight.data = torch.empty(0)
            del resting
            trim_memory()

    @cached_property
    def with_language(self) -> bool:
        """Whether the language model is loaded: what is behind the image tokens is needed for answers, and
        for nothing else.
        """
        checkpoint, chosen = self.checkpoint, self.options.measure
        if not checkpoint.language and chosen == FEATURES:
            raise CheckpointError(
                f"the language model of a {checkpoint.family.name} cannot be left out yet; leave out "
                "--measure features"
            )
        loaded = chosen == ANSWERS or (chosen == AUTO and checkpoint.language_bytes <= _MAX_LANGUAGE_BYTES)
        if self.options.with_local and not loaded:
            size = f"{checkpoint.language_bytes / 1e9:.1f} GB"
            raise CheckpointError(
                f"--with-local needs the language model in memory, {size} as FP32: leave it out, or give "
                "--measure answers"
            )
        return loaded

    @cached_property
    def measure(self) -> Measure:
        """What the losses of the report are measured in."""
        if matcher := self.matcher:
            return Agreement(matcher)
        return Answers(self.speaker, self.subject.questions, self.grids) if self.with_language else Features()

    @cached_property
    def whole(self) -> ReferenceModel | ReferenceDualEncoder:
        """The model, without its language model where that is left out."""
        model, kind = self.checkpoint.model(language=self.with_language), self.family
        trim_memory()  # what reading it took
        kind.preprocessing(self.processor)  # raises now, not after minutes, where a device could not do it
        if isinstance(kind, Matching):
            return read_dual_encoder(kind, model, self.processor, self.options)
        return self._whole(generative(kind), model)

    def _whole(self, kind: Generative, model: PreTrainedModel) -> ReferenceModel:
        if self.options.labels or self.options.template:
            raise CheckpointError(
                f"a {kind.name} answers questions and does not choose among labels; leave out "
                "--labels "
                "and "
                "--template"
            )
        tokenizer = AutoTokenizer.from_pretrained(self.options.checkpoint, local_files_only=True)
        template = kind.prompt_template(model, self.processor)
        if "{question}" not in template:
            self.say(
                f"{self.name} has no chat template, so it is taken for a captioner: it says what it sees, "
                "whatever it is "
                "asked"
            )
        picture = kind.picture_text(model, self.processor)
        prompting = Prompting(
            template, tokenizer, kind.image_token(model), kind.stop_tokens(model), tokenizer.decode, picture
        )
        return ReferenceModel(kind, model, prompting)

    @property
    def speaker(self) -> ReferenceModel:
        """The model, of a family that answers questions."""
        if isinstance(self.whole, ReferenceDualEncoder):
            raise TypeError("a dual encoder answers no questions")
        return self.whole

    @property
    def matcher(self) -> ReferenceDualEncoder | None:
        """The model, of a dual encoder; None for a family that answers questions."""
        return (
            self.whole
            if isinstance(self.family, Matching) and isinstance(self.whole, ReferenceDualEncoder)
            else None
        )

    @cached_property
    def processor(self) -> ProcessorMixin:
        return load_processor(self.options.checkpoint)

    @cached_property
    def preprocessing(self) -> pb.Preprocessing:
        """What the processor does, as the manifest says it."""
        return self.family.preprocessing(self.processor)

    @cached_property
    def subject(self) -> Subject:
        """What is calibrated and measured on: of pictures in tiles, as many as fit into memory."""
        if not self.preprocessing.HasField("tiles"):
            return self._subject
        size = np.dtype(np.float32).itemsize * math.prod(self.family.pixel_shape(self.checkpoint.empty))
        return subjects.fewer(
            self._subject, lambda picture: self.grid(picture).tiles, max(1, _MAX_TILE_BYTES // size)
        )

    @cached_property
    def _subject(self) -> Subject:
        chosen = self.options
        if chosen.calibration:
            found = subjects.folder(chosen.calibration, chosen.calibration_pictures, chosen.report_pictures)
            return asked_once(found) if isinstance(self.family, Matching) else found
        if chosen.checkpoint != WEIGHTS:
            raise CheckpointError(
                "a checkpoint of your own needs --calibration DIR: a folder of pictures like those it "
                "will "
                "see"
            )
        return subjects.scenes(chosen.calibration_pictures, chosen.report_pictures)

    def further(self, teaching: Sequence[int]) -> Iterator[subjects.Image]:
        """What a codec learns from besides the calibration, without end: more scenes, or views of its
        pictures of these indices.
        """
        seen = self.subject.calibration
        return (
            subjects.views([seen[index] for index in teaching])
            if self.options.calibration
            else subjects.more_scenes(len(seen))
        )

    @cached_property
    def cuts(self) -> list[str]:
        """The published cuts in order: those named; the best ones, found by trying; or two layers at thirds,
        and the last cut there is.
        """
        if self.options.cuts == BEST_CUTS:
            from splitter.stages.best_cuts import best_cuts  # it works on this class

            return best_cuts(self)
        possible = cut_names(self.family, self.checkpoint.empty)
        if not self.options.cuts:
            depth = self.family.depth(self.checkpoint.empty)
            return list(
                dict.fromkeys(
                    [possible[max(0, depth // 3 - 1)], possible[max(0, 2 * depth // 3 - 1)], possible[-1]]
                )
            )
        for name in self.options.cuts:
            if name not in possible:
                raise UnknownName("cut", name, possible)
        return [name for name in possible if name in {*self.options.cuts, possible[-1]}]

    @cached_property
    def boundaries(self) -> dict[str, list[str]]:
        """The bare tensor names that cross each published cut; kept, so that they do not bring a large model
        back.
        """
        names: dict[str, list[str]] = self.parts.value("boundaries", self._walked)
        return names

    def _walked(self) -> dict[str, list[str]]:
        pixels = torch.zeros(1, *self.whole.family.pixel_shape(self.whole.model))
        with torch.inference_mode():
            return {
                name: list(boundary)
                for name, boundary in walk(self.whole.family, self.whole.model, pixels)
                if name in self.cuts
            }

    @cached_property
    def held_out(self) -> NDArray[np.float32]:
        """The held-out pictures as the first piece takes them: (tiles of all, 3, h, w)."""
        return self.pixels(list(self.subject.pictures))

    @cached_property
    def grids(self) -> list[Grid]:
        """The tiles of each held-out picture; they lie one after another in `held_out`, as `spans` says."""
        return [self.grid(picture) for picture in self.subject.pictures]

    @cached_property
    def spans(self) -> list[slice]:
        return spans(self.grids)

    def grid(self, picture: subjects.Image) -> Grid:
        """The tiles of a picture."""
        return picture_grid(self.preprocessing, picture.shape[0], picture.shape[1])

    @cached_property
    def resized(self) -> list[subjects.Image]:
        """The held-out pictures at the model's resolution, before rescaling: what an upload would send."""
        return self.family.resized(self.processor, self.subject.pictures)

    def pixels(self, pictures: list[subjects.Image]) -> NDArray[np.float32]:
        """Pictures through the checkpoint's own processor. Raises CheckpointError where it is not made for
        the model.
        """
        made, taken = (
            self.family.pixels(self.processor, pictures).numpy(),
            self.family.pixel_shape(self.checkpoint.empty),
        )
        if made.shape[1:] != taken:
            raise CheckpointError(
                f"the processor makes pictures {made.shape[1:]}, the model takes {taken}; mend "
                "preprocessor_config.json"
            )
        return made

    def graph_names(self) -> list[list[str]]:
        """The boundary tensors of each published cut, as the graph calls them."""
        return [[graph_name(name, tensor) for tensor in self.boundaries[name]] for name in self.cuts]

    def boundary(self, name: str, arrays: Arrays) -> dict[str, NDArray[np.float32]]:
        """A cut's boundary out of what a chain gave, by bare tensor name."""
        return {
            tensor: np.asarray(arrays[graph_name(name, tensor)], np.float32)
            for tensor in self.boundaries[name]
        }
