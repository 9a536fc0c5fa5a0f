"""Embeddings over HTTP: in the client's own form, of texts and of pictures."""

from typing import Any

import httpx
import numpy as np
import openai
import pytest

from edge.pictures.resampling import Picture
from protos.arrays import Floats
from protos.bundle import Bundle
from tests.edge.agent.http.serving import MODEL, PATIENCE_SECONDS, data_url, png, scene, serving


class Tall:
    """An Embedding of three numbers: the length of a text, or the height of a picture."""

    def text(self, text: str) -> Floats:
        return np.array([len(text), 0.5, 0], np.float32)

    def picture(self, picture: Picture) -> Floats:
        return np.array([picture.shape[0], 0.5, 1], np.float32)


def test_texts_and_pictures_are_embedded_in_order(bundle: Bundle) -> None:
    inputs = ["a cat", data_url(png(scene()))]
    with (
        serving(bundle, served={"embedding": Tall()}) as server,
        openai.OpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0) as client,
    ):
        for form in ({}, {"encoding_format": "float"}):  # the client asks for base64 unless told otherwise
            options: dict[str, Any] = form
            found = client.embeddings.create(model=MODEL, input=inputs, **options)
            assert [one.embedding for one in found.data] == [[5, 0.5, 0], [128, 0.5, 1]]
        with pytest.raises(openai.BadRequestError, match="have 3 dimensions"):
            client.embeddings.create(model=MODEL, input="a cat", dimensions=8)


def test_a_model_that_answers_questions_embeds_nothing(bundle: Bundle) -> None:
    with serving(bundle) as server:
        reply = httpx.post(
            f"{server.url}/v1/embeddings", json={"model": MODEL, "input": "a cat"}, timeout=PATIENCE_SECONDS
        )
    assert (reply.status_code, reply.json()["error"]["code"]) == (400, "unsupported")
