"""What people's checkpoints say of prompts and answers: obeyed, or named, or refused, and never ignored."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cv2
import pytest
from transformers import GenerationConfig

from protos.errors import CheckpointError
from protos.pictures.tiles import ONE_TILE
from protos.text.prompt import write_prompt
from splitter.families.files.checkpoint import CONFIG, GENERATION
from splitter.families.loading import Checkpoint
from splitter.nano.scenes import picture
from splitter.recipe import Options
from splitter.silence import silence_libraries
from splitter.stages.request_gate import request_gate
from tests.splitter.families.checkpoints import internvl, llava_clip, qwen2vl, smolvlm
from tests.splitter.runs import loaded, run_of

TEMPLATE = (
    "{{% for message in messages %}}{}{{% for part in message['content'] %}}"
    "{{% if part['type'] == 'image' %}}<image> {{% else %}}{}{{% endif %}}{{% endfor %}}{{% endfor %}}"
    " ASSISTANT:"
)
TEXT = "{{ part['text'] }}"
NOW = datetime(2026, 3, 1, tzinfo=UTC)


class Gated:
    """A checkpoint through the gate: what was said of it, and the prompting that a bundle would have."""

    def __init__(self, folder: Path, **options: Any) -> None:
        photos = folder / "photos"
        photos.mkdir()
        for seed in range(8):
            cv2.imwrite(str(photos / f"{seed}.png"), picture(seed).image[: 90 + seed])
        self.said: list[str] = []
        checkpoint = folder / "checkpoint"
        asked = Options(checkpoint, calibration=photos, calibration_pictures=2, report_pictures=2, **options)
        run = run_of(asked, folder, self.said.append)
        with silence_libraries():
            self.reference, evaluation = loaded(run)
            request_gate(run, Checkpoint(checkpoint), self.reference, evaluation)
        self.prompting = self.reference.generative().prompting
        self.template = self.prompting.prompt.template


@pytest.fixture
def made(tmp_path: Path) -> Callable[..., Path]:
    """A checkpoint folder, with some of its files changed."""

    def make(maker: Callable[[Path], None] = llava_clip, **files: str) -> Path:
        folder = tmp_path / "checkpoint"
        maker(folder)
        for name, text in files.items():
            place = folder / name.replace("__", "/").replace("_json", ".json").replace("_jinja", ".jinja")
            place.parent.mkdir(exist_ok=True)
            place.write_text(text)
        return folder

    return make


def edited(path: Path, **changes: object) -> None:
    said = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps(said | changes))


@pytest.mark.parametrize("maker", [internvl, smolvlm, qwen2vl])
def test_the_processors_template_comes_before_the_tokenizers(
    maker: Callable[[Path], None], made: Callable[..., Path], tmp_path: Path
) -> None:
    folder = made(maker)
    template = (folder / "chat_template.jinja").read_text()
    (folder / "chat_template.jinja").unlink()
    edited(folder / "tokenizer_config.json", chat_template=template.replace("USER", "TOKENIZER"))
    (folder / "chat_template.json").write_text(
        json.dumps({"chat_template": template.replace("USER", "PROCESSOR")})
    )
    assert Gated(tmp_path).template.startswith("PROCESSOR: ")


def test_of_several_templates_the_default_is_taken(made: Callable[..., Path], tmp_path: Path) -> None:
    made(additional_chat_templates__rag_jinja=TEMPLATE.format("RAG: ", TEXT))
    assert Gated(tmp_path).template.startswith("USER: ")


def test_named_templates_of_a_tokenizer_are_read(made: Callable[..., Path], tmp_path: Path) -> None:
    folder = made(internvl)
    (folder / "chat_template.jinja").unlink()
    named = [{"name": name, "template": TEMPLATE.format(f"{name}: ", TEXT)} for name in ("rag", "default")]
    edited(folder / "tokenizer_config.json", chat_template=named)
    assert Gated(tmp_path).template.startswith("default: ")


def test_several_templates_without_a_default_are_refused(made: Callable[..., Path], tmp_path: Path) -> None:
    folder = made(internvl)
    (folder / "chat_template.jinja").unlink()
    named = [{"name": name, "template": TEMPLATE.format(f"{name}: ", TEXT)} for name in ("rag", "tools")]
    edited(folder / "tokenizer_config.json", chat_template=named)
    with pytest.raises(
        CheckpointError, match=r"several chat templates \(rag, tools\) and none is named default"
    ):
        Gated(tmp_path)


def test_a_date_is_that_of_the_request(made: Callable[..., Path], tmp_path: Path) -> None:
    made(chat_template_jinja=TEMPLATE.format("{{ strftime_now('%d %b %Y') }} ", TEXT))
    gated = Gated(tmp_path)
    assert gated.template.startswith("{date:%d %b %Y} <image>")
    assert write_prompt(gated.prompting.prompt, "why?", ONE_TILE, NOW).startswith("01 Mar 2026 <image>")


def test_a_literal_place_in_a_template_stays_what_it_is(made: Callable[..., Path], tmp_path: Path) -> None:
    made(chat_template_jinja=TEMPLATE.format("answer {question} in {braces}: ", TEXT))
    prompt = Gated(tmp_path).prompting.prompt
    written = write_prompt(prompt, "why?", ONE_TILE, NOW)
    assert written.startswith("answer {question} in {braces}: <image>")
    assert written.count("why?") == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{{ part['text'] }} {{ part['text'] }}", "writes the question 2 times"),
        (
            "{{ part['text'] | replace('a', 'o') }}",
            "would ask .* otherwise than the checkpoint's own processor",
        ),
        ("{{ raise_exception('no pictures') }}", r"fails on a picture and a question \(no pictures\)"),
    ],
)
def test_a_template_that_does_not_write_the_question_as_it_is_is_refused(
    text: str, said: str, made: Callable[..., Path], tmp_path: Path
) -> None:
    made(chat_template_jinja=TEMPLATE.format("", text))
    with pytest.raises(CheckpointError, match=said):
        Gated(tmp_path)


def test_a_template_that_trims_the_question_is_followed(made: Callable[..., Path], tmp_path: Path) -> None:
    made(chat_template_jinja=TEMPLATE.format("", "{{ part['text'] | trim }}"))
    gated = Gated(tmp_path)
    assert gated.prompting.ids(" why? ") == gated.prompting.ids("why?")


def test_padding_and_truncation_in_the_tokenizers_file_are_left_out(
    made: Callable[..., Path], tmp_path: Path
) -> None:
    folder = made()
    before = Gated(tmp_path).prompting.ids("what color is the circle")
    core = json.loads((folder / "tokenizer.json").read_text())
    core["padding"] = {
        "strategy": {"Fixed": 64},
        "direction": "Left",
        "pad_to_multiple_of": None,
        "pad_id": 0,
        "pad_type_id": 0,
        "pad_token": "<pad>",
    }
    core["truncation"] = {"direction": "Right", "max_length": 200, "strategy": "LongestFirst", "stride": 0}
    (folder / "tokenizer.json").write_text(json.dumps(core))
    (tmp_path / "photos").rename(tmp_path / "earlier")
    (tmp_path / "bundle.recipe.parts").rename(tmp_path / "earlier.parts")
    assert Gated(tmp_path).prompting.ids("what color is the circle") == before


@pytest.mark.parametrize("maker", [llava_clip, qwen2vl])
def test_the_rules_of_generation_are_obeyed(
    maker: Callable[[Path], None], made: Callable[..., Path], tmp_path: Path
) -> None:
    folder = made(maker)
    rules = {
        "repetition_penalty": 1.4,
        "no_repeat_ngram_size": 2,
        "suppress_tokens": [40],
        "begin_suppress_tokens": [9],
        "bad_words_ids": [[41]],
        "min_new_tokens": 6,
    }
    edited(folder / GENERATION, **rules)
    gated = Gated(tmp_path)
    decoding = gated.prompting.prompt.decoding
    assert round(decoding.repetition_penalty, 6) == 1.4
    assert list(decoding.suppressed_tokens) == [40, 41]
    assert (decoding.no_repeat_ngram_size, decoding.min_new_tokens) == (2, 6)
    assert list(decoding.first_suppressed_tokens) == [9]


def test_what_no_answer_follows_is_named(made: Callable[..., Path], tmp_path: Path) -> None:
    folder = made()
    edited(folder / GENERATION, num_beams=4, do_sample=True, temperature=0.6, bad_words_ids=[[5, 6]])
    said = Gated(tmp_path).said
    assert any(
        "num_beams 4, sampling (a request may ask for a temperature), 1 bad_words_ids of several tokens"
        in line
        for line in said
    )


@pytest.mark.parametrize(
    ("rule", "value"),
    [("repetition_penalty", -1.0), ("no_repeat_ngram_size", "two"), ("suppress_tokens", ["a"])],
)
def test_a_rule_that_means_nothing_is_refused(
    rule: str, value: object, made: Callable[..., Path], tmp_path: Path
) -> None:
    folder = made()
    edited(folder / GENERATION, **{rule: value})
    with pytest.raises(CheckpointError, match=rule):
        Gated(tmp_path)


def _without_ends(folder: Path) -> None:
    (folder / GENERATION).unlink()
    config = json.loads((folder / CONFIG).read_text())
    for part in (config, config["text_config"]):
        part["eos_token_id"] = None
    (folder / CONFIG).write_text(json.dumps(config))


def test_the_tokenizers_end_is_taken_where_the_model_names_none(
    made: Callable[..., Path], tmp_path: Path
) -> None:
    folder = made()
    _without_ends(folder)
    assert Gated(tmp_path).prompting.stop_tokens == (2,)


def test_an_answer_that_nothing_ends_is_refused(made: Callable[..., Path], tmp_path: Path) -> None:
    folder = made()
    _without_ends(folder)
    said = json.loads((folder / "tokenizer_config.json").read_text())
    said.pop("eos_token")
    (folder / "tokenizer_config.json").write_text(json.dumps(said))
    with pytest.raises(CheckpointError, match=r"write eos_token_id into generation_config\.json"):
        Gated(tmp_path)


def test_several_ends_are_all_ends(made: Callable[..., Path], tmp_path: Path) -> None:
    edited(made() / GENERATION, eos_token_id=[2, 9])
    assert Gated(tmp_path).prompting.stop_tokens == (2, 9)


def test_a_picture_that_leaves_no_room_for_a_question_is_refused(
    made: Callable[..., Path], tmp_path: Path
) -> None:
    folder = made()
    config = json.loads((folder / CONFIG).read_text())
    config["text_config"]["max_position_embeddings"] = 30
    (folder / CONFIG).write_text(json.dumps(config))
    with pytest.raises(CheckpointError, match="30 positions and a picture takes 18"):
        Gated(tmp_path)


def test_a_class_that_overrules_its_file_is_told(made: Callable[..., Path], tmp_path: Path) -> None:
    made(internvl)
    assert any(
        line.startswith("InternVLProcessor would set crop_to_patches whatever the checkpoint's file says")
        for line in Gated(tmp_path).said
    )


def test_the_verdict_says_what_was_compared(made: Callable[..., Path], tmp_path: Path) -> None:
    made()
    gated = Gated(tmp_path)
    assert gated.said[-1] == (
        "request: prompt, pixels, answers: all those of the checkpoint's own processor and generate"
    )
    assert isinstance(gated.reference.generative().model.generation_config, GenerationConfig)
