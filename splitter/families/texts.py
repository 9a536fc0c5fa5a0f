"""Texts as a dual encoder reads them: its tokenizer, with padding and truncation in the file, so that no
reader can leave them out.
"""

from collections.abc import Sequence

import torch
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional
from transformers import PreTrainedModel

from protos.errors import CheckpointError
from splitter.families import Matching, Processor
from splitter.families.prompt import tokenizer_of

_BATCH = 64

_SAMPLES = ("a photo of a cat", "This IS a  Photo, of (two) dogs!", "naïve café ☕", "word " * 200)


def text_tokenizer(processor: Processor, length: int) -> Tokenizer:
    """A tokenizer whose `encode_batch` gives every text as `length` ids. Raises CheckpointError where there
    is none that can be written.

    SigLIP was trained on padded texts only, and its own processor leaves the padding to the caller.
    """
    slow, core = processor.tokenizer, tokenizer_of(processor)
    if slow.pad_token_id is None:
        raise CheckpointError(
            "the tokenizer has no token to pad texts with; write pad_token into tokenizer_config.json"
        )
    core.enable_truncation(length)
    core.enable_padding(
        length=length, pad_id=slow.pad_token_id, pad_token=slow.pad_token, direction=slow.padding_side
    )
    expected = slow(list(_SAMPLES), padding="max_length", truncation=True, max_length=length)["input_ids"]
    if [encoded.ids for encoded in core.encode_batch(list(_SAMPLES))] != expected:
        raise CheckpointError(
            "the tokenizer does more than its tokenizer.json says, so that a device would read texts "
            "otherwise; mend it"
        )
    return core


@torch.inference_mode()
def embed_texts(
    family: Matching, model: PreTrainedModel, tokenizer: Tokenizer, texts: Sequence[str]
) -> Tensor:
    """Texts as they are to embeddings (texts, width) of length 1, float32."""
    ids = torch.tensor([encoded.ids for encoded in tokenizer.encode_batch(list(texts))], device=model.device)
    parts = [
        family.text_embedding(model, ids[start : start + _BATCH]) for start in range(0, len(ids), _BATCH)
    ]
    return functional.normalize(torch.cat(parts).float(), dim=-1)
