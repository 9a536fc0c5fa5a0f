"""Questions in a bundle's template, as tokens."""

import pytest
from PIL import Image
from tokenizers import Tokenizer

from protos.bundle import Bundle
from protos.errors import PromptError
from protos.text.prompt import PromptBuilder


@pytest.fixture
def tokenizer(bundle: Bundle) -> Tokenizer:
    return Tokenizer.from_file(str(bundle.file("cloud/tokenizer.json")))


def test_the_prompt_is_the_processors(bundle: Bundle, tokenizer: Tokenizer) -> None:
    from transformers import AutoProcessor

    processor = AutoProcessor.from_pretrained(bundle.folder("cloud"), local_files_only=True)
    content = [{"type": "image"}, {"type": "text", "text": "What color is the star?"}]
    text = processor.apply_chat_template([{"role": "user", "content": content}])
    expected = processor(text=text, images=[Image.new("RGB", (128, 128))])["input_ids"][0]
    prompts = PromptBuilder(tokenizer, bundle.manifest.prompt, bundle.manifest.limits)
    assert prompts.build("What color is the star?") == list(expected)


def test_a_prompt_that_does_not_fit_says_how_many_tokens_do(bundle: Bundle, tokenizer: Tokenizer) -> None:
    builder = PromptBuilder(tokenizer, bundle.manifest.prompt, bundle.manifest.limits, max_tokens=10)
    with pytest.raises(PromptError, match="at most 10 fit"):
        builder.build("what color is the star?")


def test_the_image_token_in_a_question_is_refused(bundle: Bundle, tokenizer: Tokenizer) -> None:
    image = tokenizer.id_to_token(bundle.manifest.prompt.image_token)
    builder = PromptBuilder(tokenizer, bundle.manifest.prompt, bundle.manifest.limits)
    with pytest.raises(PromptError, match=f"contains {image}, which stands for the picture"):
        builder.build(f"what is {image}?")
