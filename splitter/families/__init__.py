"""Model families: one file each, found by name. What a family must tell is in interface.py."""

from importlib import import_module

from transformers import PretrainedConfig

from protos.errors import CheckpointError
from splitter.families.interface import (
    CONNECTOR,
    EMBEDDING,
    IMAGE_TOKENS,
    POOLED,
    PROJECTION,
    Boundary,
    DecoderBatch,
    Family,
    Generative,
    Matching,
    Processor,
    Step,
    advance,
    cut_names,
    enter,
    feature_depth,
    generative,
    walk,
)
from splitter.families.padded_cache import Prefix

__all__ = [
    "CONNECTOR",
    "EMBEDDING",
    "IMAGE_TOKENS",
    "POOLED",
    "PROJECTION",
    "Boundary",
    "DecoderBatch",
    "Family",
    "Generative",
    "Matching",
    "Prefix",
    "Processor",
    "Step",
    "advance",
    "cut_names",
    "enter",
    "family",
    "family_of",
    "feature_depth",
    "generative",
    "walk",
]

# Where each family lives, as module and class: a module is imported when its family is asked for.
_FAMILIES = {
    "idefics3": ("idefics3", "Idefics3"),
    "smolvlm": ("idefics3", "SmolVLM"),
    "llava": ("llava", "Llava"),
    "internvl": ("internvl", "InternVL"),
    "aya_vision": ("aya_vision", "AyaVision"),
    "paligemma": ("paligemma", "PaliGemma"),
    "gemma3": ("gemma3", "Gemma3"),
    "qwen2_vl": ("qwen2vl", "Qwen2VL"),
    "qwen2_5_vl": ("qwen2vl", "Qwen25VL"),
    "qwen3_vl": ("qwen3vl", "Qwen3VL"),
    "blip": ("blip", "Blip"),
    "blip-vqa": ("blip", "BlipQuestions"),
    "blip-2": ("blip2", "Blip2"),
    "clip": ("clip", "Clip"),
    "siglip": ("clip", "Siglip"),
}
# Architectures whose model_type has another task too.
_TASKS = {
    "BlipForQuestionAnswering": "blip-vqa",
    "BlipForImageTextRetrieval": "blip-retrieval",
    "Blip2ForImageTextRetrieval": "blip-2-retrieval",
}


def family(name: str) -> Family:
    """A family by its name. Raises CheckpointError with those that are known."""
    if name not in _FAMILIES:
        known = ", ".join(_FAMILIES)
        message = (
            f"models of type {name!r} cannot be split yet; known types: {known}. CONTRIBUTING.md, "
            '"A family", says how to add one'
        )
        raise CheckpointError(message, family=name)
    module, kind = _FAMILIES[name]
    found: Family = getattr(import_module(f"{__name__}.{module}"), kind)()
    return found


def family_of(config: PretrainedConfig) -> Family:
    """The family of a checkpoint, by its model_type and, where one type has several tasks, its architecture.
    Raises CheckpointError.
    """
    tasks = [_TASKS[name] for name in config.architectures or () if name in _TASKS]
    return family(tasks[0] if tasks else config.model_type)
