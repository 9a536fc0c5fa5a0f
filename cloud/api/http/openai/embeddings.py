"""`POST /v1/embeddings`: texts, or a picture, in the space that a dual encoder has for both."""

from typing import Any

import numpy as np

from cloud.api.http.openai.models import Models
from cloud.models.dual_encoder import DualEncoder
from protos import inference_pb2 as ip
from protos.http.openai.data_urls import DATA, data_of
from protos.http.openai.embeddings import EmbeddingRequest, embeddings_reply
from protos.http.openai.reading import read_json
from protos.http.refusals import UNSUPPORTED, Refused


class EmbeddingExchange:
    """One request, from its body to its reply."""

    def __init__(self, models: Models) -> None:
        self._models = models
        self._asked = EmbeddingRequest(model="", input=[""])

    def message(self, body: bytes) -> ip.EmbedRequest:
        """The request that the body is. Raises Refused, PictureError."""
        self._asked = asked = read_json(body, EmbeddingRequest)
        tail = self._models.find(asked.model)
        if not isinstance(tail, DualEncoder):
            words = "this model answers questions and embeds nothing; use a CLIP or SigLIP bundle"
            raise Refused(UNSUPPORTED, words, "model")
        pictures = [one for one in asked.inputs if one.startswith(DATA)]
        if not pictures:
            return ip.EmbedRequest(bundle=tail.bundle.id, texts=ip.Texts(texts=asked.inputs))
        if len(asked.inputs) > 1:
            raise Refused(UNSUPPORTED, "a picture is embedded alone; send a request for each", "input")
        return ip.EmbedRequest(bundle=tail.bundle.id, picture=ip.Picture(data=data_of(pictures[0])))

    def reply(self, embedded: ip.EmbedReply) -> dict[str, Any]:
        """Raises Refused for dimensions that the embeddings have not."""
        rows = [np.array(one.values, np.float32) for one in embedded.embeddings]
        return embeddings_reply(self._asked, rows)
