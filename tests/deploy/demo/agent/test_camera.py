import httpx
import pytest

from deploy.demo.agent.camera import VIEWS, drawn_cameras
from edge.agent.settings.quantities import Url
from edge.agent.sources.kinds.stream import StreamSource
from edge.agent.sources.opening import Inboxes, Opening


@pytest.mark.parametrize("view", VIEWS)
def test_an_agent_can_watch_each_view(view: str) -> None:
    with drawn_cameras() as address:
        source = StreamSource(name=view, url=Url(f"{address}/{view}"))
        source.check()
        with source.open(Opening(Inboxes())) as opened:
            shots = opened.shots()
            pictures = [next(shots)() for _ in range(3)]
    assert {picture.shape for picture in pictures} == {(512, 512, 3)}


def test_there_is_nothing_else() -> None:
    with drawn_cameras() as address:
        assert httpx.get(f"{address}/etc/passwd").status_code == 404
