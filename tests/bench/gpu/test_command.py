"""The parts of the run for a GPU, on a machine that has none."""

from collections.abc import Iterator

import pytest
import torch

import isthmus
from bench.gpu import heads, identity, tables
from bench.gpu.measure import GpuFigures
from bench.rig.console import wide_console
from protos import inference_pb2 as ip
from protos.bundle import Bundle


class Echo:
    """Says each question again; every second time that it hears the same one, something else of it."""

    def __init__(self, moody: str = "") -> None:
        self.moody, self.heard = moody, list[str]()

    def infer(self, request: ip.InferRequest, _: float) -> Iterator[ip.InferReply]:
        self.heard.append(request.question)
        again = self.heard.count(request.question) % 2 == 0
        yield ip.InferReply(text="no " if again and request.question == self.moody else "")
        yield ip.InferReply(text=request.question)


@pytest.mark.parametrize(("moody", "share"), [("", 1.0), ("b", 7 / 8)])
def test_the_share_of_answers_that_are_the_same_in_company(moody: str, share: float) -> None:
    cloud = Echo(moody)
    requests = [ip.InferRequest(question=name) for name in "abcd"]
    alone, together = identity.ask(cloud, requests)
    assert alone == list("abcd")
    assert identity.same(alone, together) == share
    assert sorted(cloud.heard) == sorted(3 * "abcd")


def test_the_head_is_timed_on_every_provider_and_compared_with_the_cpu(bundle: Bundle) -> None:
    measured = list(heads.measure(bundle, repetitions=1))
    assert [one.provider for one in measured] == heads.available()
    assert (measured[0].provider, measured[0].difference) == ("cpu", 0)
    assert measured[0].milliseconds > 0


def test_tables_say_what_their_columns_mean(capsys: pytest.CaptureFixture[str]) -> None:
    found = identity.Identity("bfloat16", 48, 0.96, 0.85)
    figures = GpuFigures("bfloat16", [found], [heads.HeadOn("cpu", 13.7, 0.0)], [])
    tables.show(figures, "Measured here.", wide_console())
    printed = capsys.readouterr().out
    assert "bfloat16      48    96.0%      85.0%" in printed
    assert "as alone: " in printed
    assert "difference: " in printed


@pytest.mark.skipif(torch.cuda.is_available(), reason="it runs here")
def test_without_a_gpu_it_says_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    assert isthmus.main(["bench", "gpu"])
    assert "--device cpu" in capsys.readouterr().err
