"""The decoder that was written for the device, run as a device runs it: answers without the cloud."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from protos import bundle_pb2 as pb
from protos.pictures.tiles import Grid
from protos.text.confidence import AnswerConfidence
from splitter.evaluate.answers import Prompting
from splitter.evaluate.latency import median_milliseconds
from splitter.graph.chain import open_session

_MAX_TOKENS = 64


class Written(NamedTuple):
    """An answer, and the raw confidence in it."""

    text: str
    confidence: float


class OnnxDecoder:
    """Greedy answers in onnxruntime, one at a time. Image tokens are (tiles, tokens, width)."""

    def __init__(self, local: pb.Local, staging: Path, threads: int, prompting: Prompting) -> None:
        self._session = open_session((staging / local.decoder).read_bytes(), threads)
        table = np.load(staging / local.embeddings, allow_pickle=False)
        self._table: NDArray[np.float32] = table.astype(np.float32)
        self._past = np.zeros(tuple(local.past_shape), np.float32)
        self._prompting = prompting

    def answer(self, tokens: Tensor, question: str, grid: Grid) -> Written:
        """The answer to a question about a picture of this grid of tiles."""
        prompt, sure = self._prompting.ids(question, grid), AnswerConfidence()
        logits, past = self._step(self._embedded(tokens.numpy(), prompt), self._past)
        spoken: list[int] = []
        while len(spoken) < _MAX_TOKENS:
            processed = self._prompting.logits_processor.process(logits[0], prompt, spoken)
            sure.add(processed)
            best = int(processed.argmax())
            if best in self._prompting.stop_tokens:
                break
            spoken.append(best)
            logits, past = self._step(self._table[[best]], past)
        return Written(self._prompting.decode(spoken), sure.raw)

    def forced(self, tokens: Tensor, prompt: Sequence[int], answer: Sequence[int]) -> Tensor:
        """The logits (len(answer), vocabulary) of each next token along an answer."""
        logits, past = self._step(self._embedded(tokens.numpy(), prompt), self._past)
        said = [logits[0]]
        for token in answer[:-1]:
            logits, past = self._step(self._table[[token]], past)
            said.append(logits[0])
        return torch.from_numpy(np.stack(said))

    def milliseconds(self, tokens: Tensor, question: str, grid: Grid) -> tuple[float, float]:
        """Median time of the prefill and of one further token."""
        prompt = self._embedded(tokens.numpy(), self._prompting.ids(question, grid))
        _, past = self._step(prompt, self._past)
        prefill = median_milliseconds(lambda: self._step(prompt, self._past))
        return prefill, median_milliseconds(lambda: self._step(prompt[-1:], past))

    def _embedded(self, tokens: NDArray[np.float32], prompt: Sequence[int]) -> NDArray[np.float32]:
        ids = np.array(prompt)
        embedded: NDArray[np.float32] = self._table[ids]
        embedded[ids == self._prompting.prompt.image_token] = np.concatenate(tokens)
        return embedded

    def _step(self, embedded: NDArray[np.float32], past: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        return list(self._session.run(["logits", "present"], {"embeds": embedded[None], "past": past}))
