"""Which model answers on the device."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from protos.errors import RequestError
from splitter.nano import WEIGHTS
from splitter.storage.hub import find

WHOLE, SMALL, INT4, LAYERS, CHECKPOINT = "whole", "small", "int4", "layers", "checkpoint"
_LAYERS = re.compile(r"layers=(.*)")


@dataclass(frozen=True)
class LocalChoice:
    """The model itself (`whole`), with weights of four bits (`int4`) or the first layers and the last of its
    decoder (`layers`), the decoder that the built-in model brings (`small`), or another `checkpoint`.
    """

    kind: str = WHOLE
    layers: int | None = None
    checkpoint: Path | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """What `--local` says; a checkpoint of the hub is fetched. Raises RequestError or CheckpointError."""
        if text in (WHOLE, SMALL, INT4):
            return cls(text)
        if found := _LAYERS.fullmatch(text):
            return cls(LAYERS, layers=_count(found[1]))
        return cls(CHECKPOINT, checkpoint=WEIGHTS if text == "nano" else find(text))


WHOLE_LOCAL, SMALL_LOCAL = LocalChoice(WHOLE), LocalChoice(SMALL)


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise RequestError(
            f"--local layers={text} is no number of decoder layers; give one, such as: --local layers=4"
        )
    return int(text)
