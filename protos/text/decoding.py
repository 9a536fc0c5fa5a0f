"""What a checkpoint's generation_config.json does to the logits of a step: the same on the device, in the
cloud and in the splitter.
"""

from collections.abc import Collection, Iterator, Sequence
from copy import deepcopy
from typing import Any, TypeVar, cast

from protos import bundle_pb2 as pb

Row = TypeVar("Row")  # a numpy array or a torch tensor


class LogitsProcessor:
    """The rules of one bundle, as transformers' processors of the same names apply them.

    Repetition penalty: Keskar et al. 2019, CTRL, section 4.1.
    """

    def __init__(self, rules: pb.Decoding, stop_tokens: Collection[int]) -> None:
        self._rules, self._stop_tokens = rules, list(stop_tokens)
        self.active = bool(rules.ListFields())  # else the logits stay as they are

    def process(self, logits: Row, prompt: Sequence[int], answer: Sequence[int]) -> Row:
        """The logits (vocabulary) of the next token, as new ones.

        `prompt`: what the decoder has read before the first token of the answer; `answer`: what it has
        written.
        """
        if not self.active:
            return logits
        processed: Any = deepcopy(logits)
        written = [*prompt, *answer]
        if self._rules.repetition_penalty:
            _penalise(processed, sorted(set(written)), self._rules.repetition_penalty)
        banned = sorted(set(self._banned(written, len(answer))))
        if banned:
            processed[banned] = float("-inf")
        return cast(Row, processed)

    def _banned(self, written: Sequence[int], answered: int) -> Iterator[int]:
        rules = self._rules
        yield from rules.suppressed_tokens
        if not answered:
            yield from rules.first_suppressed_tokens
        if answered < rules.min_new_tokens or len(written) < rules.min_tokens:
            yield from self._stop_tokens
        if rules.no_repeat_ngram_size:
            yield from _repeats(written, rules.no_repeat_ngram_size)


def _penalise(logits: Any, tokens: list[int], penalty: float) -> None:
    scores = logits[tokens]
    scores[scores < 0] *= penalty
    scores[scores > 0] /= penalty
    logits[tokens] = scores


def _repeats(written: Sequence[int], size: int) -> Iterator[int]:
    """The tokens that would end a run of `size` tokens that was written before."""
    last = list(written[len(written) - size + 1 :]) if size > 1 else []
    for start in range(len(written) - size + 1):
        if list(written[start : start + size - 1]) == last:
            yield written[start + size - 1]
