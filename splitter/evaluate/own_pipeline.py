"""The checkpoint's own way from a picture and a question to an answer: the processor and the `generate` of
transformers, with nothing of ours. What a whole request is held against.
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import PretrainedConfig, PreTrainedModel, ProcessorMixin
from transformers.models.auto.processing_auto import PROCESSOR_MAPPING_NAMES, processor_class_from_name

from protos.errors import CheckpointError
from splitter.families import Generative, Processor
from splitter.families.causal import generating_by
from splitter.families.files.chat_template import chat_template
from splitter.families.files.generation import obeyed

Inputs = dict[str, Tensor]
_PARTS = ("image_processor", "video_processor", "tokenizer")
_NUMBERS = "num2words"
_CHANNELS_LAST: Mapping[str, object] = {"input_data_format": "channels_last"}


@dataclass(frozen=True)
class OwnPipeline:
    """`processor` is None where `absent` says why there is none.

    `overruled`: the image processor's options for which the processor's class has other defaults than the
    checkpoint's file; the file's are taken.
    """

    family: Generative
    processor: Any
    overruled: Mapping[str, object]
    absent: str = ""

    def inputs(self, picture: NDArray[np.uint8], question: str) -> Inputs | None:
        """What its processor makes of a picture (h, w, 3) and a question for the model; None where the makers
        do not say how it is asked.
        """
        if self.processor is None:
            return None
        given, options = self.family.own_picture(self.processor, picture)
        options = {**_CHANNELS_LAST, **self.overruled, **options}
        template = chat_template(self.processor)
        if template:
            content = [{"type": "image", "image": given}, {"type": "text", "text": question}]
            made = self.processor.apply_chat_template(
                [{"role": "user", "content": content}],
                chat_template=template,
                add_generation_prompt=True,
                tokenize=True,
                return_dict=True,
                return_tensors="np",
                processor_kwargs={"images_kwargs": options},
            )
            return _tensors(made)
        text = self.family.own_text(self.processor, question)
        if text is None:
            return None
        return _tensors(
            self.processor(images=[given], text=[text], images_kwargs=options, return_tensors="np")
        )

    @torch.inference_mode()
    def answer(self, model: PreTrainedModel, inputs: Inputs, max_tokens: int) -> list[int]:
        """The tokens of its greedy answer, the one that ends it among them, by generation_config.json as far
        as that is obeyed.
        """
        with generating_by(self.family.speaker(model), obeyed):
            out = model.generate(
                **inputs, max_new_tokens=max_tokens, return_dict_in_generate=True, output_scores=True
            )
        return [int(scores[0].argmax()) for scores in out.scores]


def own_pipeline(
    family: Generative, folder: Path, config: PretrainedConfig, processor: Processor
) -> OwnPipeline:
    """The pipeline of a checkpoint folder whose `processor` is read already."""
    try:
        whole = (
            processor if isinstance(processor, ProcessorMixin) else _without_videos(folder, config, processor)
        )
    except CheckpointError as error:
        return OwnPipeline(family, None, {}, str(error))
    return OwnPipeline(family, whole, _overruled(whole))


def _without_videos(folder: Path, config: PretrainedConfig, pair: Processor) -> Any:
    """The processor's own class over a pair: what it would need for videos needs packages that are not
    there.
    """
    said: dict[str, Any] = ProcessorMixin.get_processor_dict(folder, local_files_only=True)[0]
    name = said.get("processor_class") or PROCESSOR_MAPPING_NAMES.get(config.model_type, "")
    found = processor_class_from_name(name)
    if found is None:
        raise CheckpointError(f"transformers has no processor {name!r}", processor=name)
    lenient = type(found.__name__, (found,), {"check_argument_for_proper_class": lambda *_: None})
    videos = {"video_processor": _NoVideos()} if "video_processor" in found.get_attributes() else {}
    module = sys.modules[found.__module__]
    if getattr(module, _NUMBERS, str) is None:  # SmolVLM's writes the length of a video with it
        setattr(module, _NUMBERS, str)
    options = {
        key: value for key, value in said.items() if key not in {"processor_class", "auto_map", *_PARTS}
    }
    try:
        return lenient(image_processor=pair.image_processor, tokenizer=pair.tokenizer, **videos, **options)
    except Exception as error:  # each class asks what it likes of its parts
        raise CheckpointError(f"{name} cannot be made of this checkpoint ({error})") from error


class _NoVideos:
    """Stands for a video processor where no video comes."""

    def __getattr__(self, name: str) -> None:
        return None


def _tensors(made: Mapping[str, Any]) -> Inputs:
    return {name: torch.as_tensor(values) for name, values in made.items()}


def _overruled(processor: Any) -> dict[str, object]:
    """What the class puts in place of the image processor's own values, as the file has them."""
    defaults = processor._merge_kwargs(tokenizer_init_kwargs={})["images_kwargs"]  # noqa: SLF001
    said = {name: getattr(processor.image_processor, name, None) for name in defaults}
    return {
        name: value
        for name, value in said.items()
        if value not in (None, defaults[name]) and not name.startswith("return_")
    }


def differing(own: Mapping[str, Tensor], ours: Mapping[str, Tensor], tolerance: float) -> list[str]:
    """What a processor makes and the bundle makes otherwise, in words."""
    return [
        said for name in ours if name in own for said in _difference(name, own[name], ours[name], tolerance)
    ]


def _difference(name: str, own: Tensor, ours: Tensor, tolerance: float) -> Sequence[str]:
    if own.shape != ours.shape:
        return [f"{name} are {tuple(ours.shape)}, its processor's {tuple(own.shape)}"]
    apart = (own.double() - ours.double()).abs()
    if float(apart.max()) <= (tolerance if own.is_floating_point() else 0):
        return []
    place = int(apart.flatten().argmax())
    mine, its = (float(side.flatten()[place]) for side in (ours, own))
    return [f"{name} differ at {place} of {own.numel()}: {mine:g}, its processor's {its:g}"]
