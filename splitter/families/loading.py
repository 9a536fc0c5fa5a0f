"""A checkpoint folder to a model and its processor."""

from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import torch
from safetensors import SafetensorError, safe_open
from torch import nn
from transformers import AutoConfig, GenerationConfig, PretrainedConfig, PreTrainedModel
from transformers.conversion_mapping import get_model_conversion_mapping
from transformers.core_model_loading import WeightConverter, WeightRenaming, rename_source_key

from protos.errors import CheckpointError
from splitter.families import Family, Processor, family_of
from splitter.families.causal import Causal
from splitter.families.checkpoint import CONFIG, Stored, listed, read_config, read_tensors
from splitter.families.processors import read_processor

_FP32_BYTES = 4
_OPTIONS: dict[str, Any] = {
    "attn_implementation": "eager",
    "output_loading_info": True,
    "ignore_mismatched_sizes": True,
}


class Checkpoint:
    """A checkpoint folder in the Hugging Face layout, its files checked; nothing of the weights is read
    before it is asked for.
    """

    def __init__(self, folder: Path) -> None:
        """Raises CheckpointError."""
        self.folder = folder
        said = read_config(folder)
        described = SimpleNamespace(model_type=said["model_type"], architectures=said.get("architectures"))
        self.family: Family = family_of(cast(PretrainedConfig, described))
        self.tensors: dict[str, Stored] = read_tensors(folder)
        try:
            self.config: PretrainedConfig = AutoConfig.from_pretrained(
                folder, local_files_only=True, trust_remote_code=False
            )
        except Exception as error:  # a configuration's own checks raise whatever they like
            raise CheckpointError(
                f"{folder / CONFIG} does not describe a {self.family.name} ({error}); mend it",
                path=str(folder),
            ) from error

    @cached_property
    def language(self) -> frozenset[str]:
        """The names of the tensors that only read and write text: the image tokens do not depend on them."""
        if not isinstance(self.family, Causal):
            return frozenset()
        modules = self.family.language(self.empty)
        prefixes = tuple(
            f"{name}."
            for name, module in self.empty.named_modules()
            if any(module is part for part in modules)
        )
        return frozenset(name for name in self.tensors if self._renamed(name).startswith(prefixes))

    @property
    def language_bytes(self) -> int:
        """What those tensors take in memory as FP32."""
        return _FP32_BYTES * sum(self.tensors[name].numbers for name in self.language)

    @property
    def vision_bytes(self) -> int:
        """What all others take in memory as FP32."""
        return _FP32_BYTES * sum(tensor.numbers for tensor in self.tensors.values()) - self.language_bytes

    # whoever asks first: tensors made in inference mode would take no gradient later
    @torch.inference_mode(mode=False)
    def model(self, dtype: torch.dtype = torch.float32, *, language: bool = True) -> PreTrainedModel:
        """The model in evaluation mode. Raises CheckpointError.

        Without its language model that part's tensors are not read, and it refuses to compute.
        """
        try:
            model, info = self._whole(dtype) if language else self._vision(dtype)
        except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
            raise CheckpointError(
                f"{self.folder} is not a checkpoint that can be read ({error})", path=str(self.folder)
            ) from error
        self._check_complete(info)
        if not language:
            _silence(cast(Causal, self.family).language(model))
        return self.family.complete(model, self.folder).eval().requires_grad_(requires_grad=False)

    def _whole(self, dtype: torch.dtype) -> tuple[PreTrainedModel, dict[str, Any]]:
        options = {"local_files_only": True, "use_safetensors": True} | _OPTIONS
        loaded: tuple[PreTrainedModel, dict[str, Any]] = self.family.auto.from_pretrained(
            self.folder, dtype=dtype, **options
        )
        return loaded

    def _vision(self, dtype: torch.dtype) -> tuple[PreTrainedModel, dict[str, Any]]:
        """Through transformers' own loading, so that names of older checkpoints are understood as ever."""
        with ExitStack() as files:
            opened = {
                file: files.enter_context(safe_open(file, framework="pt"))
                for file in {t.file for t in self.tensors.values()}
            }
            state = {
                name: _Unread.shaped(stored.shape)
                if name in self.language
                else opened[stored.file].get_slice(name)
                for name, stored in self.tensors.items()
            }
            loaded: tuple[PreTrainedModel, dict[str, Any]] = type(self.empty).from_pretrained(
                None,
                config=self.config,
                state_dict=state,
                dtype=dtype,
                generation_config=self._generation,
                **_OPTIONS,
            )
            return loaded

    @cached_property
    def empty(self) -> PreTrainedModel:
        """The model without any weights, on the meta device: what its configuration alone says of it."""
        with torch.device("meta"):
            model: PreTrainedModel = self.family.auto.from_config(self.config)
        return self.family.complete(model, self.folder)

    @property
    def _generation(self) -> GenerationConfig | None:
        try:
            return GenerationConfig.from_pretrained(self.folder, local_files_only=True)
        except OSError:  # without the file, transformers makes one of config.json
            return None

    def _renamed(self, name: str) -> str:
        """A tensor's name in the model; checkpoints written by earlier versions of transformers call many of
        them otherwise.
        """
        model, steps = self.empty, self._conversions
        renamings = [step for step in steps if isinstance(step, WeightRenaming)]
        converters = [step for step in steps if isinstance(step, WeightConverter)]
        return str(rename_source_key(name, renamings, converters, model.base_model_prefix, self._places)[0])

    @cached_property
    def _conversions(self) -> list[Any]:
        return list(get_model_conversion_mapping(self.empty))

    @cached_property
    def _places(self) -> dict[str, torch.Tensor]:
        return dict(self.empty.state_dict())

    def _check_complete(self, info: dict[str, Any]) -> None:
        """Nothing may be left as transformers initialised it: that would be random."""
        if missing := sorted(info["missing_keys"]):
            message = (
                f"{self.folder} lacks weights of the model that {CONFIG} describes: "
                f"{listed(missing)}; give the whole checkpoint"
            )
            raise CheckpointError(message, missing=missing)
        if wrong := sorted(
            f"{name} is {tuple(found)}, not {tuple(wanted)}"
            for name, found, wanted in info["mismatched_keys"]
        ):
            message = (
                f"{self.folder} holds weights of other shapes than {CONFIG} describes: "
                f"{listed(wrong)}; mend {CONFIG}"
            )
            raise CheckpointError(message, mismatched=wrong)


