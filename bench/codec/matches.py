"""What a dual encoder finds: the best label of a picture, what is its own among all, and how far its
embedding moves.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from bench.codec.exam import Exam
from bench.codec.halves import Seen
from bench.codec.marks import Answers, Marks, Measure
from splitter.evaluate.matching import Agreement, ReferenceDualEncoder
from splitter.families.texts import embed_texts

LABEL, OWN, RANK, COSINE = "best label", "own caption", "retrieval", "cosine"


class Matches:
    """Percent of best labels that are the whole model's, of pictures nearest to a caption of their own,
    retrieval, mean cosine times 100.

    Retrieval: 100 times the mean reciprocal rank of a picture's own caption among all; without captions, of
    the whole model's embedding of the picture itself among those of all pictures. An answer is the best
    label's place and the embedding, of length 1.
    """

    def __init__(self, matcher: ReferenceDualEncoder, exam: Exam) -> None:
        self._agreement, count = Agreement(matcher), len(exam.pictures)
        self._owners = [index for index, _ in exam.captions]
        self._captions = (
            embed_texts(matcher.family, matcher.model, matcher.tokenizer, [text for _, text in exam.captions])
            if self._owners
            else None
        )
        names = (LABEL, *((OWN,) if self._owners else ()), RANK, COSINE)
        self.measures: Sequence[Measure] = [Measure(name, [1.0] * count) for name in names]

    def answer(self, seen: Seen) -> Answers:
        embeddings, best = self._agreement.outcome(seen.tokens)
        return list(zip(best.tolist(), embeddings.tolist(), strict=True))

    def marks(self, _seen: Seen, said: Answers, reference: Answers) -> Marks:
        ours, whole = (torch.tensor([embedding for _, embedding in those]) for those in (said, reference))
        marks = {
            LABEL: [float(one[0] == other[0]) for one, other in zip(said, reference, strict=True)],
            COSINE: (ours * whole).sum(1).tolist(),
        }
        if self._captions is None:
            return marks | {RANK: reciprocal_ranks(ours @ whole.T, list(range(len(ours))))}
        found = reciprocal_ranks(ours @ self._captions.T, self._owners)
        return marks | {RANK: found, OWN: [float(rank == 1) for rank in found]}


def reciprocal_ranks(likeness: Tensor, owners: Sequence[int]) -> list[float]:
    """Of each row of a likeness (pictures, candidates) 1 over the place, from 1, of the best candidate that
    is the picture's own.

    `owners`: the picture of each candidate. A tie goes to the picture; one without a candidate has 0.
    """
    own = torch.tensor(owners) == torch.arange(len(likeness))[:, None]
    best = likeness.masked_fill(~own, -torch.inf).amax(1, keepdim=True)
    ranks = 1 + ((likeness > best) & ~own).sum(1)
    return torch.where(own.any(1), 1 / ranks, 0.0).tolist()
