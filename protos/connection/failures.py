"""What a failed call means: gRPC's status and words, to an error that says why and what to do."""

from typing import NamedTuple

from protos.connection.peer import Peer
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

_MAX_DETAILS = 2000  # characters: more than our service says; what a stranger says may be a page

_REFUSALS: dict[str, type[IsthmusError]] = {
    "FAILED_PRECONDITION": WrongBundle,
    "NOT_FOUND": UnknownFrame,
    "INVALID_ARGUMENT": RequestError,
    "OUT_OF_RANGE": RequestError,
    "RESOURCE_EXHAUSTED": CloudBusy,
}


class _Fault(NamedTuple):
    """What is wrong, in few words, and what to do. `lasting`: until somebody changes something."""

    reason: str
    remedy: str
    lasting: bool = True


_RUNS = "check the address, and that `isthmus cloud serve` runs there"
_PORT = "check the address and the port"
_OF_STATUS = {
    "UNIMPLEMENTED": _Fault(
        "what answers is no service of Isthmus, or one of another version",
        f"{_PORT}, and the versions of both",
    ),
    "UNKNOWN": _Fault("what answers is no service of Isthmus", _PORT),
}
# what gRPC says where a connection or an answer is not as it should be: the first that is found
_OF_WORDS = {
    "Hostname Verification Check failed": _Fault(
        "its certificate is another host's", "write the name that the certificate holds"
    ),
    "certificate has expired": _Fault(
        "its certificate has expired", "renew it there, or set this machine's clock right"
    ),
    "certificate is not yet valid": _Fault(
        "its certificate is not valid yet", "set this machine's clock right, or wait"
    ),
    "CERTIFICATE_VERIFY_FAILED": _Fault(
        "its certificate is signed by nobody whom this device trusts",
        "give its authority's certificate with --ca FILE",
    ),
    "WRONG_VERSION_NUMBER": _Fault(
        "it speaks no TLS", "write the address without https://, or the port for TLS"
    ),
    "missing selected ALPN": _Fault("it speaks TLS, but not gRPC", _PORT),
    "Failed parsing HTTP/2": _Fault(
        "what answers speaks no gRPC, or only behind TLS", f"{_PORT}; for TLS write https://"
    ),
    "http2 header with status: 400": _Fault(
        "it refuses this device's connection", "it may want a certificate: --client-cert and --client-key"
    ),
    "http2 header with status: 4": _Fault("what answers is a web server, and no service of Isthmus", _PORT),
    "http2 header with status: 5": _Fault("a proxy answers, and nobody behind it", _RUNS, lasting=False),
    "Connection refused": _Fault("nobody listens there", _RUNS, lasting=False),
    "errors resolving": _Fault("its name is not known", "check the address, and the network", lasting=False),
}
REASON = "isthmus-reason"  # of the trailing metadata of a call that failed
_EXPIRED = "the token has expired"  # our service's words
_HUNG_UP = ("Socket closed", "Connection reset", "Broken pipe")


def failure(code: str, details: str, peer: Peer, reason: str = "") -> IsthmusError:
    """The error for a status of gRPC, by its name, and the words and the reason that came with it."""
    details = details[:_MAX_DETAILS]
    if code in _REFUSALS:
        kind = _refusal(code, details, reason)
        return kind(f"the cloud at {peer} refused: {details}", address=str(peer), status=code)
    if code == "DEADLINE_EXCEEDED":
        remedy = "allow more time, or a local answer, and check the address"
        text = f"the cloud at {peer} did not answer in time ({details}); {remedy}"
        return DeadlineError(text, address=str(peer), status=code)
    fault = _fault(code, details, peer)
    if fault.lasting:
        text = f"the cloud at {peer} cannot be used: {fault.reason}; {fault.remedy}"
        return UnusableCloud(text, address=str(peer), status=code, reason=fault.reason)
    return CloudError(
        f"the cloud at {peer} did not answer: {fault.reason}; {fault.remedy}", address=str(peer), status=code
    )


def _refusal(code: str, details: str, reason: str) -> type[IsthmusError]:
    if code == ContentRefused.status and reason == ContentRefused.reason:
        return ContentRefused
    # gRPC's own words for a message over the receiver's limit
    return TooLarge if code == "RESOURCE_EXHAUSTED" and "larger than max" in details else _REFUSALS[code]


def _fault(code: str, details: str, peer: Peer) -> _Fault:
    if code in {"UNAUTHENTICATED", "PERMISSION_DENIED"}:
        return _no_entry(details, peer)
    named = next((fault for words, fault in _OF_WORDS.items() if words in details), None)
    if named or code in _OF_STATUS:
        return named or _OF_STATUS[code]
    if details.startswith("failed to connect") and any(words in details for words in _HUNG_UP):
        wants = "a certificate: --client-cert and --client-key" if peer.tls else "TLS: write https://"
        return _Fault("it hung up at once", f"it may want {wants}", lasting=False)
    return _Fault(f"{code}, {details}", _RUNS, lasting=False)


def _no_entry(details: str, peer: Peer) -> _Fault:
    file = peer.credentials.token_file
    if file is None:
        return _Fault(f"it lets nobody in without a token ({details})", "give one with --token-file FILE")
    if _EXPIRED in details:  # whatever renews it does so soon
        return _Fault(f"the token in {file} has expired", "put a new one there", lasting=False)
    return _Fault(f"it refuses the token in {file} ({details})", "put one there that it knows")
