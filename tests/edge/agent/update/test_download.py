"""An archive fetched: it goes on where it broke off, and nothing too large is kept."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edge.agent.config.reading import settings_of
from edge.agent.update.download import BundleDownload
from protos.errors import BundleError, CloudError, RequestError
from tests.edge.agent.update.archives import ArchiveServer, archive_server

pytestmark = pytest.mark.asyncio
CONTENT = bytes(range(256)) * 8000
PATH = "/bundle.tar.zst"


@pytest.fixture
def server() -> Iterator[ArchiveServer]:
    with archive_server() as found:
        found.files[PATH] = CONTENT
        yield found


def download(server: ArchiveServer, target: Path, **fields: Any) -> BundleDownload:
    update = {"url": server.url + PATH, "every": "1h"} | fields
    found = settings_of({"update": update}).update
    assert found
    return BundleDownload(found, target)


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


async def test_what_broke_off_goes_on_in_another_process(server: ArchiveServer, tmp_path: Path) -> None:
    server.breaks = [700_000, 300_000]
    for _ in range(2):
        with pytest.raises(CloudError, match=r"broke off, \d+ bytes of a bundle are here"):
            await download(server, tmp_path / "a").fetch(server.url + PATH)
    begun = download(server, tmp_path / "a").size
    assert 0 < begun <= 1_000_000
    await download(server, tmp_path / "a").fetch(server.url + PATH)
    assert (tmp_path / "a").read_bytes() == CONTENT
    assert [status for _, _, status in server.asked] == [200, 206, 206]
    assert server.asked[-1][1]["Range"] == f"bytes={begun}-"
    assert names(tmp_path) == ["a"]


async def test_a_part_of_what_has_changed_since_is_left(server: ArchiveServer, tmp_path: Path) -> None:
    server.breaks = [700_000]
    with pytest.raises(CloudError):
        await download(server, tmp_path / "a").fetch(server.url + PATH)
    server.files[PATH] = CONTENT[::-1]
    await download(server, tmp_path / "a").fetch(server.url + PATH)
    assert (tmp_path / "a").read_bytes() == CONTENT[::-1]
    assert server.asked[-1][2] == 200


async def test_what_is_known_is_not_fetched_again(server: ArchiveServer, tmp_path: Path) -> None:
    first = await download(server, tmp_path / "a").fetch(server.url + PATH)
    assert first
    assert first.etag == f'"{hashlib.sha256(CONTENT).hexdigest()[:8]}"'
    assert await download(server, tmp_path / "a").fetch(server.url + PATH, first.etag) is None


async def test_what_is_too_large_is_refused_before_it_is_written(
    server: ArchiveServer, tmp_path: Path
) -> None:
    fetching = download(server, tmp_path / "a", **{"max-bytes": "1MB"})
    with pytest.raises(
        BundleError, match=r"2048000 bytes or more, update\.max-bytes allows 1000000; raise it"
    ):
        await fetching.fetch(server.url + PATH)
    assert names(tmp_path) == []


async def test_the_token_is_sent_and_a_file_without_one_is_named(
    server: ArchiveServer, tmp_path: Path
) -> None:
    token = tmp_path / "token"
    token.write_text("open sesame\n")
    await download(server, tmp_path / "a", **{"token-file": str(token)}).fetch(server.url + PATH)
    assert server.asked[-1][1]["Authorization"] == "Bearer open sesame"
    token.write_text("")
    with pytest.raises(RequestError, match="there is no secret in"):
        await download(server, tmp_path / "a", **{"token-file": str(token)}).fetch(server.url + PATH)


async def test_an_address_with_nothing_behind_it_is_named_without_its_query(
    server: ArchiveServer, tmp_path: Path
) -> None:
    with pytest.raises(CloudError, match=r"/none.tar\?\*\*\* answers 404; put there"):
        await download(server, tmp_path / "a").fetch(server.url + "/none.tar?key=geheim")
