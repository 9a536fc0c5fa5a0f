"""Captions under teacher forcing: how surprised the language model is by what people wrote of a picture."""

from collections.abc import Sequence

import torch
from torch import Tensor

from deploy.bench.codec.exam import Exam
from deploy.bench.codec.marks import Answers, Marks, Measure
from splitter.measuring.answers import Prompting, greedy
from splitter.measuring.subjects import GENERIC
from splitter.measuring.verify import Whole

NLL, SAME = "NLL", "same caption"
_QUESTION = GENERIC[0]  # a captioner never sees it
_BATCH = 128

_Spelt = tuple[int, list[int]]  # a picture's index, and the token ids of a caption of it


class Captions:
    """Negative log-likelihood of the reference captions, a token (their ends are tokens too), and captions that stay as they were."""

    def __init__(self, whole: Whole, exam: Exam) -> None:
        self._whole, self._pictures = whole, len(exam.pictures)
        spelt = [(index, _ids(whole.prompting, text)) for index, text in exam.captions]
        self._longest_first = sorted(spelt, key=lambda one: -len(one[1]))
        lengths = [0.0] * self._pictures
        for index, ids in spelt:
            lengths[index] += len(ids)
        self.measures = (Measure(NLL, lengths, 1.0), Measure(SAME, [1.0] * self._pictures))

    def answer(self, tokens: Tensor) -> Answers:
        whole, asked = self._whole, [(index, _QUESTION) for index in range(self._pictures)]
        return greedy(whole.family, whole.model, whole.prompting, tokens, asked)

    def marks(self, tokens: Tensor, said: Answers, reference: Answers) -> Marks:
        surprise = [0.0] * self._pictures
        for start in range(0, len(self._longest_first), _BATCH):
            batch = self._longest_first[start : start + _BATCH]
            for (index, _), surprised in zip(batch, surprises(self._whole, tokens, batch), strict=True):
                surprise[index] += surprised
        return {NLL: surprise, SAME: [float(one == other) for one, other in zip(said, reference, strict=True)]}


@torch.inference_mode()
def surprises(whole: Whole, tokens: Tensor, captions: Sequence[_Spelt]) -> list[float]:
    """The negative log-likelihood of each caption, the longest first, after the image tokens of its picture."""
    prompt = whole.prompting.ids(_QUESTION)
    rows = whole.family.rows(whole.model, [prompt] * len(captions), tokens[[index for index, _ in captions]])
    total, logits, heard = torch.zeros(len(captions), dtype=torch.float64), rows.prefill(), list[int]()
    for place in range(len(captions[0][1])):
        said = [ids[place] for _, ids in captions if len(ids) > place]
        if heard:
            rows.keep(range(len(said)))
            logits = rows.advance(heard[: len(said)])
        total[: len(said)] -= logits.log_softmax(-1)[range(len(said)), said].double()
        heard = said
    return total.tolist()


def _ids(prompting: Prompting, text: str) -> list[int]:
    """A caption's token ids, and the one that ends it."""
    return [*prompting.tokenizer([text], add_special_tokens=False)["input_ids"][0], prompting.stop_tokens[0]]
