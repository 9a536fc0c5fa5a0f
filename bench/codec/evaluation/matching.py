"""What a dual encoder finds: the best label of a picture, the rank of its own caption among all, and how far
its embedding moves.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from bench.codec.candidates.tensors import ImageTokens
from bench.codec.evaluation.evaluation_set import EvaluationSet
from bench.codec.evaluation.metrics import Answers, Metric, Terms
from splitter.evaluate.matching import ReferenceDualEncoder, best_labels
from splitter.families.texts import embed_texts

LABEL, OWN, RANK, COSINE = "best label", "own caption", "retrieval", "cosine"


class MatchingEvaluator:
    """Percent of best labels that are the whole model's, of pictures nearest to a caption of their own,
    retrieval, mean cosine times 100.

    Retrieval: 100 times the mean reciprocal rank of a picture's own caption among all; without captions, of
    the whole model's embedding of the picture itself among those of all pictures. An answer is the best
    label's index and the embedding, of length 1.
    """

    def __init__(self, dual_encoder: ReferenceDualEncoder, evaluation_set: EvaluationSet) -> None:
        self._dual_encoder, count = dual_encoder, len(evaluation_set.pictures)
        self._owners = [index for index, _ in evaluation_set.captions]
        self._captions = (
            embed_texts(
                dual_encoder.family,
                dual_encoder.model,
                dual_encoder.tokenizer,
                [text for _, text in evaluation_set.captions],
            )
            if self._owners
            else None
        )
        names = (LABEL, *((OWN,) if self._owners else ()), RANK, COSINE)
        self.metrics: Sequence[Metric] = [Metric(name, [1.0] * count) for name in names]

    def answer(self, tokens: ImageTokens) -> Answers:
        embeddings, best = best_labels(self._dual_encoder, tokens.tokens)
        return list(zip(best.tolist(), embeddings.tolist(), strict=True))

    def terms(self, _tokens: ImageTokens, answers: Answers, reference: Answers) -> Terms:
        ours, whole = (torch.tensor([embedding for _, embedding in those]) for those in (answers, reference))
        terms = {
            LABEL: [float(one[0] == other[0]) for one, other in zip(answers, reference, strict=True)],
            COSINE: (ours * whole).sum(1).tolist(),
        }
        if self._captions is None:
            return terms | {RANK: reciprocal_ranks(ours @ whole.T, list(range(len(ours))))}
        found = reciprocal_ranks(ours @ self._captions.T, self._owners)
        return terms | {RANK: found, OWN: [float(rank == 1) for rank in found]}


def reciprocal_ranks(similarities: Tensor, owners: Sequence[int]) -> list[float]:
    """Of each row of similarities (pictures, candidates) 1 over the rank of the picture's own best candidate.

    `owners`: the picture of each candidate. A tie goes to the picture; one without a candidate has 0.
    """
    own = torch.tensor(owners) == torch.arange(len(similarities))[:, None]
    best = similarities.masked_fill(~own, -torch.inf).amax(1, keepdim=True)
    ranks = 1 + ((similarities > best) & ~own).sum(1)
    return torch.where(own.any(1), 1 / ranks, 0.0).tolist()