def load_model(folder: Path, dtype: torch.dtype = torch.float32) -> PreTrainedModel:
    """A checkpoint folder in the Hugging Face layout as a model in evaluation mode. Raises
    CheckpointError.
    """
    return Checkpoint(folder).model(dtype)


def load_processor(folder: Path) -> Processor:
    """The processor of a checkpoint folder; its files may be those of an image processor and a tokenizer.
    Raises CheckpointError.
    """
    try:
        return read_processor(folder)
    except (OSError, ValueError, KeyError, ImportError) as error:
        message = (
            f"{folder} has no processor that can be read ({error}); copy tokenizer and processor "
            "files into it"
        )
        raise CheckpointError(message, path=str(folder)) from error


def _silence(parts: list[nn.Module]) -> None:
    """Let modules without weights refuse to compute. torch would not: some of its operations then give
    numbers that mean nothing.
    """
    for part in parts:
        for module in part.modules():
            module.register_forward_pre_hook(_refuse)


def _refuse(module: nn.Module, _inputs: object) -> None:
    raise RuntimeError(f"this {type(module).__name__} belongs to a language model that was not loaded")


class _Unread(torch.Tensor):
    """A weight that is not read: on the meta device, and there it stays wherever it is sent."""

    @classmethod
    def shaped(cls, shape: tuple[int, ...]) -> "_Unread":
        return torch.empty(shape, device="meta").as_subclass(cls)

    def to(self, *_: object, dtype: torch.dtype | None = None, **__: object) -> torch.Tensor:
        return torch.empty(self.shape, dtype=dtype or self.dtype, device="meta")
