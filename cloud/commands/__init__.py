"""Commands of the cloud."""

import argparse

from cloud.commands import load, models, serve, status, token, traffic, unload


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe `isthmus cloud` and its sub-commands."""
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, command, summary in (
        ("serve", serve, "answer questions of devices, for one bundle or several"),
        ("status", status, "whether a service answers, what it serves, and how loaded it is"),
        ("models", models, "what a service has loaded, and what it may load"),
        ("load", load, "serve a further bundle, without a restart"),
        ("unload", unload, "serve a bundle no longer, and free its memory"),
        ("traffic", traffic, "roll a version out: which devices get it, and what is known of it"),
        ("token", token, "make a token for a device, and the line by which a service knows it"),
    ):
        command.add_arguments(commands.add_parser(name, help=summary, description=summary))
