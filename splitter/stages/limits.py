"""How much a bundle takes of a request: questions, prompts, answers, pictures."""

from transformers import PretrainedConfig

from protos import bundle_pb2 as pb
from protos.errors import CheckpointError

LIMITS = pb.Limits(
    max_question_bytes=2000,
    max_prompt_tokens=1024,
    max_new_tokens=64,
    max_picture_bytes=4 << 20,
    max_picture_pixels=40_000_000,
)
_QUESTION_TOKENS = 512  # room for a question behind a picture of many tokens
_FEW_TOKENS = 8  # the least room for a question, and for an answer


def token_limits(config: PretrainedConfig, picture: int = 0) -> pb.Limits:
    """How long prompt and answer may be, where a prompt takes so many tokens without a question.

    Where a language model's positions end, both must fit in front of that. Raises CheckpointError where a
    picture leaves no room for a question and an answer.
    """
    prompt, answer = max(LIMITS.max_prompt_tokens, picture + _QUESTION_TOKENS), LIMITS.max_new_tokens
    positions = getattr(config.get_text_config(), "max_position_embeddings", None)
    if positions:
        left = positions - picture
        if left < 2 * _FEW_TOKENS:
            message = (
                f"the language model has {positions} positions and a picture takes {picture}, which leaves "
                "no room for a question and an answer; mend max_position_embeddings, or give a processor "
                "that makes smaller pictures"
            )
            raise CheckpointError(message, positions=positions, picture=picture)
        answer = min(answer, left // 2)
        prompt = min(prompt, positions - answer)
    return pb.Limits(max_prompt_tokens=prompt, max_new_tokens=answer)
