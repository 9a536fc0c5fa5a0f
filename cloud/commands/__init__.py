"""Commands of the cloud."""

import argparse

from cloud.commands import serve, status, token


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe `isthmus cloud` and its sub-commands."""
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, command, summary in (
        ("serve", serve, "answer questions of devices, for one bundle or several"),
        ("status", status, "whether a service answers, what it serves, and how loaded it is"),
        ("token", token, "make a token for a device, and the line by which a service knows it"),
    ):
        command.add_arguments(commands.add_parser(name, help=summary, description=summary))
