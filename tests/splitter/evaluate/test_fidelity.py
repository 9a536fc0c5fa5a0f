"""Fidelity of the built-in model's own answers, against transformers' own model and a tail that speaks."""

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from protos import bundle_pb2 as pb
from splitter.evaluate.answers import Prompting, greedy
from splitter.evaluate.fidelity import Fidelity
from splitter.evaluate.measures import AnswerFidelity
from splitter.evaluate.verify import ReferenceModel, image_tokens, spoken
from splitter.families import family, generative
from splitter.families.loading import load_model, load_processor
from splitter.families.prompt import prompt_of, tokenizer_of
from splitter.nano import WEIGHTS
from splitter.nano.scenes import HELD_OUT_SEEDS, picture

QUESTIONS = [
    (index, text) for index in range(3) for text in ("describe the image.", "how many objects are there?")
]


@pytest.fixture(scope="module")
def reference() -> ReferenceModel:
    model, processor = load_model(WEIGHTS), load_processor(WEIGHTS)
    kind = generative(family("idefics3"))
    tokenizer = tokenizer_of(processor)
    return ReferenceModel(kind, model, Prompting(prompt_of(kind, model, processor, tokenizer), tokenizer))


@pytest.fixture(scope="module")
def pixels(reference: ReferenceModel) -> Tensor:
    pictures = [picture(HELD_OUT_SEEDS + index).image for index in range(3)]
    return reference.family.pixels(load_processor(WEIGHTS), pictures)


@pytest.fixture(scope="module")
def tokens(reference: ReferenceModel, pixels: Tensor) -> Tensor:
    return image_tokens(reference.family, reference.model, pixels)


def disturbed(tokens: Tensor, by: float) -> Tensor:
    return tokens + by * tokens.std() * torch.randn(tokens.shape, generator=torch.Generator().manual_seed(0))


def test_the_whole_model_is_wholly_faithful_to_itself(reference: ReferenceModel, tokens: Tensor) -> None:
    measure = Fidelity(reference, QUESTIONS, lambda: tokens)
    score = measure.of_whole()
    assert score.accuracy == pytest.approx(100, abs=1e-3)
    assert score.identical == 100
    assert measure.count == len(QUESTIONS)


@torch.inference_mode()
def test_it_is_the_mean_divergence_along_the_whole_models_answers(
    reference: ReferenceModel, pixels: Tensor, tokens: Tensor
) -> None:
    arm = disturbed(tokens, 1.0)
    measure = Fidelity(reference, QUESTIONS, lambda: tokens)
    divergences = list[Tensor]()
    for one in measure.answered:
        ids = torch.tensor([[*one.prompt, *one.forced]])
        inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
        along = slice(len(one.prompt) - 1, -1)
        whole = reference.model(**inputs, pixel_values=pixels[one.picture][None, None]).logits[0, along]
        other = spoken(reference, one.prompt, arm[one.picture][None], one.forced)
        p, q = whole.log_softmax(-1), other.log_softmax(-1)
        divergences.append((p.exp() * (p - q)).sum(-1))
        assert one.forced[-1] in reference.prompting.stop_tokens, "the end is a token too"
    expected = 100 * math.exp(-float(torch.cat(divergences).mean()))
    assert measure.of(arm).accuracy == pytest.approx(expected, abs=0.01)
    assert expected < 99.9


def test_the_worse_the_image_tokens_the_less_faithful(reference: ReferenceModel, tokens: Tensor) -> None:
    measure = Fidelity(reference, QUESTIONS, lambda: tokens)
    found = [measure.of(disturbed(tokens, by)) for by in (0.1, 0.8, 2.0)]
    assert [score.accuracy for score in found] == sorted((s.accuracy for s in found), reverse=True)
    assert all(score.low <= score.accuracy <= score.high for score in found)


@pytest.mark.parametrize("rules", [pb.Decoding(), pb.Decoding(repetition_penalty=3.0, min_new_tokens=4)])
def test_identical_are_the_answers_that_the_arm_would_write_itself(
    reference: ReferenceModel, tokens: Tensor, rules: pb.Decoding
) -> None:
    prompt = pb.Prompt()
    prompt.CopyFrom(reference.prompting.prompt)
    prompt.decoding.CopyFrom(rules)
    ruled = replace(reference, prompting=Prompting(prompt, reference.prompting.tokenizer))
    whole, arm = (
        greedy(ruled.family, ruled.model, ruled.prompting, seen, QUESTIONS)
        for seen in (tokens, disturbed(tokens, 0.8))
    )
    same = [one == other for one, other in zip(whole, arm, strict=True)]
    assert len(set(same)) == 2, "some of each"
    score = Fidelity(ruled, QUESTIONS, lambda: tokens).of(disturbed(tokens, 0.8))
    assert score.identical == pytest.approx(100 * sum(same) / len(same))


def test_what_does_not_fit_into_memory_is_computed_again(
    reference: ReferenceModel, tokens: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = Fidelity(reference, QUESTIONS, lambda: tokens).of(disturbed(tokens, 0.2))
    monkeypatch.setattr("splitter.evaluate.fidelity._MAX_KEPT", 0)
    monkeypatch.setattr("splitter.evaluate.fidelity._MAX_ROWS", 2)
    assert Fidelity(reference, QUESTIONS, lambda: tokens).of(
        disturbed(tokens, 0.2)
    ).accuracy == pytest.approx(kept.accuracy, abs=1e-3)


def test_a_captioner_is_asked_once_about_a_picture(reference: ReferenceModel, tokens: Tensor) -> None:
    prompt = pb.Prompt()
    prompt.CopyFrom(reference.prompting.prompt)
    prompt.template = prompt.template.replace("{question}", "describe the image.")
    captioner = replace(reference, prompting=Prompting(prompt, reference.prompting.tokenizer))
    measure = Fidelity(captioner, QUESTIONS, lambda: tokens)
    assert (measure.count, [one.picture for one in measure.answered]) == (3, [0, 1, 2])


def test_a_model_of_other_words_loses_what_the_answers_surprise_it_more(
    reference: ReferenceModel, tokens: Tensor
) -> None:
    measure = AnswerFidelity(reference, QUESTIONS, lambda: tokens)
    own = dict(zip(((r.picture, r.question) for r in measure.answered), measure.surprisals(), strict=True))
    said = {(r.picture, r.question): reference.prompting.decode(r.spoken) for r in measure.answered}
    count = sum(len(r.forced) for r in measure.answered)

    class Other:
        """Says the same, and is surprised by it so many nats more."""

        def __init__(self, more: float) -> None:
            self._more = more

        def answer(self, picture: int, question: str) -> tuple[str, float]:
            return said[picture, question], 0.5

        def surprisal(self, picture: int, question: str, text: str, *, ended: bool) -> float:
            assert text == said[picture, question]
            assert ended
            return own[picture, question] + self._more

    for more, expected in ((0.0, 100.0), (-1.0, 100.0), (1.0, 100 * math.exp(-len(QUESTIONS) / count))):
        outcomes, confidence = measure.each_of_model(Other(more))
        score = measure.scored(outcomes)
        assert score.accuracy == pytest.approx(expected)
        assert score.identical == 100
        assert confidence == [0.5] * measure.count
