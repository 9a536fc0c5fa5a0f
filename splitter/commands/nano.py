"""`isthmus nano train|train-small|eval`: the built-in model, made and measured."""

import argparse
import json
import shutil
from pathlib import Path

from rich.console import Console
from rich.table import Table

from protos.config import wait_quietly
from protos.terminal.arguments import whole
from protos.terminal.options import add_json
from protos.terminal.progress import progress

_EPILOG = """\
examples:
  isthmus nano eval
  isthmus nano train --folder work/nano --output work/nano/weights
  isthmus nano train-small -o work/decoder.safetensors
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = _EPILOG
    commands = parser.add_subparsers(metavar="ACTION", required=True)
    train = commands.add_parser(
        "train", help="train it from scratch (about 40 minutes on 2 cores); resumable"
    )
    train.add_argument(
        "--folder", type=Path, required=True, help="where the run keeps its state; the same folder resumes it"
    )
    train.add_argument("--output", type=Path, help="where to write the weights (default: FOLDER/weights)")
    train.add_argument("--threads", type=whole(), default=2, help="cores to use (default: %(default)s)")
    train.add_argument(
        "--no-compile", action="store_true", help="do without a C++ compiler; takes about half as long again"
    )
    train.set_defaults(run=_train)
    small = commands.add_parser(
        "train-small",
        help="train the small decoder for devices, behind the weights that ship; resumable",
    )
    small.add_argument("-o", "--output", type=Path, required=True, metavar="FILE", help="the weights")
    small.add_argument("--threads", type=whole(), default=2, help="cores to use (default: %(default)s)")
    small.set_defaults(run=_train_small)
    evaluate = commands.add_parser("eval", help="ask it held-out questions, with and without the picture")
    evaluate.add_argument(
        "--weights", type=Path, help="folder of a checkpoint (default: the weights that ship)"
    )
    evaluate.add_argument("--questions", type=whole(), default=2000, help="how many (default: %(default)s)")
    add_json(evaluate)
    evaluate.set_defaults(run=_eval)


def _train(options: argparse.Namespace) -> None:
    wait_quietly()
    from splitter.nano.train import train

    can_compile = not options.no_compile and any(shutil.which(name) for name in ("g++", "clang++"))
    output = options.output or options.folder / "weights"
    train(options.folder, output, options.threads, compile_model=can_compile)
    print(f"weights written to {output}; measure them with: isthmus nano eval --weights {output}")


def _train_small(options: argparse.Namespace) -> None:
    wait_quietly()
    from splitter.nano.train_small import train

    train(options.output, options.threads)
    print(f"weights written to {options.output}")


def _eval(options: argparse.Namespace) -> None:
    wait_quietly()
    from splitter.evaluate.built_in import evaluate
    from splitter.nano import WEIGHTS
    from splitter.silence import silence_libraries

    with progress() as shown, silence_libraries():
        shown.step("asking", 3 * options.questions)
        result = evaluate(options.weights or WEIGHTS, options.questions, shown.advance)
    columns = {"the picture": result.seeing, "grey": result.grey, "another scene": result.swapped}
    if options.json:
        rows = {
            name: {"overall": result.overall(scored), **scored.by_kind} for name, scored in columns.items()
        }
        print(
            json.dumps(
                {"questions": dict(result.questions), "commonest answer": result.chance, **rows}, indent=1
            )
        )
        return
    table = Table(
        title=f"exact match on {options.questions} held-out questions, percent", title_justify="left"
    )
    for name in ("kind", "questions", *columns, "commonest answer"):
        table.add_column(name, justify="left" if name == "kind" else "right")
    for kind, count in result.questions.items():
        table.add_row(
            kind,
            str(count),
            *(f"{scored.by_kind[kind]:.1f}" for scored in columns.values()),
            f"{result.chance[kind]:.1f}",
        )
    table.add_section()
    table.add_row(
        "all but describe", "", *(f"{result.overall(scored):.1f}" for scored in columns.values()), ""
    )
    Console().print(table)
