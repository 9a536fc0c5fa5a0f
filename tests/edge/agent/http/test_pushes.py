"""A picture that is pushed to a source."""

from collections.abc import Iterator

import httpx
import numpy as np
import pytest

from edge.pictures.resampling import Picture
from protos.bundle import Bundle
from protos.errors import UnknownName
from tests.edge.agent.http.serving import PATIENCE_SECONDS, png, scene, serving


class OnePlace:
    """A source `door` with room for one picture."""

    def __init__(self) -> None:
        self.pictures: list[Picture] = []

    def push(self, source: str, picture: Picture) -> bool:
        if source != "door":
            raise UnknownName("source that pictures are pushed to", source, ["door"])
        if self.pictures:
            return False
        self.pictures.append(picture)
        return True


@pytest.fixture
def door() -> OnePlace:
    return OnePlace()


@pytest.fixture
def client(bundle: Bundle, door: OnePlace) -> Iterator[httpx.Client]:
    with (
        serving(bundle, served={"pushed": door}) as server,
        httpx.Client(base_url=server.url, timeout=PATIENCE_SECONDS) as client,
    ):
        yield client


def test_a_picture_waits_to_be_asked_about(client: httpx.Client, door: OnePlace) -> None:
    assert client.post("/v1/push/door", content=png(scene())).status_code == 202
    assert np.array_equal(door.pictures[0], scene())


def test_what_cannot_be_taken_is_refused(client: httpx.Client) -> None:
    assert client.post("/v1/push/door", content=b"no picture").status_code == 400
    unknown = client.post("/v1/push/dor", content=png(scene()))
    assert unknown.status_code == 404
    assert "did you mean door" in unknown.json()["error"]["message"]
    client.post("/v1/push/door", content=png(scene()))
    full = client.post("/v1/push/door", content=png(scene()))
    assert (full.status_code, full.headers["retry-after"]) == (429, "1")
