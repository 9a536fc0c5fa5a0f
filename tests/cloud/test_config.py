"""Options of the service, and the message of a wrong one."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cloud.config import AccessConfig, ServeConfig, listen_address
from protos.errors import RequestError

FILE = Path("file")
TLS, PROXIED = AccessConfig(FILE, FILE), AccessConfig(behind_proxy=True)


@pytest.mark.parametrize(
    ("text", "address"),
    [("127.0.0.1:7070", ("127.0.0.1", 7070)), ("[::1]:0", ("[::1]", 0)), ("localhost:80", ("localhost", 80))],
)
def test_an_address_is_a_host_and_a_port(text: str, address: tuple[str, int]) -> None:
    assert listen_address(text) == address


@pytest.mark.parametrize("text", ["7070", ":7070", "localhost", "::1:7070", "host:http", "host:-1", ""])
def test_no_address_is_refused_with_the_form_of_one(text: str) -> None:
    with pytest.raises(RequestError, match="write HOST:PORT"):
        listen_address(text)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("port", 70_000),
        ("device", "tpu"),
        ("dtype", "int8"),
        ("max_batch", 0),
        ("max_waiting", 0),
        ("max_wait", -0.001),
        ("text_interval", -0.05),
        ("threads", -1),
        ("drain", -1.0),
        ("keep", -1.0),
        ("max_request", -1),
        ("bundle_folder", Path("nowhere")),
        ("keep_results", -1.0),
        ("max_prefix_bytes", -1),
        ("step_limit", 0.5),
    ],
)
def test_a_setting_out_of_bounds_is_named(setting: str, value: object) -> None:
    with pytest.raises(RequestError, match=str(value)):
        ServeConfig((Path(),), **{setting: value})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("url", "words"),
    [("localhost:6379", "no URL of Redis"), ("redis://10.0.0.7:6379", "10.0.0.7 without TLS")],
)
def test_a_redis_that_others_could_read_is_refused(url: str, words: str) -> None:
    with pytest.raises(RequestError, match=words):
        ServeConfig((Path(),), redis=url)
    for good in ("redis://localhost:6379/0", "rediss://10.0.0.7:6379", "unix:///run/redis.sock"):
        ServeConfig((Path(),), redis=good)


@pytest.mark.parametrize(
    ("host", "loopback"),
    [("127.0.0.1", True), ("[::1]", True), ("localhost", True), ("0.0.0.0", False), ("a.b", False)],
)
def test_loopback_is_known(host: str, loopback: bool) -> None:
    assert ServeConfig((Path(),), host=host, access=PROXIED).loopback is loopback


@pytest.mark.parametrize(
    ("access", "missing"),
    [
        (AccessConfig(), r"give TLS \(--tls-cert and --tls-key\) and a way to know callers"),
        (TLS, r"give a way to know callers \(--tokens, --jwks or --client-ca\)"),
        (AccessConfig(tokens=FILE), r"give TLS \(--tls-cert and --tls-key\), or listen"),
    ],
)
def test_beyond_loopback_tls_and_identities_are_needed_or_a_proxy(access: AccessConfig, missing: str) -> None:
    with pytest.raises(RequestError, match=missing) as refused:
        ServeConfig((Path(),), host="0.0.0.0", access=access)
    assert "--behind-proxy" in str(refused.value)
    ServeConfig((Path(),), access=access)
    ServeConfig((Path(),), host="0.0.0.0", access=replace(access, behind_proxy=True))


@pytest.mark.parametrize(
    "way",
    [{"tokens": FILE}, {"client_ca": FILE}, {"jwks": "keys.json", "audience": "isthmus", "issuer": "us"}],
)
def test_with_both_others_are_let_in(way: dict[str, Any]) -> None:
    ServeConfig((Path(),), host="0.0.0.0", access=replace(TLS, **way))


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"tls_cert": FILE}, "give both --tls-cert and --tls-key"),
        ({"tls_key": FILE}, "give both --tls-cert and --tls-key"),
        ({"client_ca": FILE}, "--client-ca is of TLS"),
        ({"jwks": "keys.json"}, "--jwks goes with --audience and --issuer"),
        ({"jwks": "keys.json", "audience": "isthmus"}, "--jwks goes with --audience and --issuer"),
        ({"audience": "isthmus", "issuer": "us"}, "--jwks goes with --audience and --issuer"),
        ({"jwks": "http://login.example/", "audience": "a", "issuer": "b"}, "without TLS; write https://"),
        ({"jwks": "ftp://login.example/", "audience": "a", "issuer": "b"}, "write https://"),
    ],
)
def test_options_that_do_not_go_together_are_told(options: dict[str, Any], told: str) -> None:
    with pytest.raises(RequestError, match=told):
        AccessConfig(**options)


def test_http_beyond_loopback_needs_what_grpc_does() -> None:
    with pytest.raises(RequestError, match=r"--http 0\.0\.0\.0:9464 is reached .*--tokens, --jwks"):
        ServeConfig((FILE,), http=("0.0.0.0", 9464))
    assert ServeConfig((FILE,), http=("0.0.0.0", 9464), access=PROXIED).http
    assert ServeConfig((FILE,), http=("127.0.0.1", 9464)).http


@pytest.mark.parametrize("url", ["127.0.0.1:4318", "grpc://127.0.0.1:4317", "http://"])
def test_traces_go_to_a_url(url: str) -> None:
    with pytest.raises(RequestError, match=r"--traces .* give a URL"):
        ServeConfig((FILE,), traces=url)
