"""Who may look and who may act, from a browser."""

from pathlib import Path

import pytest

from cloud.config import AccessConfig
from cloud.fleet.driver.controller import Controller
from cloud.fleet.storage import rollouts
from cloud.fleet.storage.audit import records
from cloud.identity.identity import Identity
from cloud.identity.token_list import new_token
from tests.cloud.fleet.console.conftest import OWN, browsing
from tests.cloud.fleet.console.test_pages import started

ROLES = ("device", "viewer", "operator", "admin")


@pytest.fixture
def tokens(tmp_path: Path) -> dict[str, str]:
    """A token of each role, and the file that lists them."""
    made = {role: new_token(Identity.checked("plant", role, role)) for role in ROLES}
    (tmp_path / "tokens").write_text("".join(f"{entry}\n" for _, entry in made.values()))
    return {role: token for role, (token, _) in made.items()}


@pytest.fixture
def access(tmp_path: Path, tokens: dict[str, str]) -> AccessConfig:
    return AccessConfig(tokens=tmp_path / "tokens")


async def test_whoever_has_no_token_is_led_to_where_they_sign_in(
    controller: Controller, access: AccessConfig, tokens: dict[str, str]
) -> None:
    async with browsing(controller, access, headers=OWN) as client:
        led = await client.get("/devices/d1")
        assert (led.status_code, led.headers["location"]) == (303, "/login?next=/devices/d1")
        asked = await client.get(led.headers["location"])
        assert "Who are you?" in asked.text
        form = {"token": tokens["viewer"], "next": "/devices/d1"}
        entered = await client.post("/login", data=form)
        assert (entered.status_code, entered.headers["location"]) == (303, "/devices/d1")
        cookie = entered.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=strict" in cookie
        seen = await client.get("/devices/d1")
        assert "plant/viewer (viewer)" in seen.text
        assert (await client.get("/api/v1/devices")).status_code == 401, "a cookie is for pages alone"
        assert (await client.post("/logout")).status_code == 303
        assert (await client.get("/")).status_code == 303


async def test_behind_tls_the_cookie_goes_over_https_alone(
    controller: Controller, access: AccessConfig, tokens: dict[str, str]
) -> None:
    proxied = AccessConfig(tokens=access.tokens, behind_proxy=True)
    async with browsing(controller, proxied, headers=OWN) as client:
        cookie = (await client.post("/login", data={"token": tokens["viewer"]})).headers["set-cookie"]
    assert cookie.startswith("__Host-isthmus-fleet=")
    assert "Secure" in cookie


@pytest.mark.parametrize(("given", "said"), [("no such token", "not known here"), ("", "not known here")])
async def test_a_wrong_token_opens_nothing(
    controller: Controller, access: AccessConfig, given: str, said: str
) -> None:
    async with browsing(controller, access, headers=OWN) as client:
        refused = await client.post("/login", data={"token": given})
    assert (refused.status_code, "set-cookie" in refused.headers) == (401, False)
    assert said in refused.text


async def test_a_devices_token_opens_nothing(
    controller: Controller, access: AccessConfig, tokens: dict[str, str]
) -> None:
    async with browsing(controller, access, headers=OWN) as client:
        refused = await client.post("/login", data={"token": tokens["device"]})
    assert refused.status_code == 401
    assert "This token is a device" in refused.text


@pytest.mark.parametrize(
    "following", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:x"]
)
async def test_signing_in_leads_nowhere_else(
    controller: Controller, access: AccessConfig, tokens: dict[str, str], following: str
) -> None:
    async with browsing(controller, access, headers=OWN) as client:
        entered = await client.post("/login", data={"token": tokens["viewer"], "next": following})
    assert entered.headers["location"] == "/"


@pytest.mark.parametrize(
    ("role", "verb", "status"),
    [
        ("viewer", "pause", 403),
        ("viewer", "abort", 403),
        ("operator", "pause", 303),
        ("operator", "resume", 403),
        ("admin", "resume", 303),
        ("operator", "abort", 303),
    ],
)
async def test_roles_may_what_they_may_over_the_api(
    controller: Controller, access: AccessConfig, tokens: dict[str, str], role: str, verb: str, status: int
) -> None:
    name = started(controller)
    async with browsing(controller, access, headers=OWN) as client:
        await client.post("/login", data={"token": tokens[role]})
        done = await client.post(f"/rollouts/{name}/{verb}", data={"why": "shift change"})
        assert done.status_code == status
        shown = (await client.get(f"/rollouts/{name}")).text
    assert (f'href="/rollouts/{name}/abort"' in shown) == (role != "viewer" and verb != "abort")
    with controller.database.reading() as connection:
        newest = records(connection, name, 1)[0]
    assert (newest["who"] == f"plant/{role}" and newest["why"] == "shift change") == (status == 303)


async def test_an_abort_says_what_it_does_and_wants_a_reason(controller: Controller) -> None:
    name = started(controller)
    async with browsing(controller, headers=OWN) as client:
        asked = await client.get(f"/rollouts/{name}/abort")
        assert "1 device, get their earlier settings again" in asked.text
        assert (await client.post(f"/rollouts/{name}/abort", data={"why": " "})).status_code == 400
        done = await client.post(f"/rollouts/{name}/abort", data={"why": "a doubt"})
        assert done.headers["location"] == f"/rollouts/{name}"
        assert "Aborted" in (await client.get(f"/rollouts/{name}")).text
        again = await client.post(f"/rollouts/{name}/abort", data={"why": "a doubt"})
    assert again.status_code == 400
    assert "nothing to abort" in again.text


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site", "origin": "http://127.0.0.1"},
    ],
)
async def test_a_form_on_another_site_changes_nothing(
    controller: Controller, access: AccessConfig, tokens: dict[str, str], headers: dict[str, str]
) -> None:
    name = started(controller)
    async with browsing(controller, access) as client:
        await client.post("/login", data={"token": tokens["admin"]}, headers=OWN)
        refused = await client.post(f"/rollouts/{name}/abort", data={"why": "x"}, headers=headers)
    assert refused.status_code == 403
    with controller.database.reading() as connection:
        assert rollouts.rollout_of(connection, name).state.status.value == "running"


async def test_a_form_that_is_too_large_is_refused(controller: Controller) -> None:
    name = started(controller)
    async with browsing(controller, headers=OWN) as client:
        refused = await client.post(f"/rollouts/{name}/abort", data={"why": "x" * 20_000})
    assert refused.status_code == 413
