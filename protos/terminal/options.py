"""The options that many commands have, each added and read in one place."""

import argparse
from collections.abc import Callable
from pathlib import Path

from protos.bundle import MANIFEST, Bundle
from protos.config import built_in_bundle, named_bundle
from protos.connection.peer import Credentials, Peer
from protos.errors import BundleMissing, RequestError
from protos.packed import bundle_at
from protos.terminal.arguments import number

_TLS = "For a service that is reached by https://HOST[:PORT]; without https:// nothing is encrypted."


def add_bundle(parser: argparse.ArgumentParser, *, built_in: bool = True) -> None:
    """-b, --bundle PLACE. `built_in`: the command works with the built-in model's bundle too."""
    default = "$ISTHMUS_BUNDLE, or the built-in model's" if built_in else "$ISTHMUS_BUNDLE"
    parser.add_argument(
        "-b",
        "--bundle",
        type=Path,
        metavar="PLACE",
        help=f"folder that `isthmus split` made, or file of `isthmus bundle pack` (default: {default})",
    )


def add_json(parser: argparse.ArgumentParser) -> None:
    """--json."""
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")


def add_device_profile(add_argument: Callable[..., object]) -> None:
    """--device PROFILE, by the method of a parser or of a group."""
    add_argument(
        "--device",
        type=Path,
        metavar="PROFILE",
        help="what `isthmus edge profile -o PROFILE` wrote on the device",
    )


def add_max_loss(add_argument: Callable[..., object], words: str) -> None:
    """--max-loss POINTS, likewise; `words` say of what."""
    add_argument(
        "--max-loss",
        type=number(0, 100, "points of accuracy"),
        default=1.0,
        metavar="POINTS",
        help=f"{words} (default: 1 point)",
    )


def add_credentials(parser: argparse.ArgumentParser) -> None:
    """Describe them; `peer_of` and `credentials_of` read them."""
    group = parser.add_argument_group("a cloud with TLS", _TLS)
    for option, text in (
        ("--ca", "whom to trust for its certificate (default: the public authorities that gRPC knows)"),
        ("--client-cert", "the certificate that this device shows, with --client-key"),
        ("--client-key", "its key"),
        ("--token-file", "send the token in this file with every call; it is read anew each time"),
    ):
        group.add_argument(option, type=Path, metavar="FILE", help=text)


def peer_of(address: str, options: argparse.Namespace) -> Peer:
    """The service at an address, with the credentials of the command line. Raises RequestError."""
    return Peer.parse(address, credentials_of(options))


def credentials_of(options: argparse.Namespace) -> Credentials:
    """Those of the command line."""
    return Credentials(options.ca, options.client_cert, options.client_key, options.token_file)


def open_bundle(chosen: Path | None) -> Bundle:
    """The bundle that was chosen, else that of $ISTHMUS_BUNDLE, else the built-in model's. Raises
    BundleError.
    """
    place = chosen or named_bundle()
    if place:
        return bundle_at(place)
    built_in = built_in_bundle()
    if not (built_in / MANIFEST).exists():
        remedy = f"make the built-in model's with: isthmus split -o {built_in} --local small"
        raise BundleMissing(f"no bundle is named; give --bundle PLACE, or {remedy}", path=str(built_in))
    return Bundle.open(built_in)


def open_named_bundle(chosen: Path | None, what: str) -> Bundle:
    """The same for a command that needs `what`, which the built-in model's is not. Raises RequestError where
    none is named, and BundleError.
    """
    place = chosen or named_bundle()
    if not place:
        raise RequestError(f"no bundle is named; give {what} with --bundle PLACE, or set $ISTHMUS_BUNDLE")
    return bundle_at(place)
