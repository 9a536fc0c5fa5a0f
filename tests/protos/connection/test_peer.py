from pathlib import Path

import pytest

from protos.connection.peer import Credentials, Peer
from protos.errors import RequestError

FILE = Path("some.pem")


@pytest.mark.parametrize(
    ("text", "target", "tls"),
    [
        ("10.0.0.5:7070", "10.0.0.5:7070", False),
        ("http://10.0.0.5:7070/", "10.0.0.5:7070", False),
        ("https://cloud.example", "cloud.example:443", True),
        ("HTTPS://cloud.example:8443/", "cloud.example:8443", True),
        ("https://[::1]", "[::1]:443", True),
        ("https://[::1]:7", "[::1]:7", True),
    ],
)
def test_the_scheme_says_whether_there_is_tls(text: str, target: str, tls: bool) -> None:
    peer = Peer.parse(text)
    assert (peer.target, peer.tls) == (target, tls)
    assert Peer.parse(str(peer)) == peer


@pytest.mark.parametrize(
    "text", ["grpc://host:1", "dns:///host:1", "unix:///tmp/socket", "ftp://host", "//host:1"]
)
def test_another_scheme_is_refused(text: str) -> None:
    with pytest.raises(RequestError, match="write HOST:PORT or https://HOST"):
        Peer.parse(text)


@pytest.mark.parametrize(
    "text", ["http://host", "https://", "https://host:1/path", "https://a b", "host:1/", "https://:7"]
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(RequestError, match="is not an address"):
        Peer.parse(text)


@pytest.mark.parametrize("text", ["host:0", "https://host:0"])
def test_port_0_is_refused(text: str) -> None:
    with pytest.raises(RequestError, match="the one it listens on"):
        Peer.parse(text)


def test_a_client_certificate_needs_its_key() -> None:
    with pytest.raises(RequestError, match="both --client-cert and --client-key"):
        Credentials(client_cert=FILE)


@pytest.mark.parametrize(
    "credentials", [Credentials(ca=FILE), Credentials(client_cert=FILE, client_key=FILE)]
)
def test_certificates_mean_nothing_without_tls(credentials: Credentials) -> None:
    with pytest.raises(RequestError, match=r"write https://127\.0\.0\.1:7"):
        Peer.parse("127.0.0.1:7", credentials)


def test_a_token_goes_in_the_clear_to_this_machine_only() -> None:
    token = Credentials(token_file=FILE)
    assert Peer.parse("localhost:7", token).credentials == token
    assert Peer.parse("https://cloud.example", token).credentials == token
    with pytest.raises(RequestError, match="could be read on the way"):
        Peer.parse("10.0.0.5:7070", token)
