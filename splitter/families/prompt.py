"""What a bundle says of prompts and answers, told from a checkpoint; and its tokenizer, as one file that
reads alike everywhere.
"""

from typing import Any

from tokenizers import Tokenizer
from transformers import PreTrainedModel

from protos import bundle_pb2 as pb
from protos.errors import CheckpointError
from protos.pictures.tiles import ONE_TILE
from protos.text.prompt import here_and_now, write_prompt
from splitter.families import Generative, Processor
from splitter.families.files.generation import decoding, is_token


def tokenizer_of(processor: Processor) -> Tokenizer:
    """A checkpoint's tokenizer without padding and truncation, which its file may carry and transformers does
    not obey. Raises CheckpointError where it needs more than its file.
    """
    slow: Any = processor.tokenizer
    if not hasattr(slow, "backend_tokenizer"):
        message = (
            f"the tokenizer {type(slow).__name__} needs sentencepiece, which a device does not have; "
            "put tokenizer.json beside it"
        )
        raise CheckpointError(message, tokenizer=type(slow).__name__)
    core: Tokenizer = Tokenizer.from_str(slow.backend_tokenizer.to_str())
    core.no_padding()
    core.no_truncation()
    return core


def prompt_of(
    family: Generative, model: PreTrainedModel, processor: Processor, tokenizer: Tokenizer
) -> pb.Prompt:
    """A bundle's prompt, for the tokenizer that the bundle holds. Raises CheckpointError."""
    stops = _stop_tokens(family, model, processor.tokenizer)
    prompt = pb.Prompt(
        template=family.prompt_template(model, processor),
        stop_tokens=stops,
        picture=family.picture_text(model, processor),
        decoding=decoding(family.speaker(model).generation_config, stops),
    )
    mark = family.image_token(model)
    if mark is not None:
        prompt.image_token = mark
        alone = write_prompt(prompt, "", ONE_TILE, here_and_now())
        prompt.image_tokens = tokenizer.encode(alone, add_special_tokens=False).ids.count(mark)
    return prompt


def _stop_tokens(family: Generative, model: PreTrainedModel, tokenizer: Any) -> tuple[int, ...]:
    stops = family.stop_tokens(model)
    if not stops and tokenizer.eos_token_id is not None:
        stops = (int(tokenizer.eos_token_id),)
    if not stops:
        raise CheckpointError(
            "nothing says which token ends an answer; write eos_token_id into generation_config.json"
        )
    if not all(map(is_token, stops)):
        raise CheckpointError(f"generation_config.json: eos_token_id is {stops}; it must be token ids")
    return stops
