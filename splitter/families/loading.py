"""A checkpoint folder to a model and its processor."""

from pathlib import Path

import torch
from safetensors import SafetensorError
from transformers import AutoConfig, PreTrainedModel

from protos.errors import CheckpointError
from splitter.families import family_of
from splitter.families.processors import Processor, read_processor


def load_model(folder: Path, dtype: torch.dtype = torch.float32) -> PreTrainedModel:
    """A checkpoint folder in the Hugging Face layout as a model in evaluation mode. Raises CheckpointError."""
    try:
        config = AutoConfig.from_pretrained(folder, local_files_only=True)
        model = family_of(config).auto.from_pretrained(
            folder, dtype=dtype, local_files_only=True, use_safetensors=True, attn_implementation="eager"
        )
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        message = f"{folder} is not a checkpoint that can be read ({error}); give a folder with config.json and model.safetensors"
        raise CheckpointError(message, path=str(folder)) from error
    loaded: PreTrainedModel = model.eval()
    return loaded.requires_grad_(requires_grad=False)


def load_processor(folder: Path) -> Processor:
    """The processor of a checkpoint folder; its files may be those of an image processor and a tokenizer. Raises CheckpointError."""
    try:
        return read_processor(folder)
    except (OSError, ValueError, KeyError, ImportError) as error:
        message = f"{folder} has no processor that can be read ({error}); copy tokenizer and processor files into it"
        raise CheckpointError(message, path=str(folder)) from error
