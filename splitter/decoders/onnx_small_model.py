"""A small model as a device runs it, from the picture on: its own pixels, vision part, decoder and words."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import torch
from tokenizers import Tokenizer
from torch import Tensor

from protos import bundle_pb2 as pb
from protos.pictures.sizes import picture_grid
from protos.pictures.tiles import Grid
from splitter.decoders.onnx_decoder import OnnxDecoder, Written
from splitter.evaluate.answers import Prompting
from splitter.evaluate.latency import median_milliseconds
from splitter.evaluate.manifest_pixels import manifest_pixels
from splitter.evaluate.subjects import Image
from splitter.graph.chain import Chain


class OnnxSmallModel:
    """Answers about pictures, each named by its place among them. `own`: what the manifest says of it."""

    def __init__(self, own: pb.Manifest, staging: Path, threads: int, pictures: Sequence[Image]) -> None:
        self._steps, self._pictures = own.preprocessing, pictures
        self._chain = Chain([onnx.load(staging / piece.path) for piece in own.pieces], threads)
        self._tokenizer = Tokenizer.from_file(str(staging / own.local.tokenizer))
        self._prompting = Prompting(own.prompt, self._tokenizer)
        self._decoder = OnnxDecoder(own.local, staging, threads, self._prompting)
        self._seen: tuple[int, Tensor] | None = None
        self._unknown = _unknown(self._tokenizer)

    def answer(self, picture: int, question: str) -> Written:
        """Its greedy answer, and the raw confidence in it."""
        return self._decoder.answer(self._tokens(picture), question, self._grid(picture))

    def surprisal(self, picture: int, question: str, text: str, *, ended: bool) -> float:
        """Nats by which an answer surprises it: -log of the probability that it says just that; `ended`: and
        then stops. Of a text with and without a blank before it the likelier counts, for tokenizers differ
        in that. A word that it does not know is a guess among all its tokens.
        """
        return min(self._surprisal(picture, question, written, ended) for written in (text, f" {text}"))

    def milliseconds(self, picture: int, question: str) -> tuple[float, float]:
        """Median time to the first token, its vision part included, and of one further token."""
        tokens, grid = self._tokens(picture), self._grid(picture)
        prefill, token = self._decoder.milliseconds(tokens, question, grid)
        return prefill + median_milliseconds(lambda: self._see(picture)), token

    def _surprisal(self, picture: int, question: str, text: str, ended: bool) -> float:
        end = self._prompting.stop_tokens[:1] if ended else ()
        ids = [*self._prompting.tokens(text), *end]
        if not ids:
            return 0.0
        prompt = self._prompting.ids(question, self._grid(picture))
        told = self._decoder.forced(self._tokens(picture), prompt, ids).log_softmax(-1)
        found = told.gather(1, torch.tensor(ids)[:, None])[:, 0].double()
        unknown = torch.tensor([token == self._unknown for token in ids])
        return -float(found.where(~unknown, -np.log(told.shape[1])).sum())

    def _grid(self, picture: int) -> Grid:
        return picture_grid(self._steps, *self._pictures[picture].shape[:2])

    def _tokens(self, picture: int) -> Tensor:
        """Image tokens (tiles, tokens, width); those of the last picture are kept."""
        if self._seen is None or self._seen[0] != picture:
            self._seen = picture, self._see(picture)
        return self._seen[1]

    def _see(self, picture: int) -> Tensor:
        (last,) = self._chain.run(manifest_pixels(self._steps, self._pictures[picture]))
        (tokens,) = last.values()
        return torch.from_numpy(np.asarray(tokens, np.float32))


def _unknown(tokenizer: Tokenizer) -> int | None:
    """The token of a word that a tokenizer has no other for."""
    word = getattr(tokenizer.model, "unk_token", None)
    return tokenizer.token_to_id(word) if word else None
