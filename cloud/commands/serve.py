"""`isthmus cloud serve`: load bundles, listen, answer until a signal."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from cloud.commands.access import access_of, add_access
from cloud.config import (
    DEVICES,
    DTYPES,
    ENGINES,
    LOG_FORMS,
    PROCESS,
    TEXT,
    RateLimits,
    ServeConfig,
    listen_address,
)
from protos.bundle import Bundle
from protos.config import wait_quietly
from protos.terminal.arguments import number, rate, seconds, size, whole
from protos.terminal.options import open_bundle

_EPILOG = """\
examples:
  isthmus cloud serve --bundle bundle/                          # on this machine only, port 7070
  isthmus cloud serve --bundle bundle/ --listen 127.0.0.1:0     # any free port; "listening on" names it
  isthmus cloud serve --bundle a/ --bundle b/ --device cuda     # two models from one service
  isthmus cloud serve --bundle bundles/a --bundles bundles/     # others of that folder by isthmus cloud load

From elsewhere too, with TLS, for those who bring a token or a certificate (docs/tls.md):
  isthmus cloud serve --listen 0.0.0.0:443 --tls-cert cloud.pem --tls-key cloud.key --tokens tokens
  isthmus cloud serve --listen 0.0.0.0:443 --tls-cert cloud.pem --tls-key cloud.key --client-ca devices.pem
  isthmus cloud serve --jwks https://login.example/keys --audience isthmus --issuer https://login.example

For operators, and for applications without an agent (docs/monitoring.md):
  isthmus cloud serve --http 127.0.0.1:9464 --log json --traces http://127.0.0.1:4318

`isthmus cloud token` makes tokens for --tokens. Of a web token (JWT) `sub` names the device, `tenant` its
tenant, `role` its role: device, viewer, operator or admin. These files are read again when they change, and
connections that stand are left alone; a token that ends ends the calls that it opened.

What was sent of a frame is personal data. It is held in memory only, for --keep after a question
about it, so that a second question uploads nothing and the next frame of a camera is coded by what changed;
it is never written to disk. --keep 0s holds nothing. So are answers to requests with an idempotency key, as
a device's outbox sends them: whoever tries one again within --keep-answers gets what was said, and the model
does not run again. Nor does it where the same device asks the same about the same frame within
--keep-results, or --keep where that is shorter; that answer is held in memory too, or in Redis, for several
services to share:
  isthmus cloud serve --redis redis://localhost:6379/0
Who can read that Redis can read answers, and who can write there gives them: let nobody in but the services.
Where it is away, the service goes on without, and uses it again once it is back.

Requests enter the model's layers at different cuts. A batch starts at the earliest, and at every later
one those that wait there board it. --max-wait is how long one waits for others that are on their way to it,
or coming in; where they take longer, as on most CPUs, it goes on at once.

A content filter sees every question before the model works, and every answer before it leaves
(docs/filters.md):
  isthmus cloud serve --filter words=words.txt

SIGTERM or Ctrl-C drains: new requests are refused, running answers get --drain. A second one stops
at once.
"""
_MAX_WAIT = "that a request waits for others to share its steps; 0s: not at all (default: %(default)s)"
_THREADS = "of torch on a CPU (default: as few as are about as fast as more, measured at the start)"
_TEXT_INTERVAL = (
    "from one piece of an answer's text to the next, of which the first comes with its first token; 0s: a "
    "piece with every token (default: %(default)s)"
)
_KEEP = "how long what was sent of a frame is held in memory; 0s: not at all (default: %(default)s)"
_KEEP_ANSWERS = "how long answers are held for those who try again; 0s: not at all (default: %(default)s)"


_KEEP_RESULTS = (
    "how long an answer is held for who asks the same again; 0s: not at all (default: %(default)s)"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe `isthmus cloud serve`."""
    parser.epilog = _EPILOG
    parser.add_argument(
        "-b",
        "--bundle",
        action="append",
        type=Path,
        metavar="DIR",
        help="folder that `isthmus split` made, and once more for each further one (default: "
        "$ISTHMUS_BUNDLE, or the built-in model's)",
    )
    parser.add_argument(
        "--listen",
        default="127.0.0.1:7070",
        metavar="HOST:PORT",
        help="where to listen (default: %(default)s)",
    )
    _add_placement(parser)
    _add_loading(parser)
    add_access(parser, "service")
    _add_rates(parser)
    _add_filters(parser)
    _add_count(parser, "--max-batch", 1, 1024, "answers side by side (default: %(default)s)")
    _add_count(parser, "--max-waiting", 1, 100_000, "requests that may wait (default: %(default)s)")
    _add_time(parser, "--max-wait", "5ms", "1min", _MAX_WAIT)
    _add_time(parser, "--text-interval", "50ms", "1min", _TEXT_INTERVAL)
    _add_count(parser, "--threads", 0, 1024, _THREADS)
    _add_time(parser, "--drain", "10s", "1h", "for running answers (default: %(default)s)")
    _add_time(parser, "--keep", "5min", "24h", _KEEP)
    _add_time(parser, "--keep-results", "5min", "24h", _KEEP_RESULTS)
    parser.add_argument("--redis", metavar="URL", help="hold these in Redis, not in this process")
    _add_time(parser, "--keep-answers", "1h", "24h", _KEEP_ANSWERS)
    _add_monitoring(parser)
    parser.set_defaults(run=run)


