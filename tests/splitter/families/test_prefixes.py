"""A prompt whose beginning was read before is answered as if it were read as a whole, or its family says that
it cannot be.
"""

import json
import shutil
from pathlib import Path

import torch
from transformers import PreTrainedModel

from splitter.evaluate.verify import image_tokens
from splitter.families import DecoderBatch
from splitter.families.loading import load_model
from tests.splitter.families.made import Made
from tests.splitter.families.test_padded_cache import prompts

WHOLE = {"paligemma", "paligemma2", "blip", "blip-vqa", "blip2-t5"}  # read both ways, or beside the picture
WINDOWED = {"aya-vision", "gemma3"}  # a window that is shorter than two prompts


@torch.inference_mode()
def test_what_follows_a_prefix_is_answered_as_the_whole_prompt_is(made: Made, tmp_path: Path) -> None:
    name, model, family, asked = made.folder.parent.name, made.model, made.family, prompts(made)
    if name in WHOLE | WINDOWED:
        assert {family.prefix_length(model, prompt) for prompt in asked} == {0}
    if name in WHOLE:
        return
    if name in WINDOWED:
        model = with_a_wide_window(made.folder, tmp_path / "wide")
    tokens = image_tokens(family, model, made.pixels)
    first = family.rows(model, [asked[2], asked[0]], tokens)
    first.prefill()
    length = family.prefix_length(model, asked[0])
    prefixes = [first.prefix(row, length) for row in range(2)]
    kept = [[part.clone() for layer in prefix.states for part in layer] for prefix in prefixes]

    rows = [(3, 1), (0, 0), (1, 0)]  # a question, and the picture that it is asked of
    whole = family.rows(model, [asked[i] for i, _ in rows], tokens[[picture for _, picture in rows]])
    resumed = family.resumed(model, [asked[i] for i, _ in rows], [prefixes[picture] for _, picture in rows])

    assert len(asked[0]) > length >= asked[0].count(family.image_token(model) or -1) > 0
    alike(resumed.prefill(), whole.prefill())
    follow(resumed, whole, [[5, 6, 7], [8, 9, 10]])
    for batch in (resumed, whole):
        batch.keep([2, 0])
        batch.merge(read(family.rows(model, [asked[3]], tokens[:1])))
    follow(resumed, whole, [[5, 6, 7], [8, 9, 10]])
    for prefix, before in zip(prefixes, kept, strict=True):
        now = [part for layer in prefix.states for part in layer]
        assert all(map(torch.equal, now, before)), "answers write nothing into what others begin from"
        assert prefix.nbytes == sum(part.nbytes for part in before)


def with_a_wide_window(checkpoint: Path, folder: Path) -> PreTrainedModel:
    shutil.copytree(checkpoint, folder)
    config = json.loads((folder / "config.json").read_text())
    config["text_config"]["sliding_window"] = 400
    (folder / "config.json").write_text(json.dumps(config))
    return load_model(folder)


def read(batch: DecoderBatch) -> DecoderBatch:
    batch.prefill()
    return batch


def follow(resumed: DecoderBatch, whole: DecoderBatch, steps: list[list[int]]) -> None:
    for tokens in steps:
        alike(resumed.decode(tokens), whole.decode(tokens))


def alike(logits: torch.Tensor, expected: torch.Tensor) -> None:
    torch.testing.assert_close(logits, expected, atol=1e-4, rtol=0)
    assert torch.equal(logits.argmax(-1), expected.argmax(-1))
