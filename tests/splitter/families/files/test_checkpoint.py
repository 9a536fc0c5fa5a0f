"""Checkpoints that are broken are refused before anything is loaded, with the file and what to do."""

import contextlib
import json
import shutil
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file

from protos.errors import CheckpointError
from splitter.evaluate.verify import image_tokens
from splitter.families import generative
from splitter.families.files.checkpoint import (
    CONFIG,
    GENERATION,
    INDEX,
    WEIGHTS,
    read_config,
    read_header,
    read_tensors,
)
from splitter.families.loading import Checkpoint, load_model, load_processor
from splitter.families.prompt import prompt_of, tokenizer_of
from splitter.silence import silence_libraries
from tests.splitter.families.checkpoints import llava_clip, smolvlm


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    llava_clip(folder)
    return folder


@pytest.fixture
def folder(whole: Path, tmp_path: Path) -> Path:
    """A copy in three shards, as large checkpoints come."""
    place = Path(shutil.copytree(whole, tmp_path / "checkpoint"))
    tensors = sorted(load_file(place / WEIGHTS).items())
    (place / WEIGHTS).unlink()
    places: dict[str, str] = {}
    for number in range(3):
        shard = dict(tensors[number::3])
        save_file(shard, place / f"model-{number + 1:05d}-of-00003.safetensors", metadata={"format": "pt"})
        places |= dict.fromkeys(shard, f"model-{number + 1:05d}-of-00003.safetensors")
    (place / INDEX).write_text(json.dumps({"metadata": {}, "weight_map": places}))
    return place


