"""Captions under teacher forcing: how surprised the language model is by what people wrote of a picture."""

from collections.abc import Sequence

import torch
from torch.nn.utils.rnn import pad_sequence

from bench.codec.exam import Exam
from bench.codec.halves import Seen
from bench.codec.marks import Answers, Marks, Measure
from protos.pictures.tiles import spans
from splitter.evaluate.answers import Prompting, greedy
from splitter.evaluate.subjects import GENERIC
from splitter.evaluate.verify import ReferenceModel, in_batches

NLL, SAME = "NLL", "same caption"
_QUESTION = GENERIC[0]  # a captioner never sees it
_BATCH = 128
_MAX_LOGITS = 1 << 26

_Spelt = tuple[int, list[int]]  # a picture's index, and the token ids of a caption of it


class Captions:
    """Negative log-likelihood of the reference captions, a token (their ends are tokens too), and captions
    that stay as they were.
    """

    def __init__(self, whole: ReferenceModel, exam: Exam) -> None:
        self._whole, self._pictures = whole, len(exam.pictures)
        spelt = [(index, _ids(whole.prompting, text)) for index, text in exam.captions]
        self._longest_first = sorted(spelt, key=lambda one: -len(one[1]))
        lengths = [0.0] * self._pictures
        for index, ids in spelt:
            lengths[index] += len(ids)
        longest, words = len(self._longest_first[0][1]), whole.model.config.get_text_config().vocab_size
        self._at_once = max(1, min(_BATCH, _MAX_LOGITS // (longest * words)))
        self.measures = (Measure(NLL, lengths, 1.0), Measure(SAME, [1.0] * self._pictures))

    def answer(self, seen: Seen) -> Answers:
        whole, asked = self._whole, [(index, _QUESTION) for index in range(self._pictures)]
        return greedy(whole.family, whole.model, whole.prompting, seen.tokens, asked, grids=seen.grids)

    def marks(self, seen: Seen, said: Answers, reference: Answers) -> Marks:
        surprise = [0.0] * self._pictures
        for part in in_batches(len(self._longest_first), self._at_once):
            batch = self._longest_first[part]
            for (index, _), surprised in zip(batch, surprises(self._whole, seen, batch), strict=True):
                surprise[index] += surprised
        return {
            NLL: surprise,
            SAME: [float(one == other) for one, other in zip(said, reference, strict=True)],
        }


@torch.inference_mode()
def surprises(whole: ReferenceModel, seen: Seen, captions: Sequence[_Spelt]) -> list[float]:
    """The negative log-likelihood of each caption after the image tokens of its picture."""
    prompts, tiles = (
        [whole.prompting.ids(_QUESTION, seen.grids[index]) for index, _ in captions],
        spans(seen.grids),
    )
    rows = whole.family.rows(
        whole.model, prompts, torch.cat([seen.tokens[tiles[index]] for index, _ in captions])
    )
    said = pad_sequence([torch.tensor(ids) for _, ids in captions], batch_first=True)
    lengths = torch.tensor([len(ids) for _, ids in captions])
    likelihoods = rows.teacher_force(said).log_softmax(-1).gather(-1, said[..., None])[..., 0].double()
    return (-likelihoods * (torch.arange(said.shape[1]) < lengths[:, None])).sum(1).tolist()


def _ids(prompting: Prompting, text: str) -> list[int]:
    """A caption's token ids, and the one that ends it."""
    return [*prompting.tokenizer([text], add_special_tokens=False)["input_ids"][0], prompting.stop_tokens[0]]
