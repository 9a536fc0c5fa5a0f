"""The tail's files: two bytes a number, what they hold unchanged but for that."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from protos.errors import CheckpointError
from splitter.families.files.checkpoint import INDEX, WEIGHTS, read_tensors
from splitter.families.loading import Checkpoint
from splitter.storage.parts import Parts
from splitter.storage.tail import tail_bytes, write_fp16, write_tail


def random(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(shape[0]))


def test_fp32_becomes_fp16_as_torch_would_make_it(tmp_path: Path) -> None:
    wide = {"a": random(700, 33), "b": random(5), "empty": torch.zeros(0, 3), "ids": torch.arange(7)}
    save_file(wide, tmp_path / "wide.safetensors", metadata={"format": "pt"})
    write_fp16(tmp_path / "wide.safetensors", tmp_path / "half.safetensors")
    half = load_file(tmp_path / "half.safetensors")
    assert torch.equal(half["a"], wide["a"].half())
    assert torch.equal(half["b"], wide["b"].half())
    assert half["empty"].shape == (0, 3)
    assert torch.equal(half["ids"], wide["ids"])
    with safe_open(tmp_path / "half.safetensors", "pt") as opened:
        assert opened.metadata() == {"format": "pt"}


def test_a_tensor_longer_than_a_block_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("splitter.storage.tail._BLOCK", 10)
    wide = {"a": random(7, 9), "b": random(3).to(torch.bfloat16), "c": random(23).double()}
    save_file(wide, tmp_path / "wide.safetensors")
    write_fp16(tmp_path / "wide.safetensors", tmp_path / "half.safetensors")
    half = load_file(tmp_path / "half.safetensors")
    assert torch.equal(half["a"], wide["a"].half())
    assert torch.equal(half["b"], wide["b"])
    assert torch.equal(half["c"], wide["c"].half())


def test_numbers_that_fp16_cannot_hold_become_bf16(tmp_path: Path) -> None:
    save_file({"large": random(64) * 1e6, "usual": random(64)}, tmp_path / "wide.safetensors")
    write_fp16(tmp_path / "wide.safetensors", tmp_path / "half.safetensors")
    half = load_file(tmp_path / "half.safetensors")
    assert torch.equal(half["large"], (random(64) * 1e6).bfloat16())
    assert half["usual"].dtype == torch.float16


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_two_byte_numbers_are_copied_byte_for_byte_and_not_linked(tmp_path: Path, dtype: torch.dtype) -> None:
    save_file({"a": random(40, 3).to(dtype)}, tmp_path / "source.safetensors", metadata={"format": "pt"})
    write_fp16(tmp_path / "source.safetensors", tmp_path / "copy.safetensors")
    assert (tmp_path / "copy.safetensors").read_bytes() == (tmp_path / "source.safetensors").read_bytes()
    assert (tmp_path / "copy.safetensors").stat().st_nlink == 1, (
        "what is content-addressed must not change with the checkpoint"
    )


def test_a_file_that_shrinks_meanwhile_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "source.safetensors"
    save_file({"a": random(4000)}, source)
    tensors = read_tensors_of(source)
    monkeypatch.setattr("splitter.storage.tail.read_header", lambda _: tensors)
    with source.open("r+b") as stream:
        stream.truncate(9000)
    with pytest.raises(CheckpointError, match="became shorter while it was read"):
        write_fp16(source, tmp_path / "half.safetensors")


def read_tensors_of(file: Path) -> Any:
    from splitter.families.files.checkpoint import read_header

    return read_header(file)


@pytest.fixture
def checkpoint(tmp_path: Path) -> Checkpoint:
    """Two shards, an index, and a configuration."""
    folder = tmp_path / "checkpoint"
    folder.mkdir()
    for number, dtype in enumerate((torch.float32, torch.bfloat16)):
        save_file(
            {f"t{number}": random(30, 2).to(dtype)},
            folder / f"model-{number}.safetensors",
            metadata={"format": "pt"},
        )
    places = {f"t{number}": f"model-{number}.safetensors" for number in range(2)}
    (folder / INDEX).write_text(json.dumps({"metadata": {"total_size": 360}, "weight_map": places}))
    (folder / "config.json").write_text('{"model_type": "llava"}')
    return cast(Checkpoint, SimpleNamespace(folder=folder, tensors=read_tensors(folder)))


def test_shards_and_index_stay_and_sizes_are_told_before(checkpoint: Checkpoint, tmp_path: Path) -> None:
    cloud = tmp_path / "cloud"
    cloud.mkdir()
    write_tail(checkpoint, Parts(tmp_path / "bundle", "recipe"), cloud)
    assert sorted(path.name for path in cloud.iterdir()) == [
        "config.json",
        "model-0.safetensors",
        "model-1.safetensors",
        INDEX,
    ]
    tensors = read_tensors(cloud)
    assert [tensor.dtype for _, tensor in sorted(tensors.items())] == ["F16", "BF16"]
    index = json.loads((cloud / INDEX).read_text())
    assert (
        index["metadata"]["total_size"]
        == tail_bytes(checkpoint.tensors)
        == sum(t.end - t.begin for t in tensors.values())
    )


def test_files_that_an_interrupted_run_finished_are_not_written_again(
    checkpoint: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[str] = []

    def stopped(source: Path, target: Path) -> None:
        written.append(source.name)
        write_fp16(source, target)
        if len(written) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr("splitter.storage.tail.write_fp16", stopped)
    parts = Parts(tmp_path / "bundle", "recipe")
    for attempt in ("first", "second"):
        (cloud := tmp_path / attempt).mkdir()
        try:
            write_tail(checkpoint, parts, cloud)
        except KeyboardInterrupt:
            assert not list(parts.folder.glob("aside-*")), "nothing half-written stays"
    assert written == ["model-0.safetensors", "model-1.safetensors", "model-1.safetensors"]
    assert sorted(read_tensors(tmp_path / "second")) == ["t0", "t1"]


def test_a_checkpoint_in_one_file_has_no_index(tmp_path: Path) -> None:
    (tmp_path / "checkpoint").mkdir()
    (tmp_path / "cloud").mkdir()
    save_file({"a": random(3)}, tmp_path / "checkpoint" / WEIGHTS)
    told = SimpleNamespace(folder=tmp_path / "checkpoint", tensors=read_tensors(tmp_path / "checkpoint"))
    write_tail(cast(Checkpoint, told), Parts(tmp_path / "bundle", "recipe"), tmp_path / "cloud")
    assert [path.name for path in (tmp_path / "cloud").iterdir()] == [WEIGHTS]
