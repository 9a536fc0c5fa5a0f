"""`isthmus ask IMAGE QUESTION...`: answer a question about a picture, here or with a cloud, and say how.

The answer alone goes to standard output, all else to standard error.
"""

import argparse
import dataclasses
import json
import sys
import time
from contextlib import AbstractContextManager
from pathlib import Path

from edge.commands.rule_options import add_rules, rules_of
from edge.decision_log.log_file import append, check_log
from edge.decision_log.record import record_of
from edge.models.providers import CHOICES, PROVIDER_HELP
from edge.pictures.files import read_picture
from edge.requests.answer import Answer
from edge.requests.opening import open_orchestrator
from edge.requests.orchestrator import Orchestrator
from edge.requests.trace import ignore_text
from protos import inference_pb2 as pb
from protos.bundle import Bundle
from protos.labels import Labels, named_labels
from protos.terminal.arguments import number, whole
from protos.terminal.options import add_bundle, add_credentials, add_json, credentials_of, open_bundle
from protos.text.template import places

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
  isthmus ask photo.jpg describe the image --cloud eu.example:7070 --cloud us.example:7070 --explain
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
        "--cloud",
        action="append",
        metavar="HOST:PORT",
        help="a service, or https://HOST[:PORT] (default: none); give it again for each of several",
    )
    add_rules(parser)
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
    parser.add_argument(
        "--trace",
        action="store_true",
        help="give the request a trace, by which the cloud's logs and traces know it (docs/monitoring.md)",
    )
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
    # to a program nothing is printed that may turn out void
    live = sys.stdout.isatty() and not options.json
    rules = rules_of(options)
    with _opened(bundle, options) as orchestrator:
        for words in orchestrator.without_effect(rules):
            _note(f"a rule has no effect: {words}", "yellow")
        believed = orchestrator.links()
        answer = orchestrator.answer(
            picture,
            " ".join(options.question),
            rules,
            weights=options.weights,
            generation=_generation(options),
            labels=labels,
            on_text=_print if live else ignore_text,
            on_restart=_print_restart if live else ignore_text,
        )
        # what was learned is saved behind it
        print(json.dumps(_as_json(answer)) if options.json else "" if live else answer.text, flush=True)
    if options.log:
        link = believed.get(answer.decision.chosen.cloud_name)
        append(options.log, record_of(answer, bundle.digest, rules, options.weights, link, time.time()))
    if not options.json:
        _print_how(answer, bundle, options)


def _print_how(answer: Answer, bundle: Bundle, options: argparse.Namespace) -> None:
    """How it came; what draws tables is loaded behind the answer."""
    from edge.commands.answer_output import print_how, print_why

    model = bundle.manifest.model
    if options.question and "question" not in places(bundle.manifest.prompt.template):
        _note(f"{model} is a captioner: it says what it sees, whatever the question", "yellow")
    print_how(answer)
    if options.explain:
        print_why(answer, bundle.measurements.count, few=options.explain == "few")


def _note(text: str, style: str) -> None:
    from edge.commands.answer_output import note

    note(text, style)


def _opened(bundle: Bundle, options: argparse.Namespace) -> AbstractContextManager[Orchestrator]:
    return open_orchestrator(
        bundle,
        {address: address for address in options.cloud or ()},
        credentials=credentials_of(options),
        threads=options.threads,
        provider=options.provider or "",
        traces=options.trace,
    )


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


def _generation(options: argparse.Namespace) -> pb.Generation:
    return pb.Generation(max_tokens=options.max_tokens, temperature=options.temperature, seed=options.seed)


def _print(text: str) -> None:
    print(text, end="", flush=True)


def _print_restart(_: str) -> None:
    """On a terminal the broken answer stands already, and stays; the reason is told at the end."""
    print(flush=True)
    _note("that answer broke off, here is another", "dim")


def _as_json(answer: Answer) -> dict[str, object]:
    fields = dataclasses.asdict(answer)
    del fields["decision"]
    arms = [
        {"arm": p.name, **{k: v for k, v in dataclasses.asdict(p).items() if k != "arm"}}
        for p in answer.decision.arms
    ]
    return {
        **fields,
        "decided": answer.decision.chosen.name,
        "decided_late": answer.decision.late,
        "outage": answer.decision.outage,
        "measure": answer.decision.measure,
        "arms": arms,
    }
