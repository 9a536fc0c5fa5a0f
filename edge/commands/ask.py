"""`isthmus ask IMAGE QUESTION...`: answer a question about a picture, here or with a cloud, and say how.

The answer alone goes to standard output, all else to standard error.
"""

import argparse
import dataclasses
import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from edge import config
from edge.costs.device_times import DeviceTimes
from edge.costs.known import known_profile
from edge.decision_log.log_file import append, check_log
from edge.decision_log.record import record_of
from edge.link.byte_count import ByteCount
from edge.link.client import CloudClient
from edge.link.link import Link
from edge.models.providers import CHOICES, PROVIDER_HELP
from edge.pictures.files import read_picture
from edge.policy.decision import Weights
from edge.policy.explain import ACCURACY, COLUMNS, explain, sentence
from edge.requests.answer import Answer
from edge.requests.machine import Machine
from edge.requests.orchestrator import Orchestrator
from protos import inference_pb2 as pb
from protos.arms.rules import Rules
from protos.bundle import Bundle
from protos.labels import Labels, named_labels
from protos.measurements import accuracy_word
from protos.terminal.arguments import celsius, milliseconds, number, percent, size, whole
from protos.terminal.options import add_bundle, add_credentials, add_json, open_bundle, peer_of
from protos.text.template import places

_PIPED_WIDTH = 120
_SHOWN = 10  # labels, of what may be hundreds

