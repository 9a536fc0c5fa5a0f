"""`isthmus search TEXT... --photos DIR`: photos on this device, ranked by a text."""

import argparse
import json
from contextlib import nullcontext
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from edge.link.client import CloudClient
from edge.models.providers import CHOICES, PROVIDER_HELP
from edge.requests.search import PhotoMatch, photos_in, search
from protos.terminal.arguments import whole
from protos.terminal.options import add_bundle, add_credentials, add_json, open_named_bundle, peer_of
from protos.terminal.progress import progress

_EXAMPLES = """\
The photos never leave the device. The text is read here if the bundle was split --with-local, and else by
the cloud.

examples:
  isthmus search a dog on a beach --photos ~/photos --bundle clip
  isthmus search a red car --photos ~/photos --bundle clip --top 20 --cloud 127.0.0.1:7070 --json
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe `isthmus search`."""
    parser.epilog = _EXAMPLES
    parser.add_argument("text", nargs="+", metavar="TEXT", help="what to look for")
    add_bundle(parser, built_in=False)
    parser.add_argument(
        "--photos", type=Path, required=True, metavar="DIR", help="folder of photos, with those below it"
    )
    parser.add_argument(
        "--top",
        type=whole(1, 1 << 20),
        default=5,
        metavar="N",
        help="how many to show (default: %(default)s)",
    )
    parser.add_argument(
        "--cloud",
        metavar="HOST:PORT",
        help="a service, or https://HOST[:PORT], that reads the text where the bundle cannot (default: none)",
    )
    parser.add_argument(
        "--provider", choices=CHOICES, help=f"{PROVIDER_HELP} (default: $ISTHMUS_PROVIDER, or auto)"
    )
    parser.add_argument(
        "--threads",
        type=whole(1, 1 << 20),
        default=1,
        metavar="N",
        help="threads for the model (default: %(default)s)",
    )
    add_credentials(parser)
    add_json(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Search and print."""
    bundle, photos = open_named_bundle(options.bundle, "one of CLIP or SigLIP"), photos_in(options.photos)
    text = " ".join(options.text)
    client = CloudClient(peer_of(options.cloud, options)) if options.cloud else None
    with client or nullcontext(), progress() as shown:
        shown.step("looking at photos", len(photos))
        found = search(
            bundle,
            text,
            photos,
            client,
            threads=options.threads,
            provider=options.provider or "",
            advance=shown.advance,
        )
    near = [one for one in found if not one.unavailable_reason][: options.top]
    unread = [one for one in found if one.unavailable_reason]
    if options.json:
        print(json.dumps(_record(text, near, unread), indent=1))
        return
    console = Console()
    console.print(_table(near))
    for one in unread:
        console.print(
            f"left out: {one.unavailable_reason}",
            style="yellow",
            highlight=False,
            markup=False,
            soft_wrap=True,
        )


def _record(text: str, near: list[PhotoMatch], unread: list[PhotoMatch]) -> dict[str, object]:
    ranked = [{"photo": str(one.path), "similarity": one.similarity} for one in near]
    return {
        "text": text,
        "photos": ranked,
        "left_out": [{"photo": str(one.path), "why": one.unavailable_reason} for one in unread],
    }


def _table(near: list[PhotoMatch]) -> Table:
    table = Table(box=None, padding=(0, 1, 0, 0))
    table.add_column("similarity", justify="right")
    table.add_column("photo", overflow="fold")
    for one in near:
        table.add_row(f"{one.similarity:.3f}", Text(str(one.path)))
    return table
