"""The rules of decoding against those of transformers, on numpy arrays and on tensors."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import GenerationConfig, LogitsProcessorList
from transformers.generation.logits_process import (
    MinLengthLogitsProcessor,
    MinNewTokensLengthLogitsProcessor,
    NoRepeatNGramLogitsProcessor,
    RepetitionPenaltyLogitsProcessor,
    SuppressTokensAtBeginLogitsProcessor,
    SuppressTokensLogitsProcessor,
)

from protos import bundle_pb2 as pb
from protos.text.decoding import LogitsProcessor
from splitter.families.files.generation import decoding

VOCABULARY, STOP = 8, 2
TOKENS = st.lists(st.integers(0, VOCABULARY - 1), min_size=1, max_size=12)


@given(
    prompt=TOKENS,
    answer=TOKENS | st.just([]),
    penalty=st.sampled_from([0.0, 1.3, 0.7]),
    ngram=st.integers(0, 3),
    suppressed=st.sets(st.integers(3, VOCABULARY - 1), max_size=2),
    least=st.integers(0, 4),
    seed=st.integers(0, 99),
)
def test_the_logits_are_those_of_transformers(
    prompt: list[int],
    answer: list[int],
    penalty: float,
    ngram: int,
    suppressed: set[int],
    least: int,
    seed: int,
) -> None:
    logits = torch.randn(VOCABULARY, generator=torch.Generator().manual_seed(seed))
    rules = pb.Decoding(
        repetition_penalty=penalty,
        no_repeat_ngram_size=ngram,
        suppressed_tokens=suppressed,
        first_suppressed_tokens=[7],
        min_new_tokens=least,
        min_tokens=9,
    )
    theirs = LogitsProcessorList(
        [
            *([RepetitionPenaltyLogitsProcessor(penalty)] if penalty else []),
            *([NoRepeatNGramLogitsProcessor(ngram)] if ngram else []),
            SuppressTokensLogitsProcessor(sorted(suppressed)),
            SuppressTokensAtBeginLogitsProcessor([7], len(prompt)),
            MinNewTokensLengthLogitsProcessor(len(prompt), least, STOP),
            MinLengthLogitsProcessor(9, STOP),
        ]
    )
    [expected] = theirs(torch.tensor([[*prompt, *answer]]), logits[None].clone())
    processor = LogitsProcessor(rules, [STOP])
    before = logits.clone()
    torch.testing.assert_close(processor.process(logits, prompt, answer), expected)
    np.testing.assert_allclose(processor.process(logits.numpy(), prompt, answer), expected, rtol=1e-6)
    assert torch.equal(logits, before), "the caller's logits stay as they are"


def test_without_rules_the_logits_are_not_even_copied() -> None:
    logits = np.ones(VOCABULARY, np.float32)
    processor = LogitsProcessor(decoding(GenerationConfig(), (STOP,)), [STOP])
    assert not processor.active
    assert processor.process(logits, [1], [1]) is logits
