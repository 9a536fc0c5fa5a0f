"""Captions under teacher forcing: the likelihood of what people wrote of a picture."""

from collections.abc import Sequence

import torch
from torch.nn.utils.rnn import pad_sequence

from bench.codec.candidates.tensors import ImageTokens
from bench.codec.evaluation.evaluation_set import EvaluationSet
from bench.codec.evaluation.metrics import Answers, Metric, Terms
from protos.pictures.tiles import spans
from splitter.evaluate.answers import Prompting, greedy
from splitter.evaluate.subjects import GENERIC
from splitter.evaluate.teacher_forcing import teacher_forced
from splitter.evaluate.verify import ReferenceModel, in_batches

NLL, SAME = "NLL", "same caption"
_QUESTION = GENERIC[0]  # a captioner never sees it
_MAX_BATCH = 128
_MAX_LOGITS = 1 << 26

_TokenizedCaption = tuple[int, list[int]]  # a picture's index, and the token ids of a caption of it


class CaptionEvaluator:
    """Negative log-likelihood of the reference captions, a token (their ends are tokens too), and captions
    that are the same as the whole model's.
    """

    def __init__(self, reference_model: ReferenceModel, evaluation_set: EvaluationSet) -> None:
        self._reference_model, self._count = reference_model, len(evaluation_set.pictures)
        captions = [(index, _ids(reference_model.prompting, text)) for index, text in evaluation_set.captions]
        self._longest_first = sorted(captions, key=lambda one: -len(one[1]))
        lengths = [0.0] * self._count
        for index, ids in captions:
            lengths[index] += len(ids)
        vocabulary = reference_model.model.config.get_text_config().vocab_size
        self._batch_size = max(
            1, min(_MAX_BATCH, _MAX_LOGITS // (len(self._longest_first[0][1]) * vocabulary))
        )
        self.metrics = (Metric(NLL, lengths, 1.0), Metric(SAME, [1.0] * self._count))

    def answer(self, tokens: ImageTokens) -> Answers:
        whole, asked = self._reference_model, [(index, _QUESTION) for index in range(self._count)]
        return greedy(whole.family, whole.model, whole.prompting, tokens.tokens, asked, grids=tokens.grids)

    def terms(self, tokens: ImageTokens, answers: Answers, reference: Answers) -> Terms:
        sums = [0.0] * self._count
        for part in in_batches(len(self._longest_first), self._batch_size):
            batch = self._longest_first[part]
            likelihoods = negative_log_likelihoods(self._reference_model, tokens, batch)
            for (index, _), likelihood in zip(batch, likelihoods, strict=True):
                sums[index] += likelihood
        return {
            NLL: sums,
            SAME: [float(one == other) for one, other in zip(answers, reference, strict=True)],
        }


@torch.inference_mode()
def negative_log_likelihoods(
    whole: ReferenceModel, tokens: ImageTokens, captions: Sequence[_TokenizedCaption]
) -> list[float]:
    """The negative log-likelihood of each caption after the image tokens of its picture."""
    tiles = spans(tokens.grids)
    prompts = [whole.prompting.ids(_QUESTION, tokens.grids[index]) for index, _ in captions]
    images = torch.cat([tokens.tokens[tiles[index]] for index, _ in captions])
    labels = pad_sequence([torch.tensor(ids) for _, ids in captions], batch_first=True)
    lengths = torch.tensor([len(ids) for _, ids in captions])
    log_probabilities = teacher_forced(whole, prompts, images, [ids for _, ids in captions]).log_softmax(-1)
    likelihoods = log_probabilities.gather(-1, labels[..., None])[..., 0].double()
    return (-likelihoods * (torch.arange(labels.shape[1]) < lengths[:, None])).sum(1).tolist()


def _ids(prompting: Prompting, text: str) -> list[int]:
    """A caption's token ids, and the one that ends it."""
    return [*prompting.tokens(text), prompting.stop_tokens[0]]
