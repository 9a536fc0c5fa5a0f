from pathlib import Path

import numpy as np
import pytest
import torch

from edge.models.head import Head
from edge.models.local_model import LocalModel, available
from edge.pictures.preprocess import Preprocessor
from protos.arrays import Floats
from protos.bundle import Bundle
from protos.errors import BundleDamaged, NoRoute, PromptError
from splitter.families.idefics3 import Idefics3
from splitter.families.loading import load_model
from tests.edge.pictures.picture_files import scene

QUESTION = "describe the image"


@pytest.fixture(scope="module")
def bundle(bundle_path: Path) -> Bundle:
    return Bundle.open(bundle_path)


@pytest.fixture(scope="module")
def local(bundle: Bundle) -> LocalModel:
    return LocalModel(bundle)


@pytest.fixture(scope="module")
def image_tokens(bundle: Bundle) -> Floats:
    preprocessor = Preprocessor(bundle.manifest.preprocessing)
    pixels = preprocessor.pixels(preprocessor.resize(scene(300, 400)))
    tokens: Floats = Head(bundle).run(pixels, "connector").boundary["image_tokens"][0]
    return tokens


def test_an_answer_is_the_most_likely_tokens_of_the_whole_model(
    bundle: Bundle, local: LocalModel, image_tokens: Floats
) -> None:
    ids = local.prompts.build(QUESTION)

    ours = list(local.generate(ids, local.embed(ids, image_tokens), 12))

    assert ours == _by_torch(bundle, ids, image_tokens, 12)


def test_the_pieces_of_an_answer_join_to_the_whole(local: LocalModel, image_tokens: Floats) -> None:
    pieces = list(local.answer(image_tokens, QUESTION))

    prompt = local.prompts.build(QUESTION)
    ids = list(local.generate(prompt, local.embed(prompt, image_tokens), 64))
    assert len(pieces) > 1
    assert "".join(pieces) == local._tokenizer.decode(ids, skip_special_tokens=True)


def test_the_bundles_rules_of_decoding_are_obeyed(
    bundle_path: Path, local: LocalModel, image_tokens: Floats
) -> None:
    prompt = local.prompts.build(QUESTION)
    first, *_ = local.generate(prompt, local.embed(prompt, image_tokens), 12)
    bundle = Bundle.open(bundle_path)
    bundle.manifest.prompt.decoding.suppressed_tokens.append(first)
    bundle.manifest.prompt.decoding.min_new_tokens = 9
    ruled = LocalModel(bundle)

    said = list(ruled.generate(prompt, ruled.embed(prompt, image_tokens), 12))

    assert first not in said
    assert len(said) >= 9


def test_an_answer_ends_at_the_limit(local: LocalModel, image_tokens: Floats) -> None:
    assert len(list(local.answer(image_tokens, QUESTION, max_tokens=2))) == 2


def test_the_cache_changes_nothing(local: LocalModel, image_tokens: Floats) -> None:
    embeds = local.embed(local.prompts.build(QUESTION), image_tokens)

    whole, _ = local.step(embeds)
    _, past = local.step(embeds[:, :-1])
    continued, _ = local.step(embeds[:, -1:], past)

    assert continued.argmax() == whole.argmax()


def test_an_empty_question_is_refused_at_the_call(local: LocalModel, image_tokens: Floats) -> None:
    with pytest.raises(PromptError, match="empty"):
        local.answer(image_tokens, "")


def test_a_question_with_the_models_image_mark_is_refused(local: LocalModel, image_tokens: Floats) -> None:
    with pytest.raises(PromptError, match="leave it out"):
        local.answer(image_tokens, "what is in <image> here?")


def test_a_prompt_of_too_many_tokens_is_refused(local: LocalModel, image_tokens: Floats) -> None:
    with pytest.raises(PromptError, match=r"tokens, at most .* ask a shorter question"):
        local.answer(image_tokens, "a " * 300)


def test_image_tokens_of_another_model_are_refused(local: LocalModel) -> None:
    with pytest.raises(BundleDamaged, match="16 x 192"):
        local.answer(np.zeros((9, 192), np.float32), QUESTION)


def test_a_bundle_without_a_local_part_says_how_to_get_one(bundle_path: Path) -> None:
    bundle = Bundle.open(bundle_path)
    bundle.manifest.ClearField("local")

    assert not available(bundle)
    with pytest.raises(NoRoute, match="--with-local"):
        LocalModel(bundle)


def _by_torch(bundle: Bundle, ids: list[int], image_tokens: Floats, most: int) -> list[int]:
    """Greedy decoding by the checkpoint itself, without a cache."""
    model = load_model(bundle.folder("cloud"))
    architecture = Idefics3()
    table, prompt = model.get_input_embeddings(), bundle.manifest.prompt
    embeds = table(torch.tensor([ids])).clone()
    embeds[0, torch.tensor(ids) == prompt.image_token] = torch.from_numpy(image_tokens)
    tokens: list[int] = []
    while len(tokens) < most:
        hidden = architecture.decoder(model)(inputs_embeds=embeds).last_hidden_state
        token = int(architecture.logits(model, hidden[:, -1]).argmax())
        if token in prompt.stop_tokens:
            break
        tokens.append(token)
        embeds = torch.cat([embeds, table(torch.tensor([[token]]))], dim=1)
    return tokens
