import pytest

from protos.connection.address import is_loopback, split_address
from protos.errors import RequestError

NO_ADDRESSES = (
    *("7070", ":7070", "localhost", "::1:7070", "[::1:7070", "[]:1", "host:http", "host:-1", "", "a b:1"),
    *("http://host:80", "https://host", "dns:///host:80", "unix:/tmp/socket", "host:80/", "host:\u0661"),
    *("host\x00:80", "host\udcff:80"),
)


@pytest.mark.parametrize(
    ("text", "address"),
    [("127.0.0.1:7070", ("127.0.0.1", 7070)), ("[::1]:0", ("[::1]", 0)), ("edge-1:80", ("edge-1", 80))],
)
def test_an_address_is_a_host_and_a_port(text: str, address: tuple[str, int]) -> None:
    assert split_address(text, "it") == address


@pytest.mark.parametrize("text", NO_ADDRESSES)
def test_anything_else_is_refused_with_the_form_of_one(text: str) -> None:
    with pytest.raises(RequestError, match=r"it .* is not an address; write HOST:PORT"):
        split_address(text, "it")


def test_a_port_that_no_service_can_have_is_refused() -> None:
    with pytest.raises(RequestError, match="at most 65535"):
        split_address("host:65536", "it")


def test_loopback_is_this_machine_alone() -> None:
    assert all(map(is_loopback, ("localhost", "127.0.0.1", "127.8.8.8", "[::1]")))
    assert not any(map(is_loopback, ("0.0.0.0", "10.0.0.5", "[::]", "cloud.example", "localhost.example")))
