"""A model without weights: a prompt of one number counts on from it, one token a step."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

import torch
from torch import Tensor

from cloud.engine.job import NEVER, GenerationJob, VisionInput
from cloud.runner.executor import ThreadExecutor
from cloud.sharing.caller import NOBODY, Caller
from protos import bundle_pb2 as pb
from protos.text.decoding import LogitsProcessor
from splitter.families import Prefix

VOCABULARY, STOP, NAN = 40, 30, 31  # the next token after NAN has no logits
BAD = 35  # a prompt that ends with it cannot be read, and what was said last cannot be read either


class Inline(ThreadExecutor):
    """Works in the event loop."""

    async def run(self, work: Callable[..., Any], *arguments: Any, **_: Any) -> Any:
        return work(*arguments)


class Counting:
    """A decoder batch whose rows count. It tells the model how many rows each of its decode steps had."""

    def __init__(self, prompts: Sequence[Sequence[int]], model: "ScriptedModel") -> None:
        self.last, self.model = [prompt[-1] for prompt in prompts], model
        model.decoders.append(self)

    def read(self, tokens: int) -> None:
        self.model.allocate(tokens)
        self.model.slices.append(tokens)

    def prefill(self) -> Tensor:
        self._check(self.last)
        return self._logits()

    def decode(self, tokens: Sequence[int]) -> Tensor:
        assert len(tokens) == len(self.last), "a token a row"
        self._check(tokens)
        self.last = list(tokens)
        self.model.steps.append(len(tokens))
        return self._logits()

    def _check(self, tokens: Sequence[int]) -> None:
        self.model.allocate(len(tokens))
        if BAD in tokens:
            raise IndexError("model code")

    def keep(self, rows: Sequence[int]) -> None:
        self.last = [self.last[row] for row in rows]

    def select(self, rows: Sequence[int]) -> "Counting":
        return Counting([[self.last[row]] for row in rows], self.model)

    def merge(self, other: Self) -> None:
        self.model.allocate(len(self.last) + len(other.last))
        self.last += other.last

    def prefix(self, row: int, length: int) -> Prefix:
        return Prefix(((torch.zeros(1, length, 1), torch.zeros(1, length, 1)),), length, length)

    def teacher_force(self, answers: Tensor) -> Tensor:
        raise NotImplementedError

    def _logits(self) -> Tensor:
        logits = torch.nn.functional.one_hot(torch.tensor(self.last) + 1, VOCABULARY).float()
        logits[[last == NAN for last in self.last]] = torch.nan
        return logits


class ScriptedModel:
    """Pictures are at every cut what they were; where it is `faulty`, it raises for one of NaN."""

    stop_tokens = frozenset({STOP})
    numerics = "exact"

    def __init__(
        self,
        digest: str = "counting",
        rules: pb.Decoding | None = None,
        *,
        cuts: Sequence[str] = ("c", "x"),
        faulty: bool = True,
    ) -> None:
        self.digest, self.cuts, self._faulty = digest, cuts, faulty
        self.logits_processor = LogitsProcessor(rules or pb.Decoding(), self.stop_tokens)
        self.advanced: list[tuple[str, int]] = []  # the cut that pictures left in a step, and how many
        self.prefills: list[int] = []  # rows of each
        self.steps: list[int] = []
        self.resumed: list[int] = []  # lengths of the prefixes that were gone on from
        self.slices: list[int] = []  # tokens of each
        self.indivisible = 0
        self.decoders: list[Counting] = []
        self.memory = 10**6  # rows that there is memory for in one step, or tokens of a slice

    def allocate(self, rows: int) -> None:
        if rows > self.memory:
            raise torch.OutOfMemoryError("CUDA out of memory")

    def use_threads(self) -> None:
        """It computes nothing."""

    def advance(
        self, cut: str, until: str, pictures: Sequence[Mapping[str, Tensor]]
    ) -> Sequence[Mapping[str, Tensor]]:
        self.advanced.append((cut, len(pictures)))
        self.allocate(len(pictures))
        if self._faulty and any(picture["hidden"].isnan().any() for picture in pictures):
            raise ZeroDivisionError("model code")
        return pictures

    def decoder_prompt(self, prompt: Sequence[int]) -> list[int]:
        return list(prompt)

    def detokenize(self, ids: list[int]) -> str:
        return "".join(f"{token} " for token in ids)

    def decoder_batch(self, prompts: Sequence[Sequence[int]], image_tokens: Tensor) -> Counting:
        self.prefills.append(len(prompts))
        return Counting(prompts, self)

    def indivisible_length(self, prompt: Sequence[int]) -> int:
        return self.indivisible

    def prefix_length(self, prompt: Sequence[int]) -> int:
        return len(prompt) - 1

    def resumed_batch(self, prompts: Sequence[Sequence[int]], prefixes: Sequence[Prefix]) -> Counting:
        self.resumed += [prefix.length for prefix in prefixes]
        return Counting(prompts, self)


def counting(
    model: ScriptedModel,
    start: int,
    max_tokens: int = 3,
    cut: str = "c",
    value: float = 0.0,
    caller: Caller = NOBODY,
    deadline: float = NEVER,
) -> GenerationJob:
    """A job answered by the `max_tokens` numbers after `start`, or those before STOP."""
    image = VisionInput(cut, {"hidden": torch.full((1, 1, 1), value)}, frame=f"{start:016x}", owner="me")
    return GenerationJob(
        tail=model,
        image=image,
        prompt=[start],
        max_tokens=max_tokens,
        sampler=None,
        caller=caller,
        deadline=deadline,
    )


async def events(job: GenerationJob) -> list[object]:
    """Every event of a job."""
    return [event async for event in job.events()]
