"""The decoder's step by torch.compile: dynamo reads it here; inductor, which takes minutes, is torch's."""

import logging

import pytest
import torch

from cloud.models import compiled
from cloud.models.compiled import compile_step
from cloud.models.tail import Tail
from protos.bundle import Bundle
from tests.cloud.calling import FP32


@pytest.fixture
def fresh(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> Tail:
    monkeypatch.setattr(compiled, "_ROWS", (1, 2))
    monkeypatch.setattr(compiled, "_STEPS", 2)
    return Tail(bundle, FP32)


@torch.inference_mode()
def logits(tail: Tail, rows: int) -> torch.Tensor:
    batch = tail.trial_batch(rows)
    return torch.stack([batch.prefill(), *(batch.decode([step] * rows) for step in range(5))])


def test_a_compiled_step_gives_the_same_logits_whatever_rows_come(
    fresh: Tail, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(compiled, "_MAX_RATIO", float("inf"))
    expected = [logits(fresh, rows) for rows in (1, 5)]
    with torch.compiler.set_stance("default"):
        assert compile_step(fresh, backend="eager")
        for rows, logit in zip((1, 5), expected, strict=True):
            torch.testing.assert_close(logits(fresh, rows), logit, atol=1e-4, rtol=0)
    assert "ms a step instead of" in caplog.text


def test_a_model_that_is_no_faster_or_cannot_be_compiled_runs_as_ever(
    fresh: Tail, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    expected = logits(fresh, 2)
    monkeypatch.setattr(compiled, "_MAX_RATIO", 0)
    with torch.compiler.set_stance("default"):
        assert not compile_step(fresh, backend="eager")
        assert "it runs as ever" in caplog.text
        caplog.clear()
        assert not compile_step(fresh, backend="no such backend")
        assert "torch cannot compile" in caplog.text
    assert torch.equal(logits(fresh, 2), expected)


def test_what_has_no_decoder_is_not_compiled(
    fresh: Tail, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(Tail, "decoder", None)
    with caplog.at_level(logging.WARNING):
        assert not compile_step(fresh)
    assert "has no decoder that can be compiled" in caplog.text


def test_a_model_that_answers_runs_uncompiled_while_another_is_compiled(
    fresh: Tail, bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    answering, calls = Tail(bundle, FP32), list[object]()
    decoder = answering.decoder
    assert decoder is not None

    def seconds(_: Tail) -> float:
        calls.append(decoder._compiled_call_impl)
        return 1.0

    monkeypatch.setattr(compiled, "_MAX_RATIO", float("inf"))
    monkeypatch.setattr(compiled, "_seconds", seconds)
    with torch.compiler.set_stance("default"):
        assert compile_step(answering, backend="eager")
        compiled_call, calls = decoder._compiled_call_impl, []
        assert compile_step(fresh, backend="eager")
    assert calls == [None] * 3
    assert decoder._compiled_call_impl is compiled_call is not None