def _add_placement(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--device", default="auto", choices=DEVICES, help="auto takes a GPU where there is one"
    )
    parser.add_argument(
        "--dtype",
        default="auto",
        choices=DTYPES,
        help="auto: on a GPU the checkpoint's own bfloat16, or float16 where that can hold its numbers, "
        "else the faster of bfloat16 and float32",
    )
    parser.add_argument(
        "--engine",
        default=PROCESS,
        choices=ENGINES,
        help="where models run: in a process of their own, which is started anew where it hangs or ends, or "
        "in a thread of the service, which takes less memory (default: %(default)s)",
    )
    parser.add_argument(
        "--compile",
        action="store_true",
        help="compile the decoder's step with torch.compile, where that proves faster; needs a C++ "
        "compiler, and minutes before the service begins, or a bundle is loaded",
    )


def _add_loading(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("loading while it runs", "by `isthmus cloud load`; docs/rollout.md")
    group.add_argument(
        "--bundles", type=Path, metavar="DIR", help="the folder whose bundles may be loaded, and no others"
    )
    group.add_argument(
        "--max-request",
        type=size,
        default=0,
        metavar="SIZE",
        help="the longest request, as long as the service runs (default: what --bundle needs)",
    )
    group.add_argument(
        "--memory-limit",
        type=size,
        default=0,
        metavar="SIZE",
        help="of the weights of all loaded models (default: what the machine has)",
    )


def _add_monitoring(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("for operators", "docs/monitoring.md")
    group.add_argument(
        "--http",
        metavar="HOST:PORT",
        help="/metrics for Prometheus, /healthz, and OpenAI's API under /v1 (default: nothing listens)",
    )
    group.add_argument("--traces", metavar="URL", help="send traces there, by OTLP over HTTP")
    group.add_argument("--log", choices=LOG_FORMS, default=TEXT, help="lines for people, or for programs")
    group.add_argument("--verbose", action="store_true", help="one log line a request")
    group.add_argument(
        "--step-limit",
        type=seconds("1s", "24h"),
        metavar="TIME",
        help="a step of the model that takes longer hangs, and the service ends to be started anew (default: "
        "1min on a GPU, 10min on a CPU)",
    )


def _add_rates(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("how much each may send", "who is over it is told how long to wait")
    for who in ("tenant", "device"):
        group.add_argument(
            f"--{who}-requests",
            type=number(0.001, 1e6, "a second"),
            metavar="N",
            help=f"of a {who}, a second",
        )
        group.add_argument(f"--{who}-uplink", type=rate, metavar="RATE", help=f"of a {who}, such as 2Mbps")


def _add_filters(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("what may be asked and answered", "docs/filters.md")
    group.add_argument(
        "--filter",
        type=_filter,
        action="append",
        default=[],
        metavar="NAME=FILE",
        help="a content filter, and once more for each further one: words=FILE has a word a line",
    )


def _filter(text: str) -> tuple[str, Path]:
    name, equals, path = text.partition("=")
    if not (name and equals and path):
        raise argparse.ArgumentTypeError(f"{text!r} is no NAME=FILE, such as words=words.txt")
    return name, Path(path)


def _add_count(parser: argparse.ArgumentParser, option: str, least: int, most: int, text: str) -> None:
    default = getattr(ServeConfig, option.removeprefix("--").replace("-", "_"))
    parser.add_argument(option, type=whole(least, most), default=default, metavar="N", help=text)


def _add_time(parser: argparse.ArgumentParser, option: str, default: str, most: str, text: str) -> None:
    parser.add_argument(option, type=seconds("0s", most), default=default, metavar="TIME", help=text)


def run(options: argparse.Namespace) -> int:
    """Serve until a signal. Raises RequestError, BundleError or CheckpointError where it cannot start."""
    wait_quietly()
    from cloud.telemetry.logs import log_to_stderr  # a device has none of what the service logs with

    log_to_stderr(options.log, verbose=options.verbose)
    bundles = [open_bundle(folder) for folder in options.bundle or [None]]
    config = _config(options, bundles)
    from cloud.api.grpc_server import check_port  # a device that asks for the status has no gRPC health
    from cloud.filters.registry import open_filters
    from cloud.identity.authentication import check_files
    from cloud.models.compiler import prepare_compiler
    from cloud.models.kernel_cache import limit_kernel_cache
    from protos.http.server import check_free

    check_files(config.access)
    open_filters(config.filters)
    if config.compile:
        prepare_compiler()
    check_port(config)
    if config.http:
        check_free(config.http, "--http")
    limit_kernel_cache()
    from cloud.api.process import serve  # takes seconds, for torch: not for --help, nor for a wrong path

    return serve(bundles, config)


def _config(options: argparse.Namespace, bundles: Sequence[Bundle]) -> ServeConfig:
    host, port = listen_address(options.listen)
    http = listen_address(options.http, "--http") if options.http else None
    names = [
        "device",
        "dtype",
        "engine",
        "compile",
        "max_batch",
        "max_waiting",
        "threads",
        "drain",
        "keep",
        "keep_answers",
    ]
    names += ["keep_results", "max_wait", "redis", "step_limit", "text_interval", "traces"]
    chosen = {name: getattr(options, name) for name in names}
    chosen |= {name: getattr(options, name) for name in ("max_request", "memory_limit")}
    paths = tuple(bundle.path for bundle in bundles)
    return ServeConfig(
        paths,
        host,
        port,
        http=http,
        access=access_of(options),
        rates=_rates(options),
        bundle_folder=options.bundles,
        filters=tuple(options.filter),
        **chosen,
    )


def _rates(options: argparse.Namespace) -> RateLimits:
    return RateLimits(
        options.tenant_requests,
        options.device_requests,
        options.tenant_uplink and options.tenant_uplink / 8,
        options.device_uplink and options.device_uplink / 8,
    )
