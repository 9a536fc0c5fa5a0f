"""Whether answers are the same in company, and in fewer bits: each question alone, then all at once."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from bench.rig.cloud_process import CloudProcess
from edge.link.client import CloudClient
from protos import inference_pb2 as ip

REFERENCE = "float32"
_ROUNDS = 2  # in company, each in another order
_DEADLINE_SECONDS = 120.0


class AnsweringCloud(Protocol):
    """What is asked; `CloudClient` is one."""

    def infer(self, request: ip.InferRequest, seconds: float) -> Iterator[ip.InferReply]:
        """The replies as they come."""


@dataclass(frozen=True)
class Identity:
    """Of a dtype: the shares of answers that are, to the letter, those of the question alone, and those of
    float32.
    """

    dtype: str
    answers: int
    as_alone: float
    as_float32: float


def measure(
    bundle: Path,
    device: str,
    dtypes: Sequence[str],
    requests: Sequence[ip.InferRequest],
    advance: Callable[[str], None],
) -> list[Identity]:
    """Ask a service of each dtype, float32 first; `advance` is called with the name of each before. Raises
    CloudError.
    """
    found, reference = [], list[str]()
    for dtype in dict.fromkeys((REFERENCE, *dtypes)):
        advance(dtype)
        with (
            CloudProcess(bundle, options=("--device", device, "--dtype", dtype)) as cloud,
            CloudClient(cloud.address) as client,
        ):
            alone, together = ask(client, requests)
        reference = reference or alone
        found.append(
            Identity(
                dtype,
                len(together) * len(alone),
                same(alone, together),
                same(reference, [alone]),
            )
        )
    return found


def ask(client: AnsweringCloud, requests: Sequence[ip.InferRequest]) -> tuple[list[str], list[list[str]]]:
    """What is answered to each alone, and twice to all at once, begun with another each time."""
    return [_answer(client, request) for request in requests], _in_company(client, requests)


def _in_company(client: AnsweringCloud, requests: Sequence[ip.InferRequest]) -> list[list[str]]:
    rounds = []
    with ThreadPoolExecutor(len(requests)) as devices:
        for number in range(_ROUNDS):
            first = number * len(requests) // _ROUNDS
            order = [*range(first, len(requests)), *range(first)]
            said = dict(
                zip(order, devices.map(lambda index: _answer(client, requests[index]), order), strict=True)
            )
            rounds.append([said[index] for index in range(len(requests))])
    return rounds


def _answer(client: AnsweringCloud, request: ip.InferRequest) -> str:
    return "".join(reply.text for reply in client.infer(request, _DEADLINE_SECONDS))


def same(expected: Sequence[str], rounds: Sequence[Sequence[str]]) -> float:
    """The share of answers that are as expected."""
    equal = [one == other for said in rounds for one, other in zip(expected, said, strict=True)]
    return sum(equal) / len(equal)