def edited(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    value = json.loads(path.read_text())
    change(value)
    path.write_text(json.dumps(value))


def test_shards_hold_what_one_file_holds(whole: Path, folder: Path) -> None:
    one, several = read_tensors(whole), read_tensors(folder)
    assert one.keys() == several.keys()
    assert all(one[name].shape == several[name].shape for name in one)
    assert {tensor.file.name for tensor in several.values()} == {
        f"model-0000{n}-of-00003.safetensors" for n in (1, 2, 3)
    }


def test_a_missing_shard_is_named(folder: Path) -> None:
    (folder / "model-00002-of-00003.safetensors").unlink()
    with pytest.raises(CheckpointError, match=r"lacks model-00002-of-00003\.safetensors, of 3 files"):
        Checkpoint(folder)


def test_a_truncated_file_is_named_with_both_sizes(folder: Path) -> None:
    shard = folder / "model-00003-of-00003.safetensors"
    size = shard.stat().st_size
    with shard.open("r+b") as stream:
        stream.truncate(size - 1000)
    with pytest.raises(
        CheckpointError,
        match=rf"model-00003-of-00003\.safetensors has {size - 1000:,} bytes, its header says {size:,}",
    ):
        Checkpoint(folder)


def test_tensors_that_the_index_promises_and_no_file_holds_are_named(folder: Path) -> None:
    edited(
        folder / INDEX,
        lambda index: index["weight_map"].update({"extra.weight": "model-00001-of-00003.safetensors"}),
    )
    with pytest.raises(CheckpointError, match=r"promises tensors that no file holds: extra\.weight"):
        read_tensors(folder)


@pytest.mark.parametrize("places", [{"a": "../other.safetensors"}, {"a": 3}, ["a"], None])
def test_an_index_that_leaves_its_folder_or_is_none_is_refused(folder: Path, places: object) -> None:
    (folder / INDEX).write_text(json.dumps({"weight_map": places}))
    with pytest.raises(CheckpointError, match="does not say which file of the folder holds what"):
        read_tensors(folder)


@pytest.mark.parametrize("shards", [1, 2])
def test_a_pickle_is_refused_with_a_command_that_converts_it(
    shards: int, whole: Path, tmp_path: Path
) -> None:
    place = Path(shutil.copytree(whole, tmp_path / "checkpoint"))
    tensors = load_file(place / WEIGHTS)
    (place / WEIGHTS).unlink()
    names = sorted(tensors)
    for shard in range(shards):
        part = {name: tensors[name] for name in names[shard::shards]}
        name = "pytorch_model.bin" if shards == 1 else f"pytorch_model-{shard + 1:05d}-of-00002.bin"
        torch.save(part, place / name)
    torch.save({"lr": 1}, place / "training_args.bin")
    with pytest.raises(
        CheckpointError, match=r"only as a pickle .*pytorch_model.*, which is never read"
    ) as refused:
        Checkpoint(place)
    command = str(refused.value).partition("runs no code of the pickle: ")[2]
    subprocess.run(command.replace("python", sys.executable, 1), shell=True, check=True)
    restored = load_file(place / WEIGHTS)
    assert restored.keys() == tensors.keys()
    assert all(torch.equal(restored[name], tensors[name]) for name in names)
    assert json.loads((place / CONFIG).read_text()) == json.loads((whole / CONFIG).read_text())
    Checkpoint(place).check_weights()


def test_an_adapter_is_refused_with_how_to_merge_it(whole: Path, tmp_path: Path) -> None:
    place = Path(shutil.copytree(whole, tmp_path / "checkpoint"))
    (place / "adapter_config.json").write_text('{"peft_type": "LORA"}')
    with pytest.raises(CheckpointError, match=r"holds an adapter .*merge_and_unload"):
        Checkpoint(place)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")  # peft's
def test_the_command_that_merges_an_adapter_gives_the_whole_model(whole: Path, tmp_path: Path) -> None:
    lora = LoraConfig(target_modules=["q_proj"], init_lora_weights=False)
    adapted = get_peft_model(load_model(whole), lora)
    adapted.peft_config["default"].base_model_name_or_path = str(whole)
    adapted.save_pretrained(str(tmp_path / "adapter"))
    with pytest.raises(CheckpointError, match=r"holds an adapter") as refused:
        Checkpoint(tmp_path / "adapter")
    command = str(refused.value).partition("after merging it: ")[2]
    subprocess.run(command.replace("python", sys.executable, 1), shell=True, check=True)
    merged, wanted = load_model(tmp_path / "adapter-merged"), adapted.merge_and_unload().state_dict()
    assert merged.state_dict().keys() == wanted.keys()
    torch.testing.assert_close(dict(merged.state_dict()), dict(wanted))


def test_weights_in_whole_numbers_are_quantised_whatever_the_configuration_says(
    whole: Path, tmp_path: Path
) -> None:
    place = Path(shutil.copytree(whole, tmp_path / "checkpoint"))
    tensors = load_file(place / WEIGHTS)
    name = "multi_modal_projector.linear_1.weight"
    [key] = [stored for stored in tensors if stored.endswith(name)]
    tensors[key] = tensors[key].to(torch.int8)
    save_file(tensors, place / WEIGHTS, metadata={"format": "pt"})
    with (
        silence_libraries(),
        pytest.raises(CheckpointError, match=rf"quantised already \(.*{name} are whole"),
    ):
        Checkpoint(place).check_weights()


def test_a_layout_that_is_not_transformers_is_refused_before_anything_is_loaded(tmp_path: Path) -> None:
    """A configuration of few words describes a model of 7 billion numbers."""
    (tmp_path / CONFIG).write_text('{"model_type": "llava", "mm_projector_type": "mlp2x_gelu"}')
    (tmp_path / "preprocessor_config.json").write_text('{"image_processor_type": "CLIPImageProcessor"}')
    save_file({"model.mm_projector.0.weight": torch.ones(4, 4)}, tmp_path / WEIGHTS)
    tracemalloc.start()
    with (
        silence_libraries(),
        pytest.raises(CheckpointError, match=r"its own names, like model\.mm_projector\.0\.weight.*NAME-hf"),
    ):
        load_model(tmp_path)
    assert tracemalloc.get_traced_memory()[1] < 1 << 30
    tracemalloc.stop()


@pytest.mark.parametrize("where", ["vision_config", "text_config"])
def test_a_part_that_is_quantised_is_found(where: str, folder: Path) -> None:
    edited(folder / CONFIG, lambda config: config[where].update(quantization_config={"quant_method": "awq"}))
    with pytest.raises(CheckpointError, match="quantised already"):
        Checkpoint(folder)


@pytest.mark.parametrize(
    "name", [GENERATION, "preprocessor_config.json", "tokenizer.json", "processor_config.json"]
)
@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"size": "large"}', '{"eos_token_id": {"a": []}}'])
def test_any_file_that_is_broken_is_an_error_of_the_tree_or_none(
    name: str, text: str, whole: Path, tmp_path: Path
) -> None:
    place = Path(shutil.copytree(whole, tmp_path / "checkpoint"))
    (place / name).write_text(text)
    with silence_libraries(), contextlib.suppress(CheckpointError):
        checkpoint = Checkpoint(place)
        prompt_of(
            generative(checkpoint.family),
            checkpoint.model(),
            processor := load_processor(place),
            tokenizer_of(processor),
        )


