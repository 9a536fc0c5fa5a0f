from pathlib import Path

import pytest

from protos.connection.failures import failure
from protos.connection.peer import Credentials, Peer
from protos.errors import (
    CloudBusy,
    CloudError,
    ContentRefused,
    DeadlineError,
    IsthmusError,
    RequestError,
    TooLarge,
    UnknownFrame,
    UnusableCloud,
    WrongBundle,
)

PLAIN, TLS = Peer.parse("10.0.0.5:7070"), Peer.parse("https://cloud.example")
CONNECTING = "failed to connect to all addresses; last error: UNAVAILABLE: ipv4:10.0.0.5:7070: "
TOKEN = Peer.parse("https://cloud.example", Credentials(token_file=Path("token")))


@pytest.mark.parametrize(
    ("code", "details", "kind"),
    [
        ("UNAVAILABLE", "the service is shutting down", CloudError),
        ("INTERNAL", "the service failed at this request", CloudError),
        ("FAILED_PRECONDITION", "it serves 3fa9", WrongBundle),
        ("NOT_FOUND", "no such frame", UnknownFrame),
        ("INVALID_ARGUMENT", "a damaged payload", RequestError),
        ("OUT_OF_RANGE", "too far", RequestError),
        ("RESOURCE_EXHAUSTED", "the queue is full", CloudBusy),
        ("RESOURCE_EXHAUSTED", "Received message larger than max (5 vs. 4)", TooLarge),
        ("DEADLINE_EXCEEDED", "Deadline Exceeded", DeadlineError),
    ],
)
def test_what_our_service_says_is_passed_on(code: str, details: str, kind: type[IsthmusError]) -> None:
    error = failure(code, details, PLAIN)
    assert type(error) is kind
    assert details in str(error)
    assert error.facts == {"address": "10.0.0.5:7070", "status": code}


def test_what_a_content_filter_refuses_is_told_from_other_requests_that_cannot_be_answered() -> None:
    assert type(failure("INVALID_ARGUMENT", "ask something else", PLAIN, "CONTENT_FILTER")) is ContentRefused
    assert type(failure("INVALID_ARGUMENT", "ask something else", PLAIN, "ANOTHER")) is RequestError


@pytest.mark.parametrize(
    ("peer", "code", "details", "told"),
    [
        (PLAIN, "UNIMPLEMENTED", "Method not found!", "no service of Isthmus, or one of another version"),
        (PLAIN, "UNIMPLEMENTED", "Received http2 header with status: 404", "is a web server"),
        (
            PLAIN,
            "UNKNOWN",
            "Stream removed (Data frame with END_STREAM flag received)",
            "no service of Isthmus",
        ),
        (TLS, "UNAUTHENTICATED", "Received http2 header with status: 401", "--token-file FILE"),
        (TOKEN, "PERMISSION_DENIED", "expired", "refuses the token in token (expired)"),
    ],
)
def test_what_somebody_must_change_is_told_with_what_to_change(
    peer: Peer, code: str, details: str, told: str
) -> None:
    error = failure(code, details, peer)
    assert type(error) is UnusableCloud
    assert f"the cloud at {peer} cannot be used" in str(error)
    assert told in str(error)


@pytest.mark.parametrize(
    ("peer", "details", "told"),
    [
        (PLAIN, "Failed to connect to remote host: Connection refused", "nobody listens there"),
        (PLAIN, "Socket closed", "write https://"),
        (TLS, "Socket closed", "--client-cert and --client-key"),
        (TLS, "Network is unreachable", "Network is unreachable"),
    ],
)
def test_what_may_pass_by_itself_is_another_error(peer: Peer, details: str, told: str) -> None:
    error = failure("UNAVAILABLE", CONNECTING + details, peer)
    assert type(error) is CloudError
    assert told in str(error)


def test_a_token_that_expired_is_soon_renewed() -> None:
    words = "the token has expired; put a new one into the device's --token-file"
    error = failure("UNAUTHENTICATED", words, TOKEN)
    assert type(error) is CloudError
    assert "the token in token has expired; put a new one there" in str(error)


def test_a_death_in_mid_answer_wants_no_certificate() -> None:
    assert "--client-cert" not in str(failure("UNAVAILABLE", "Socket closed", TLS))
    assert "https" not in str(failure("UNAVAILABLE", "recvmsg:Connection reset by peer", PLAIN))


def test_a_page_of_a_stranger_is_not_printed_whole() -> None:
    assert len(str(failure("UNAVAILABLE", "x" * 100_000, PLAIN))) < 3000