_EXAMPLES = """\
examples:
  isthmus ask scene.png what color is the circle?                       # on this device
  isthmus ask photo.jpg describe the image --cloud 127.0.0.1:7070       # whichever way is best
  isthmus ask photo.jpg describe the image --cloud https://cloud.example --token-file token
  isthmus ask photo.jpg how many squares? --cloud 127.0.0.1:7070 --deadline 300ms --explain
  isthmus ask photo.jpg describe the image --cloud 127.0.0.1:7070 --max-loss 1 --weights kilobyte=20ms
  isthmus ask photo.jpg describe the image --cloud 127.0.0.1:7070 --weights kilobyte=2ms,joule=100ms
  isthmus ask photo.jpg describe the image --cloud 127.0.0.1:7070 --bytes-per-day 50MB --battery-floor 20%
  isthmus ask photo.jpg describe the image --cloud 127.0.0.1:7070 --log decisions.jsonl
  isthmus ask photo.jpg "what's the dog doing?" --cloud 127.0.0.1:7070 --route split@connector --no-local
  isthmus ask photo.jpg --bundle clip --labels cat,dog                  # a dual encoder chooses among labels

The answer alone goes to standard output. Words of the question may stand without quotes, and options
anywhere; what begins with a dash goes behind `--`.

Routes: auto, local, split, split@CUT, split@CUT/CODEC, upload, upload@FORMAT-QUALITY. A cloud that fails is
replaced by a local answer, which says so; --no-local makes it an error. What is learned of the link is
remembered for the next question.

Weights put everything in time: with `kilobyte=20ms` the way is taken that sends a kilobyte less, if it is at
most 20 ms slower; with `joule=100ms` likewise for a joule of the device, with `accuracy=50ms` for a point of
accuracy beyond noise. Money: where a megabyte costs a cent, and a second of waiting a tenth of one, a
kilobyte is worth 10ms. Joules are of a Jetson's power monitor, of the processor's own count (RAPL), or of a
model, and it is said which.

Rules about the device, each only while it applies. --bytes-per-day counts whole requests, not the network's
own headers, by UTC; what would pass it is not sent. Below --battery-floor, while nothing charges it, only the
ways that take about the least joules are left (within a fifth, which is how well they are known), whatever
that does to a deadline. Above --temperature-ceiling only those are left that the device itself works the
least for: waiting heats it least, a local answer most. Where one way is left it is taken, however hot: a
device that can answer answers, and a lost cloud is replaced all the same.

A log (--log FILE) gets a line of JSON for each answer: what was predicted and what it took, the arm and those
that came next; no question, no picture, no answer. Only its owner can read it. At 10 MB it is renamed to
FILE.1, over an earlier one. `isthmus edge explain FILE` says how good the decisions were.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe `isthmus ask`."""
    parser.epilog = _EXAMPLES
    parser.add_argument("image", type=Path, metavar="IMAGE", help="any picture file")
    parser.add_argument(
        "question",
        metavar="QUESTION",
        nargs="*",
        default=[],
        help="none for a dual encoder, which chooses among labels",
    )
    add_bundle(parser)
    parser.add_argument(
        "--cloud", metavar="HOST:PORT", help="a service, or https://HOST[:PORT] (default: none)"
    )
    _add_rules(parser)
    _add_labels(parser)
    _add_generation(parser)
    parser.add_argument(
        "--threads", type=whole(), default=1, metavar="N", help="threads for the model (default: 1)"
    )
    parser.add_argument(
        "--provider", choices=CHOICES, help=f"{PROVIDER_HELP} (default: $ISTHMUS_PROVIDER, or auto)"
    )
    parser.add_argument(
        "--explain",
        nargs="?",
        choices=("few", "all"),
        const="few",
        metavar="all",
        help="say why the answer came this way, what the others that matter would have cost, and why they "
        "lost; `--explain all`: every one",
    )
    parser.add_argument("--log", type=Path, metavar="FILE", help="append a line for each decision")
    add_credentials(parser)
    add_json(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Answer, print, and remember the link."""
    if options.log:
        check_log(options.log)
    picture = read_picture(options.image)
    bundle = open_bundle(options.bundle)
    labels = _labels(bundle, options)
    live = sys.stdout.isatty() and not options.json
    rules = _rules(options)
    with _orchestrator(bundle, options) as (orchestrator, link):
        believed = link.snapshot(time.monotonic()) if link else None
        answer = orchestrator.answer(
            picture,
            " ".join(options.question),
            rules,
            weights=options.weights,
            generation=_generation(options),
            labels=labels,
            on_text=_print if live else _ignore,
            on_restart=_print_restart if live else _ignore,
        )
    if options.log:
        append(options.log, record_of(answer, bundle.digest, rules, options.weights, believed, time.time()))
    if options.json:
        print(json.dumps(_as_json(answer)))
        return
    print("" if live else answer.text, flush=True)
    if options.question and "question" not in places(bundle.manifest.prompt.template):
        _note(
            f"{bundle.manifest.model} is a captioner: it says what it sees, whatever the question", "yellow"
        )
    _print_how(answer)
    if options.explain:
        _print_why(answer, bundle.measurements.count, few=options.explain == "few")


@contextmanager
def _orchestrator(bundle: Bundle, options: argparse.Namespace) -> Iterator[tuple[Orchestrator, Link | None]]:
    """One with everything loaded, and its link; what it learns of the device and the link is kept, however it
    ends.
    """
    threads, provider = options.threads, options.provider or ""
    profile, kept = (
        known_profile(bundle, threads, provider),
        config.times_file(bundle.digest, threads, provider),
    )
    machine = Machine(count=ByteCount(config.bytes_file(), time.time))
    for words in machine.without_effect(_rules(options)):
        _note(f"a rule has no effect: {words}", "yellow")
    times = DeviceTimes(profile, time.monotonic(), machine.meter.power)
    times.load(kept, time.monotonic(), time.time())
    with _cloud(bundle, options) as (client, link):
        orchestrator = Orchestrator(
            bundle, client, profile, link, times, machine, threads=threads, provider=provider
        )
        orchestrator.prepare()
        try:
            yield orchestrator, link
        finally:
            times.save(kept, time.time())


@contextmanager
def _cloud(bundle: Bundle, options: argparse.Namespace) -> Iterator[tuple[CloudClient | None, Link | None]]:
    if not options.cloud:
        yield None, None
        return
    peer = peer_of(options.cloud, options)
    link, memory = Link(bundle, time.monotonic()), config.link_file(str(peer))
    link.load(memory, time.monotonic(), time.time())
    with CloudClient(peer) as client:
        client.connect()
        try:
            yield client, link
        finally:
            link.save(memory, time.monotonic(), time.time())


def _add_rules(parser: argparse.ArgumentParser) -> None:
    rules = parser.add_argument_group("rules")
    rules.add_argument(
        "--route", default="auto", metavar="ROUTE", help="force a way to answer (default: auto)"
    )
    rules.add_argument(
        "--deadline", type=milliseconds(), metavar="TIME", help="when the answer must be complete"
    )
    rules.add_argument(
        "--confidence",
        type=number(0, 1),
        default=0.95,
        metavar="P",
        help="the probability with which the deadline is to be met (default: %(default)s)",
    )
    rules.add_argument(
        "--never-upload", action="store_true", help="no picture leaves the device; features may"
    )
    rules.add_argument(
        "--never-leave-device", action="store_true", help="nothing leaves the device; beats every other rule"
    )
    rules.add_argument("--no-local", action="store_true", help="the device must not answer alone")
    rules.add_argument(
        "--max-loss",
        type=number(0, 100, "points of accuracy"),
        metavar="POINTS",
        help="no way that loses more against the whole model, beyond noise (default: any)",
    )
    rules.add_argument(
        "--weights",
        type=_weights,
        default=Weights(),
        metavar="accuracy=TIME,kilobyte=TIME,joule=TIME",
        help="what a point of accuracy, a kilobyte sent and a joule of the device are worth, in time "
        "(default: accuracy=50ms,kilobyte=0ms,joule=0ms)",
    )
    _add_device_rules(parser)


def _add_device_rules(parser: argparse.ArgumentParser) -> None:
    rules = parser.add_argument_group("rules about the device")
    rules.add_argument(
        "--bytes-per-day",
        type=size,
        metavar="SIZE",
        help="what all requests of this device may send in a day of UTC, as 50MB",
    )
    rules.add_argument(
        "--battery-floor",
        type=percent,
        metavar="PERCENT",
        help="a battery below this, as 20%%, leaves only the ways of about the least energy",
    )
    rules.add_argument(
        "--temperature-ceiling",
        type=celsius,
        metavar="DEGREES",
        help="a device above this, as 85C, leaves only the ways that it works the least for",
    )


def _weights(text: str) -> Weights:
    """What things are worth, as `accuracy=50ms,kilobyte=2ms`; what is not named stays as it is."""
    fields = {"accuracy": "accuracy_point", "kilobyte": "kilobyte", "joule": "joule"}
    time_of = milliseconds("0ms")
    found = Weights()
    for part in text.split(","):
        name, equals, worth = part.partition("=")
        if name.strip() not in fields or not equals:
            raise argparse.ArgumentTypeError(
                f"{part.strip()!r} is no weight; write accuracy=50ms, kilobyte=2ms or joule=100ms, or "
                "several with commas"
            )
        found = dataclasses.replace(found, **{fields[name.strip()]: time_of(worth.strip())})
    return found


def _add_labels(parser: argparse.ArgumentParser) -> None:
    labels = parser.add_argument_group("dual encoders (CLIP, SigLIP)").add_mutually_exclusive_group()
    labels.add_argument(
        "--labels",
        help="choose among these: comma-separated, or a file with one a line (default: the bundle's)",
    )
    labels.add_argument(
        "--label-file",
        type=Path,
        metavar="FILE",
        help="choose among those of a file that `isthmus bundle labels` made",
    )


def _labels(bundle: Bundle, options: argparse.Namespace) -> tuple[str, ...] | Labels:
    if options.label_file:
        return Labels.read(options.label_file, bundle)
    return () if options.labels is None else named_labels(options.labels)


def _add_generation(parser: argparse.ArgumentParser) -> None:
    generation = parser.add_argument_group("generation")
    generation.add_argument(
        "--max-tokens",
        type=whole(),
        default=0,
        metavar="N",
        help="length of the answer (default: the bundle's limit)",
    )
    generation.add_argument(
        "--temperature",
        type=number(0, 100),
        default=0.0,
        metavar="T",
        help="0 is greedy (default); only a cloud samples",
    )
    generation.add_argument(
        "--seed",
        type=whole(0),
        default=0,
        metavar="N",
        help="the same seed gives the same sampled answer",
    )


def _rules(options: argparse.Namespace) -> Rules:
    return Rules(
        deadline_ms=options.deadline,
        confidence=options.confidence,
        never_upload=options.never_upload,
        never_leave_device=options.never_leave_device,
        allow_local=not options.no_local,
        max_loss=options.max_loss,
        bytes_per_day=options.bytes_per_day,
        battery_floor=options.battery_floor,
        temperature_ceiling=options.temperature_ceiling,
        route=options.route,
    )


def _generation(options: argparse.Namespace) -> pb.Generation:
    return pb.Generation(max_tokens=options.max_tokens, temperature=options.temperature, seed=options.seed)


def _print(text: str) -> None:
    print(text, end="", flush=True)


def _ignore(_: str) -> None:
    """A program reads the answer: nothing is printed that may turn out void."""


def _print_restart(_: str) -> None:
    """On a terminal the broken answer stands already, and stays; the reason is told at the end."""
    print(flush=True)
    _note("that answer broke off, here is another", "dim")


def _note(text: str, style: str) -> None:
    Console(stderr=True, soft_wrap=True).print(text, style=style, highlight=False, markup=False)


def _print_how(answer: Answer) -> None:
    console = Console(stderr=True, soft_wrap=True)
    if why := answer.fallback or answer.decision.outage:
        _note(f"answered on the device: {why}", "yellow")
    if answer.label_scores:
        console.print(_fits(answer))
    console.print(_summary(answer), style="dim", highlight=False, markup=False)


def _print_why(answer: Answer, count: int, *, few: bool) -> None:
    """The decision in a sentence, then every way or the `few` that matter; `count` is what accuracies were
    taken over.
    """
    console = Console(stderr=True, soft_wrap=True)
    if not console.is_terminal:
        console.width = _PIPED_WIDTH
    console.print(sentence(answer.decision), highlight=False, markup=False)
    rows = explain(answer.decision, few=few)
    console.print(_table(answer, count, rows))
    if more := len(answer.decision.arms) - len(rows):
        console.print(f"{more} more ways: --explain all", style="dim", highlight=False)


def _summary(answer: Answer) -> str:
    stages = ", ".join(f"{name} {ms:.1f}" for name, ms in answer.stages.items() if name != "total")
    late = " (late)" if answer.late else ""
    source = answer.energy_source.partition(":")[0]
    came = f"{answer.route} · {answer.bytes_up} bytes up · {answer.stages['total']:.1f} ms{late}: {stages}"
    return f"{came} · {answer.joules:.2f} J ({source}){_surely(answer)}"


def _surely(answer: Answer) -> str:
    """How sure the device is of its own answer, given or not."""
    if answer.confidence is None:
        return ""
    whose = "the device was" if answer.escalated else "it is"
    return f" · {whose} {answer.confidence:.0%} sure to say what the cloud would"


def _fits(answer: Answer) -> Table:
    table = Table(box=None, padding=(0, 1, 0, 0))
    table.add_column("label", overflow="fold")
    table.add_column("probability", justify="right")
    table.add_column("similarity", justify="right")
    for fit in answer.label_scores[:_SHOWN]:
        table.add_row(Text(fit.label), f"{fit.probability:.1%}", f"{fit.similarity:.3f}")
    return table


def _table(answer: Answer, count: int, rows: list[tuple[str, ...]]) -> Table:
    table = Table(box=None, padding=(0, 1, 0, 0))
    for column in COLUMNS:
        words = column in {"way", "why"}
        word = accuracy_word(answer.decision.measure) if column == ACCURACY else column
        name = f"{word} (n={count})" if column == ACCURACY and count else word
        table.add_column(name, justify="left" if words else "right", no_wrap=column != "why", overflow="fold")
    for row in rows:
        table.add_row(*row)
    return table


def _as_json(answer: Answer) -> dict[str, object]:
    fields = dataclasses.asdict(answer)
    del fields["decision"]
    arms = [
        {"arm": p.arm.name, **{k: v for k, v in dataclasses.asdict(p).items() if k != "arm"}}
        for p in answer.decision.arms
    ]
    return {
        **fields,
        "decided": answer.decision.arm.name,
        "decided_late": answer.decision.late,
        "outage": answer.decision.outage,
        "measure": answer.decision.measure,
        "arms": arms,
    }
