"""Who may ask: this machine's own programs, and whoever knows the token; no page of another site."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from edge.agent.http.settings import HttpSettings
from protos.bundle import Bundle
from protos.errors import RequestError
from tests.edge.agent.http.serving import PATIENCE_SECONDS, Running, serving

TOKEN = "a token of this device"
MODELS = "/v1/models"


@pytest.fixture(scope="module")
def open_to_all(bundle: Bundle) -> Iterator[httpx.Client]:
    with (
        serving(bundle, hosts=("camera.example",)) as server,
        httpx.Client(base_url=server.url, timeout=PATIENCE_SECONDS) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def guarded(bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    file = tmp_path_factory.mktemp("token") / "token"
    file.write_text(f"{TOKEN}\n")
    with serving(bundle, token_file=file) as server:
        yield server


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8080", "", "127.0.0.1.evil.example", "[x"])
def test_a_foreign_name_is_refused(open_to_all: httpx.Client, host: str) -> None:
    reply = open_to_all.get(MODELS, headers={"host": host})
    assert reply.status_code == 421
    assert "http.hosts" in reply.json()["error"]["message"]


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:1", "[::1]:8080", "Camera.example", "192.168.1.7"])
def test_the_device_s_own_names_are_let_in(open_to_all: httpx.Client, host: str) -> None:
    assert open_to_all.get(MODELS, headers={"host": host}).status_code == 200


def test_pages_of_other_sites_get_nothing(open_to_all: httpx.Client) -> None:
    for headers in ({"origin": "https://evil.example"}, {"origin": "null"}, {"sec-fetch-site": "cross-site"}):
        assert open_to_all.get(MODELS, headers=headers).status_code == 403
    own = open_to_all.get(MODELS, headers={"origin": str(open_to_all.base_url).rstrip("/")})
    assert own.status_code == 200
    assert not [name for name in own.headers if name.startswith("access-control")]
    followed = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
    assert open_to_all.get("/", headers=followed).status_code == 200


def test_who_has_no_token_learns_that_the_agent_lives_and_no_more(guarded: Running) -> None:
    with httpx.Client(base_url=guarded.url, timeout=PATIENCE_SECONDS) as client:
        for path in (MODELS, "/", "/metrics", "/live", "/frames/1.jpg", "/answers/1"):
            reply = client.get(path)
            assert (reply.status_code, reply.json()["error"]["code"]) == (401, "invalid_api_key")
        assert client.post("/v1/chat/completions", content=b"{").status_code == 401
        assert client.get(MODELS, headers={"authorization": "Bearer wrong"}).status_code == 401
        assert client.get("/healthz").json() == {"status": "alive"}
        told = client.get("/healthz", headers={"authorization": f"Bearer {TOKEN}"})
        assert set(told.json()) == {"status", "bundle", "model", "in_use_seconds"}
        assert client.get(MODELS, headers={"authorization": f"Bearer {TOKEN}"}).status_code == 200


def test_a_browser_logs_in_and_keeps_no_token(guarded: Running) -> None:
    with httpx.Client(base_url=guarded.url, headers={"accept": "text/html"}) as client:
        assert client.get("/").headers["location"] == "/login"
        assert "password" in client.get("/login").text
        wrong = client.post("/login", data={"token": "wrong"})
        assert (wrong.status_code, "set-cookie" in wrong.headers) == (401, False)
        given = client.post("/login", data={"token": TOKEN})
        cookie = given.headers["set-cookie"].lower()
        assert given.status_code == 303
        assert "httponly" in cookie
        assert "samesite=strict" in cookie
        assert TOKEN not in cookie
        assert client.get("/").status_code == 200


def test_a_token_that_is_changed_ends_what_was_let_in(bundle: Bundle, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(TOKEN)
    with (
        serving(bundle, token_file=file) as server,
        httpx.Client(base_url=server.url, timeout=PATIENCE_SECONDS) as client,
    ):
        client.post("/login", data={"token": TOKEN})
        assert client.get("/").status_code == 200
        file.write_text("another token of this device")
        assert client.get("/").status_code == 401
        file.unlink()
        assert client.get("/").status_code == 503


def test_strangers_need_a_token() -> None:
    with pytest.raises(RequestError, match=r"reached from other machines; give http.token-file"):
        HttpSettings(listen="0.0.0.0:8080").check()
    HttpSettings(listen="0.0.0.0:8080", token_file=Path("token")).check()


def test_a_token_that_is_none_is_said_before_anything_is_served(bundle: Bundle, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("\n")
    with pytest.raises(RequestError, match="no token of 16"), serving(bundle, token_file=tmp_path / "token"):
        pass
