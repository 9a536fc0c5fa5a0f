"""What an operator may set, and how a wrong setting is told."""

from pathlib import Path

import pytest

from cloud.config import ServeConfig, listen_address
from protos.errors import RequestError


@pytest.mark.parametrize(
    ("text", "address"),
    [("127.0.0.1:7070", ("127.0.0.1", 7070)), ("[::1]:0", ("[::1]", 0)), ("localhost:80", ("localhost", 80))],
)
def test_an_address_is_a_host_and_a_port(text: str, address: tuple[str, int]) -> None:
    assert listen_address(text) == address


@pytest.mark.parametrize("text", ["7070", ":7070", "localhost", "::1:7070", "host:http", "host:-1", ""])
def test_what_is_no_address_says_what_is(text: str) -> None:
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
        ("threads", -1),
        ("drain", -1.0),
        ("keep", -1.0),
    ],
)
def test_a_setting_out_of_bounds_is_named(setting: str, value: object) -> None:
    with pytest.raises(RequestError, match=str(value)):
        ServeConfig((Path(),), **{setting: value})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("host", "loopback"),
    [("127.0.0.1", True), ("[::1]", True), ("localhost", True), ("0.0.0.0", False), ("a.b", False)],
)
def test_loopback_is_known(host: str, loopback: bool) -> None:
    assert ServeConfig((Path(),), host=host).loopback is loopback
