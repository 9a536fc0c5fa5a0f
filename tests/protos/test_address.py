import pytest

from protos.address import check_peer, split_address
from protos.errors import RequestError

NO_ADDRESSES = (
    *("7070", ":7070", "localhost", "::1:7070", "[::1:7070", "[]:1", "host:http", "host:-1", "", "a b:1"),
    *("http://host:80", "https://host", "dns:///host:80", "unix:/tmp/socket", "host:80/", "host:\u0661"),
)


@pytest.mark.parametrize(
    ("text", "address"),
    [("127.0.0.1:7070", ("127.0.0.1", 7070)), ("[::1]:0", ("[::1]", 0)), ("edge-1:80", ("edge-1", 80))],
)
def test_an_address_is_a_host_and_a_port(text: str, address: tuple[str, int]) -> None:
    assert split_address(text, "it") == address


@pytest.mark.parametrize("text", NO_ADDRESSES)
def test_anything_else_is_refused_with_the_form_of_one(text: str) -> None:
    with pytest.raises(RequestError, match=r"the cloud's address .* write HOST:PORT"):
        check_peer(text)


def test_a_port_that_no_service_can_have_is_refused() -> None:
    with pytest.raises(RequestError, match="at most 65535"):
        check_peer("host:65536")
    with pytest.raises(RequestError, match="the one it listens on"):
        check_peer("host:0")
