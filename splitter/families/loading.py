"""A checkpoint folder to a model and its processor."""

from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import torch
from safetensors import safe_open
from torch import nn
from transformers import AutoConfig, GenerationConfig, PretrainedConfig, PreTrainedModel

from protos.errors import CheckpointError
from splitter.families import Family, Processor, family_of
from splitter.families.causal import Causal
from splitter.families.files.checkpoint import CONFIG, GENERATION, Stored, read_config, read_tensors, reading
from splitter.families.files.weights import WeightNames, check_loaded
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
        with reading(f"{folder / CONFIG}, as that of a {self.family.name},", "mend it"):
            self.config: PretrainedConfig = AutoConfig.from_pretrained(
                folder, local_files_only=True, trust_remote_code=False
            )

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
        return frozenset(name for name in self.tensors if self._names.place(name)[0].startswith(prefixes))

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
        self.check_weights()
        with reading(f"the checkpoint {self.folder}", "download or copy it again"):
            model, info = self._whole(dtype) if language else self._vision(dtype)
        check_loaded(self.folder, info)
        if not language:
            _silence(cast(Causal, self.family).language(model))
        return self.family.complete(model, self.folder).eval().requires_grad_(requires_grad=False)

    def check_weights(self) -> None:
        """Raises CheckpointError where the files do not hold the model that the configuration describes."""
        self._names.check(self.folder, self.tensors)

    def _whole(self, dtype: torch.dtype) -> tuple[PreTrainedModel, dict[str, Any]]:
        options = {"local_files_only": True, "use_safetensors": True, "trust_remote_code": False} | _OPTIONS
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
        described = f"the model that {self.folder / CONFIG} describes"
        with reading(described, "mend it"), torch.device("meta"):
            model: PreTrainedModel = self.family.auto.from_config(self.config, trust_remote_code=False)
        return self.family.complete(model, self.folder)

    @cached_property
    def _names(self) -> WeightNames:
        return WeightNames(self.empty)

    @property
    def _generation(self) -> GenerationConfig | None:
        if not (self.folder / GENERATION).exists():
            return None  # transformers makes one of config.json
        with reading(f"{self.folder / GENERATION}", "mend it"):
            return GenerationConfig.from_pretrained(self.folder, local_files_only=True)


def load_model(folder: Path, dtype: torch.dtype = torch.float32) -> PreTrainedModel:
    """A checkpoint folder in the Hugging Face layout as a model in evaluation mode. Raises
    CheckpointError.
    """
    return Checkpoint(folder).model(dtype)


def load_processor(folder: Path) -> Processor:
    """The processor of a checkpoint folder; its files may be those of an image processor and a tokenizer.
    Raises CheckpointError.
    """
    with reading(f"the processor of {folder}", "copy its tokenizer and processor files into it"):
        try:
            return read_processor(folder)
        except ValueError as error:
            if "trust_remote_code" not in str(error):
                raise
            raise CheckpointError(
                f"the processor of {folder} is code of its own (auto_map), and no code of a checkpoint is "
                "run here; copy the processor files of a checkpoint that transformers reads by itself",
                path=str(folder),
            ) from error


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
