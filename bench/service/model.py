"""A bundle's model without the service around it: what a rival, and the bound, are made of."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedModel

from cloud.models.loading import load_tail
from cloud.models.tail import Tail
from protos import bundle_pb2 as pb
from protos import inference_pb2 as ip
from protos.bundle import PICTURE_CUT, Bundle
from protos.errors import RequestError
from protos.features import coding_of, payloads_of
from protos.pictures.tiles import claimed_grid
from splitter.families import family
from splitter.families.causal import Causal


class Seen(NamedTuple):
    """A request, decoded: where it enters the tail and with what, and the prompt."""

    cut: str
    boundary: Mapping[str, Tensor]
    prompt: list[int]
    max_tokens: int


class AnsweringModel:
    """Raises RequestError for a bundle whose model does not answer from embeddings."""

    def __init__(self, path: Path, device: str, dtype: str, threads: int) -> None:
        bundle = Bundle.open(path)
        check_answers(bundle.manifest)
        tail = load_tail(bundle, device, dtype, threads=threads)
        assert isinstance(tail, Tail)
        self.tail, self._family = tail, _causal(bundle.manifest)

    @property
    def speaker(self) -> PreTrainedModel:
        """The model that has `generate`."""
        return self._family.speaker(self.tail.model)

    def see(self, request: ip.InferRequest) -> Seen:
        """Decode a request that is right."""
        tail, manifest = self.tail, self.tail.bundle.manifest
        if request.HasField("picture"):
            data = np.frombuffer(request.picture.data, np.uint8)
            pixels = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR_RGB), np.uint8)
            boundary, grid = tail.preprocess(pixels)
            cut = PICTURE_CUT
        else:
            cut, codec = coding_of(request.features, manifest)
            payloads = payloads_of(request.features, tail.bundle.codec(cut, codec))
            grid = claimed_grid(request.features, manifest.preprocessing)
            boundary, _ = tail.unpack(cut, codec, payloads, grid.tiles)
        prompt = tail.prompts.build(request.question, grid)
        return Seen(cut, boundary, prompt, request.generation.max_tokens)

    def embeds(self, seen: Seen) -> Tensor:
        """The prompt with its image tokens in place (1, length, width)."""
        tokens = self.tail.enter(seen.cut, [seen.boundary])
        ids = torch.tensor([seen.prompt], device=tokens.device)
        embeds: Tensor = self._family.decoder(self.tail.model).get_input_embeddings()(ids)
        embeds[ids == self._family.image_token(self.tail.model)] = tokens.flatten(0, 1).to(embeds.dtype)
        return embeds


def check_answers(manifest: pb.Manifest) -> None:
    """Raises RequestError for a bundle whose model does not answer from embeddings."""
    _causal(manifest)


def _causal(manifest: pb.Manifest) -> Causal:
    found = family(manifest.family)
    if not isinstance(found, Causal):
        raise RequestError(
            f"{manifest.model} is of the family {manifest.family}, which does not answer from "
            "embeddings, so there is no plain server to compare with; measure another bundle"
        )
    return found
