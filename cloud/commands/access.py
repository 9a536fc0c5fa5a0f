"""Who may call a server of ours, as options: of the service, and of a fleet's controller."""

import argparse
from dataclasses import fields
from pathlib import Path

from cloud.config import AccessConfig


def add_access(parser: argparse.ArgumentParser, server: str) -> None:
    """`server`: what it is called, "service" or "controller"."""
    group = parser.add_argument_group(
        "who may call", "beyond loopback: TLS, and one or more of --client-ca, --tokens and --jwks"
    )
    for option, metavar, text in (
        ("--tls-cert", "FILE", f"the {server}'s certificate, and those between it and its authority, in PEM"),
        ("--tls-key", "FILE", "its key"),
        (
            "--client-ca",
            "FILE",
            "connect only who shows a certificate of this authority, which names them",
        ),
        ("--tokens", "FILE", "let in who brings a token of this list; `isthmus cloud token` makes one"),
    ):
        group.add_argument(option, type=Path, metavar=metavar, help=text)
    for option, metavar, text in (
        ("--jwks", "FILE|URL", "let in who brings a web token (JWT) that one of these keys signed"),
        ("--audience", "NAME", "what a web token must be for: its claim `aud`"),
        ("--issuer", "NAME", "whom it must be of: its claim `iss`"),
    ):
        group.add_argument(option, metavar=metavar, help=text)
    group.add_argument(
        "--behind-proxy",
        action="store_true",
        help=f"listen beyond loopback without these: only a proxy reaches the {server}, and has both",
    )


def access_of(options: argparse.Namespace) -> AccessConfig:
    """Raises RequestError for options that do not go together."""
    return AccessConfig(**{field.name: getattr(options, field.name) for field in fields(AccessConfig)})