@pytest.mark.parametrize("where", [CONFIG, "tokenizer_config.json", "preprocessor_config.json"])
def test_code_of_a_checkpoint_is_never_run_and_never_asked_for(
    where: str, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = Path(shutil.copytree(whole, tmp_path / "checkpoint"))
    classes = ("AutoConfig", "AutoModelForImageTextToText", "AutoProcessor", "AutoImageProcessor")
    mapped = dict.fromkeys(classes, "evil.Evil") | {"AutoTokenizer": ["evil.Evil", None]}
    (place / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\nclass Evil: pass\n")
    said = json.loads((place / where).read_text()) if (place / where).exists() else {}
    (place / where).write_text(json.dumps(said | {"auto_map": mapped}))
    monkeypatch.setattr("builtins.input", lambda *_: pytest.fail("asked on the terminal"))
    with silence_libraries(), contextlib.suppress(CheckpointError):
        Checkpoint(place).model()
        load_processor(place)
    assert not (tmp_path / "ran").exists()


def test_a_pointer_that_git_left_in_place_of_the_weights_is_called_one(folder: Path) -> None:
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n"
    (folder / "model-00001-of-00003.safetensors").write_text(pointer)
    with pytest.raises(CheckpointError, match="git lfs pull"):
        read_tensors(folder)


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    file = tmp_path_factory.getbasetemp() / "any.safetensors"
    file.write_bytes(data)
    with contextlib.suppress(CheckpointError):
        assert read_header(file) == {}


@given(
    st.recursive(st.none() | st.integers() | st.text(), lambda v: st.lists(v) | st.dictionaries(st.text(), v))
)
@pytest.mark.slow
def test_any_header_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, header: object) -> None:
    text = json.dumps({"a": header}).encode()
    file = tmp_path_factory.getbasetemp() / "header.safetensors"
    file.write_bytes(len(text).to_bytes(8, "little") + text)
    with pytest.raises(CheckpointError, match="header"):
        read_header(file)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "cannot be read"),
        ("[]", "not a JSON object"),
        ("{}", "names no model_type"),
        ('{"model_type": "llava", "quantization_config": {"quant_method": "awq"}}', "quantised already"),
    ],
)
def test_a_broken_configuration_is_refused(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / CONFIG).write_text(text)
    with pytest.raises(CheckpointError, match=said):
        read_config(tmp_path)


def test_a_folder_without_a_configuration_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"holds no config\.json"):
        Checkpoint(tmp_path)


def test_an_architecture_that_is_not_known_is_refused_before_its_weights_are_looked_at(
    tmp_path: Path,
) -> None:
    (tmp_path / CONFIG).write_text('{"model_type": "mllama", "auto_map": {"AutoConfig": "evil.Config"}}')
    with pytest.raises(CheckpointError, match="known types: idefics3"):
        Checkpoint(tmp_path)


def test_a_configuration_with_a_senseless_value_is_refused(folder: Path) -> None:
    edited(folder / CONFIG, lambda config: config["vision_config"].update(hidden_size="wide"))
    with silence_libraries(), pytest.raises(CheckpointError, match="as that of a llava, cannot be read"):
        Checkpoint(folder)


