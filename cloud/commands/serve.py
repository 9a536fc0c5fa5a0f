"""`isthmus cloud serve`: load bundles, listen, answer until a signal."""

import argparse
import logging
from pathlib import Path

from cloud.config import DEVICES, DTYPES, ServeConfig, listen_address
from protos.bundle import Bundle

_EPILOG = """\
examples:
  isthmus cloud serve bundle/                          answer on this machine only, port 7070
  isthmus cloud serve bundle/ --listen 127.0.0.1:0     any free port; the line "listening on" names it
  isthmus cloud serve a/ b/ --device cuda              two models from one service
  isthmus cloud serve bundle/ --listen 0.0.0.0:7070    from elsewhere too: no TLS, private networks only

What was sent of a frame is personal data. It is held in memory only, for --keep seconds after a question
about it, so that a second question uploads nothing and the next frame of a camera is coded by what changed;
it is never written to disk. --keep 0 holds nothing.

SIGTERM or Ctrl-C drains: new requests are refused, running answers get --drain seconds. A second one stops
at once.
"""
_KEEP = "how long what was sent of a frame is held in memory; 0: not at all (default %(default)s)"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe `isthmus cloud serve`."""
    parser.epilog = _EPILOG
    parser.add_argument(
        "bundles", nargs="+", type=Path, metavar="BUNDLE", help="folder made by `isthmus split`"
    )
    parser.add_argument(
        "--listen",
        default="127.0.0.1:7070",
        metavar="HOST:PORT",
        help="where to listen (default %(default)s)",
    )
    _add_placement(parser)
    _add_number(parser, "--max-batch", int, "N", "answers side by side (default %(default)s)")
    _add_number(parser, "--max-waiting", int, "N", "requests that may wait (default %(default)s)")
    _add_number(parser, "--threads", int, "N", "of torch on a CPU (default: torch's choice)")
    _add_number(parser, "--drain", float, "SECONDS", "for running answers (default %(default)s)")
    _add_number(parser, "--keep", float, "SECONDS", _KEEP)
    parser.add_argument("--verbose", action="store_true", help="one log line a request")
    parser.set_defaults(run=run)


def _add_placement(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--device", default="auto", choices=DEVICES, help="auto takes a GPU where there is one"
    )
    parser.add_argument(
        "--dtype",
        default="auto",
        choices=DTYPES,
        help="auto: float16 on a GPU, else the faster of bfloat16 and float32",
    )


def _add_number(
    parser: argparse.ArgumentParser, option: str, kind: type[int] | type[float], unit: str, text: str
) -> None:
    default = getattr(ServeConfig, option.removeprefix("--").replace("-", "_"))
    parser.add_argument(option, type=kind, default=default, metavar=unit, help=text)


def run(options: argparse.Namespace) -> int:
    """Serve until a signal. Raises RequestError, BundleError or CheckpointError where it cannot start."""
    logging.basicConfig(
        level=logging.INFO if options.verbose else logging.WARNING,
        format="%(asctime)s %(levelname)s %(message)s",
    )
    config = _config(options)
    bundles = [Bundle.open(path) for path in config.bundles]
    from cloud.api.process import serve  # takes seconds, for torch: not for --help, nor for a wrong path

    return serve(bundles, config)


def _config(options: argparse.Namespace) -> ServeConfig:
    host, port = listen_address(options.listen)
    names = ("device", "dtype", "max_batch", "max_waiting", "threads", "drain", "keep")
    return ServeConfig(tuple(options.bundles), host, port, **{name: getattr(options, name) for name in names})
