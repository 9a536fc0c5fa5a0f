"""Commands of the cloud."""

import argparse

from cloud.commands import serve


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe `isthmus cloud` and its sub-commands."""
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    summary = "answer questions of devices, for one bundle or several"
    serve.add_arguments(
        commands.add_parser(
            "serve", help=summary, description=summary, formatter_class=argparse.RawDescriptionHelpFormatter
        )
    )