def without(folder: Path, name: str) -> None:
    """Take a tensor out of a checkpoint in one file."""
    tensors = load_file(folder / WEIGHTS)
    del tensors[name]
    save_file(tensors, folder / WEIGHTS, metadata={"format": "pt"})


@pytest.mark.parametrize("language", [True, False])
def test_weights_that_are_missing_are_an_error_and_not_random(
    whole: Path, tmp_path: Path, language: bool
) -> None:
    place = Path(shutil.copytree(whole, tmp_path / "checkpoint"))
    without(place, "multi_modal_projector.linear_2.weight")
    with (
        silence_libraries(),
        pytest.raises(CheckpointError, match=r"lacks weights .*multi_modal_projector\.linear_2\.weight"),
    ):
        Checkpoint(place).model(language=language)


def test_weights_of_another_shape_are_an_error(whole: Path, tmp_path: Path) -> None:
    place = Path(shutil.copytree(whole, tmp_path / "checkpoint"))
    edited(place / CONFIG, lambda config: config["vision_config"].update(intermediate_size=100))
    with silence_libraries(), pytest.raises(CheckpointError, match=r"fc1\.bias is \(96,\), not \(100,\)"):
        load_model(place)


def test_weights_that_are_tied_need_not_be_there(tmp_path: Path) -> None:
    smolvlm(tmp_path)
    edited(
        tmp_path / CONFIG,
        lambda config: (
            config.update(tie_word_embeddings=True),
            config["text_config"].update(tie_word_embeddings=True),
        ),
    )
    without(tmp_path, "lm_head.weight")
    model = load_model(tmp_path)
    assert model.lm_head.weight.data_ptr() == model.model.text_model.embed_tokens.weight.data_ptr()


def test_without_its_language_model_a_checkpoint_sees_the_same(folder: Path) -> None:
    checkpoint = Checkpoint(folder)
    whole, seeing = checkpoint.model(), checkpoint.model(language=False)
    pixels = torch.randn(2, *checkpoint.family.pixel_shape(whole), generator=torch.Generator().manual_seed(0))
    assert torch.equal(
        image_tokens(checkpoint.family, seeing, pixels), image_tokens(checkpoint.family, whole, pixels)
    )
    kind = generative(checkpoint.family)
    assert kind.stop_tokens(seeing) == kind.stop_tokens(whole)
    unread = [name for name, weight in seeing.named_parameters() if weight.is_meta]
    assert unread == [
        name for name, _ in seeing.named_parameters() if name.startswith(("model.language_model", "lm_head"))
    ]
    sizes = {name: weight.numel() for name, weight in whole.named_parameters()}
    assert checkpoint.language_bytes == 4 * sum(sizes[name] for name in unread)
    assert checkpoint.vision_bytes == 4 * sum(sizes.values()) - checkpoint.language_bytes


def test_what_is_not_read_cannot_be_computed_with(folder: Path) -> None:
    model = Checkpoint(folder).model(language=False)
    with pytest.raises(RuntimeError, match="this Linear belongs to a language model that was not loaded"):
        model.lm_head(torch.ones(1, model.config.text_config.hidden_size))
    with pytest.raises(RuntimeError, match="this Embedding belongs"):
        model.get_input_embeddings()(torch.tensor([1]))


def test_a_header_gives_each_tensors_place(tmp_path: Path) -> None:
    save_file(
        {"a": torch.arange(6.0).reshape(2, 3), "b": torch.ones(2, dtype=torch.bfloat16)}, tmp_path / WEIGHTS
    )
    tensors = read_header(tmp_path / WEIGHTS)
    raw = (tmp_path / WEIGHTS).read_bytes()
    assert (tensors["a"].shape, tensors["a"].dtype, tensors["b"].dtype) == ((2, 3), "F32", "BF16")
    assert np.frombuffer(raw[tensors["a"].begin : tensors["a"].end], np.float32).tolist() == [
        0,
        1,
        2,
        3,
        4,
        5,
    ]
