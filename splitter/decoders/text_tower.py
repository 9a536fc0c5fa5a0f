"""A dual encoder's text tower for the device: an ONNX graph behind the table of token embeddings."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import Tensor, nn
from transformers import PreTrainedModel

from protos import bundle_pb2 as pb
from protos.matching import unit
from splitter.decoders.token_table import save_table
from splitter.evaluate.matching import ReferenceDualEncoder
from splitter.families import Matching
from splitter.graph.chain import Arrays, open_session
from splitter.graph.export import export
from splitter.graph.files import save
from splitter.graph.slim import slim
from splitter.quantize.convert import smooth_and_convert
from splitter.quantize.quant_format import QuantFormat

_FOLDER = "edge/local"
_MAX_BATCH = 1024
_CALIBRATION_TEXTS = 16


def write_texts(
    reference: ReferenceDualEncoder, staging: Path, quant_format: QuantFormat, *, with_local: bool
) -> pb.Local:
    """What a device needs of texts: nothing but embeddings of labels, or the tower too where local answers
    were asked for.

    The tower has the head's precision, but for static quantisation: pictures calibrate no text tower, so its
    INT8 is dynamic. The table stays outside the graph, as FP16: it is the larger part, and only the rows of a
    text's tokens are ever read.
    """
    model, length = reference.model, reference.family.text_length(reference.model)
    if not with_local:
        return pb.Local(max_tokens=length)
    (staging / _FOLDER).mkdir()
    table = model.text_model.embeddings.token_embedding.weight.detach()
    arguments = (torch.zeros(2, length, dtype=torch.long), torch.zeros(2, length, table.shape[1]))
    batch = torch.export.Dim("batch", min=1, max=_MAX_BATCH)
    exported = export(
        _TextTower(reference.family, model),
        arguments,
        ["ids", "embeds"],
        ["text"],
        {"ids": {0: batch}, "embeds": {0: batch}},
    )
    tower_format = QuantFormat(quant_format.precision)
    local = pb.Local(max_tokens=length, precision=pb.Precision(**tower_format.parts))
    local.decoder, local.embeddings, local.tokenizer = (
        f"{_FOLDER}/{name}" for name in ("texts.onnx", "embeddings.npy", "tokenizer.json")
    )
    feeds = list(_feeds(reference, table))
    save(slim(smooth_and_convert(exported, tower_format, feeds)), staging / local.decoder)
    save_table(table, staging / local.embeddings)
    reference.tokenizer.save(str(staging / local.tokenizer))
    return local


def _feeds(reference: ReferenceDualEncoder, table: Tensor) -> Iterator[Arrays]:
    """Some labels as the tower reads them."""
    for encoded in reference.tokenizer.encode_batch(reference.texts[:_CALIBRATION_TEXTS]):
        ids = np.array([encoded.ids])
        yield {"ids": ids, "embeds": table.numpy()[ids]}


class TextTower:
    """The tower as it was written, run as a device runs it."""

    def __init__(self, local: pb.Local, staging: Path, threads: int) -> None:
        self._session = open_session((staging / local.decoder).read_bytes(), threads)
        self._table: NDArray[np.float16] = np.load(staging / local.embeddings, allow_pickle=False)
        self._tokenizer = Tokenizer.from_file(str(staging / local.tokenizer))

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Texts as they are to embeddings (texts, width) of length 1; one at a time, as on a device."""
        ids = np.array([encoded.ids for encoded in self._tokenizer.encode_batch(list(texts))])
        return np.concatenate([self._embed(ids[text : text + 1]) for text in range(len(ids))])

    def _embed(self, ids: NDArray[np.int64]) -> NDArray[np.float32]:
        (embedded,) = self._session.run(["text"], {"ids": ids, "embeds": self._table[ids].astype(np.float32)})
        return unit(embedded)


class _TextTower(nn.Module):
    def __init__(self, family: Matching, model: PreTrainedModel) -> None:
        super().__init__()
        self._family, self.model = family, model

    def forward(self, ids: Tensor, embeds: Tensor) -> Tensor:
        """`ids` (n, length) and their embeddings (n, length, width) to (n, embedding)."""
        return self._family.text_tower(self.model, ids, embeds)
