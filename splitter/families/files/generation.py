"""What generation_config.json asks for: the rules that a step of decoding obeys, and those that nothing here
does.
"""

from collections.abc import Iterator
from typing import Any

from transformers import GenerationConfig

from protos import bundle_pb2 as pb
from protos.errors import CheckpointError

_MAX_TOKEN = 1 << 31
# What changes a greedy answer and is not obeyed, and the value at which it changes nothing.
_NOT_OBEYED: dict[str, Any] = {
    "num_beams": 1,
    "num_beam_groups": 1,
    "penalty_alpha": 0.0,
    "guidance_scale": 1.0,
    "encoder_repetition_penalty": 1.0,
    "encoder_no_repeat_ngram_size": 0,
    "exponential_decay_length_penalty": None,
    "sequence_bias": None,
    "forced_bos_token_id": None,
    "forced_eos_token_id": None,
    "stop_strings": None,
    "watermarking_config": None,
    "dola_layers": None,
    "constraints": None,
    "force_words_ids": None,
    "token_healing": False,
}


def decoding(config: GenerationConfig, stop_tokens: tuple[int, ...]) -> pb.Decoding:
    """The rules for each step. Raises CheckpointError for values that mean nothing."""
    rules = pb.Decoding(
        repetition_penalty=_penalty(config),
        no_repeat_ngram_size=_count(config, "no_repeat_ngram_size"),
        min_new_tokens=_count(config, "min_new_tokens"),
        min_tokens=_count(config, "min_length"),
    )
    rules.suppressed_tokens.extend(
        sorted({*_tokens(config, "suppress_tokens"), *_bad_words(config, stop_tokens)})
    )
    rules.first_suppressed_tokens.extend(_tokens(config, "begin_suppress_tokens"))
    return rules


def not_obeyed(config: GenerationConfig) -> list[str]:
    """What a configuration asks for that no answer here is given by, in words."""
    asked = [
        f"{name} {getattr(config, name)}"
        for name, plain in _NOT_OBEYED.items()
        if getattr(config, name, None) not in (None, plain)
    ]
    if config.do_sample:
        asked.append("sampling (a request may ask for a temperature)")
    long = [words for words in config.bad_words_ids or () if len(words) > 1]
    return asked + ([f"{len(long)} bad_words_ids of several tokens"] if long else [])


def obeyed(config: GenerationConfig) -> GenerationConfig:
    """The same configuration without what is not obeyed."""
    kept = {name: value for name, value in config.to_dict().items() if name not in _NOT_OBEYED}
    kept["bad_words_ids"] = [words for words in config.bad_words_ids or () if len(words) == 1] or None
    return GenerationConfig(**kept | {"do_sample": False})


def plain(config: GenerationConfig) -> GenerationConfig:
    """Of a configuration the special tokens alone: the most likely token at each step."""
    special = {name: value for name, value in config.to_dict().items() if name.endswith("_token_id")}
    return GenerationConfig(
        **{name: value for name, value in special.items() if not name.startswith("forced_")}
    )


def is_token(value: object) -> bool:
    """Whether a value of a file can be a token's id."""
    return isinstance(value, int) and 0 <= value < _MAX_TOKEN


def _penalty(config: GenerationConfig) -> float:
    value = config.repetition_penalty
    if value is None or value == 1:
        return 0.0
    if not isinstance(value, int | float) or not value > 0:
        raise _meaningless("repetition_penalty", value, "a positive number")
    return float(value)


def _count(config: GenerationConfig, name: str) -> int:
    value = getattr(config, name) or 0
    if not isinstance(value, int) or value < 0:
        raise _meaningless(name, value, "a whole number from 0")
    return value


def _tokens(config: GenerationConfig, name: str) -> list[int]:
    value = getattr(config, name) or []
    if not isinstance(value, list) or not all(is_token(token) for token in value):
        raise _meaningless(name, value, "a list of token ids")
    return value


def _bad_words(config: GenerationConfig, stop_tokens: tuple[int, ...]) -> Iterator[int]:
    """Those of one token; transformers leaves out the ones that stop."""
    for words in config.bad_words_ids or ():
        if len(words) == 1 and words[0] not in stop_tokens:
            yield words[0]


def _meaningless(name: str, value: object, wanted: str) -> CheckpointError:
    return CheckpointError(f"generation_config.json: {name} is {value!r}; it must be {wanted}", option=name)
