"""The codecs of one cut, as far as they can carry what crosses it."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from protos.errors import CheckpointError
from splitter.nano import WEIGHTS
from splitter.recipe import Options
from splitter.stages.cut_codecs import cut_codecs
from tests.splitter.runs import run_of

TAIL: Any = SimpleNamespace(cut="vision.2")  # neither codec asks the tail anything


def fitted(reach: float, folder: Path, *codecs: str) -> tuple[list[str], list[str]]:
    """The names of the codecs that a boundary gets whose values reach so far, and what was said."""
    said: list[str] = []
    values = np.random.default_rng(0).normal(size=(8, 4, 16)).astype(np.float32)
    values[3, 2, 1] = -reach
    run = run_of(Options(WEIGHTS, codecs=codecs), folder, said.append)
    return [coding.name for coding in cut_codecs(run, TAIL, {"hidden": values}, {})], said


def test_fp16_carries_what_it_can_hold(tmp_path: Path) -> None:
    assert fitted(65_504, tmp_path, "int8-zstd", "fp16-zstd") == (["int8-zstd", "fp16-zstd"], [])


def test_fp16_is_left_out_where_values_pass_its_end_and_the_split_says_so(tmp_path: Path) -> None:
    names, said = fitted(80_000, tmp_path, "int8-zstd", "fp16-zstd")
    assert names == ["int8-zstd"]
    assert said == ["vision.2: fp16-zstd is left out: its values reach 80,000, FP16 ends at 65,504"]


def test_a_cut_that_would_have_no_codec_is_refused_with_one_that_can_carry_it(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"vision\.2: no codec .* add --codec int8-zstd"):
        fitted(80_000, tmp_path, "fp16-zstd")
