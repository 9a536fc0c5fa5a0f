"""`isthmus split`: a checkpoint in, a bundle out."""

import argparse
from dataclasses import replace
from pathlib import Path

from protos.bundle import BUILT_IN, Bundle
from protos.config import wait_quietly
from protos.labels import named_labels
from protos.terminal.arguments import seconds, share, whole
from protos.terminal.options import add_json
from protos.terminal.progress import Progress, progress
from splitter.commands.bundle import print_bundle
from splitter.commands.precision import add_precision, precision
from splitter.evaluate.subjects import check_calibration
from splitter.local_choice import LocalChoice
from splitter.nano import WEIGHTS
from splitter.recipe import Options
from splitter.storage.hub import find, on_hub

_EPILOG = """\
The checkpoint is a folder in the Hugging Face layout (config.json, *.safetensors, tokenizer and processor
files), an id of the hub (`org/name`, fetched into the hub's cache), or `nano`, the small model that comes
with Isthmus. Cuts are `vision.K` (behind K vision layers) and `connector` (the image tokens); the connector
is always published, because answering on the device ends there.

--cuts thirds publishes cuts behind a third and two thirds of the layers. --cuts auto tries candidates on a
few pictures (every cut of a small model, six layers of a deep one) and publishes those that are the fastest
somewhere between 64 kbit/s and 1 Gbit/s, for a device as fast as this machine, 4 and 16 times slower, among
codecs that lose at most a point: slow devices get an early cut, narrow links a late one. It takes some
seconds for a small model; cuts may differ from machine to machine.

A language model that would take more than 2 GiB as FP32 is not loaded: the tail is copied file by file, the
identity gate and all losses compare image tokens (`--measure features`) instead of answers (`--measure
answers`).

A dual encoder (CLIP, SigLIP) has the cuts `pooled` and, CLIP, `projection` in place of the connector. It is
measured by how often its best label is the whole model's. --labels gives the bundle labels of its own,
which a device then knows; --with-local exports the text tower, so that a device can read any.

Every cut gets codecs, a fitted and a learned one with several levels each. `fitted` takes seconds to
minutes: neighbours grouped, principal directions as the tail sees them, one step, static tables. `learned`
comes with it and has coarser levels: its directions and a small network on each side of them are trained,
for --budget in all, most of them at the earliest cuts. What the device's discards, the tail does
not miss, and the cloud's undoes part of the rounding. It is kept where it is better. It learns from views
of the calibration pictures, parts of them in other colours and several in one; what it cannot learn so is
what pictures unlike those show: give it hundreds. int8-zstd and fp16-zstd are what a cut costs without
either.

--local gives the device a smaller model than the cloud's: it answers at once, and the cloud is asked where
it is not sure (`cascade@30%`; `isthmus bundle show` has the curve). SMALL may be any family that answers
on a device, with a vision part, picture size and vocabulary of its own. `layers=N` keeps the first N-1
layers of the model's own decoder and the last: untrained for it, few layers answer badly, and the curve
says so; `int4` has all of them in four bits.

--agree 95% is a promise about the answers that the device gives without asking: one cascade,
`cascade@agree-95%`, in place of those by share, whose threshold holds it (learn then test, on held-out
pictures). It needs some: 104 pictures at least for 95%, 528 for 99%, and more where the model is wrong more
often. `ask --route cascade` insists on it.

A split that is interrupted goes on where it stopped when it is run again: finished steps lie beside the
bundle, in a folder for each recipe (BUNDLE.RECIPE.parts), until it is whole. A bundle that is there already
is reused. Nothing is replaced or removed that Isthmus did not make.

examples:
  isthmus split -o bundle --with-local
  isthmus split -o bundle --local small
  isthmus split ~/SmolVLM -o bundle --local ~/SmolVLM-256M --calibration ~/photos
  isthmus split ~/SmolVLM -o bundle --local int4 --agree 95% --calibration ~/photos
  isthmus split ~/SmolVLM -o bundle --cuts vision.4,vision.8 --calibration ~/photos
  isthmus split ~/SmolVLM -o bundle --cuts auto --calibration ~/photos
  isthmus split -o bundle --codec fitted,learned --budget 20min
  isthmus split ~/SmolVLM -o bundle --calibration ~/photos --max-loss 0.2
  isthmus split ~/clip -o clip --calibration ~/photos --labels cat,dog --with-local
  isthmus split ~/SmolVLM -o jetson --calibration ~/photos --quantization static --activations s8
  isthmus split llava-hf/llava-1.5-7b-hf -o bundle --calibration ~/photos
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = _EPILOG
    parser.add_argument(
        "checkpoint", nargs="?", default=BUILT_IN, help="folder, hub id, or `nano` (default: %(default)s)"
    )
    parser.add_argument("-o", "--output", required=True, type=Path, metavar="BUNDLE", help="folder to write")
    parser.add_argument(
        "--cuts",
        default="thirds",
        metavar="CUTS",
        help="comma-separated cuts, `thirds` or `auto` (default: %(default)s)",
    )
    parser.add_argument(
        "--calibration", type=Path, metavar="DIR", help="folder of pictures like those the model will see"
    )
    _add_local(parser)
    _add_measuring(parser)
    add_precision(parser)
    _add_labels(parser)
    parser.add_argument(
        "--threads",
        type=whole(),
        default=1,
        metavar="N",
        help="threads of the timed head (default: %(default)s)",
    )
    parser.add_argument(
        "--replace", action="store_true", help="replace a bundle at BUNDLE that was split in another way"
    )
    add_json(parser)
    parser.set_defaults(run=_run)


def _add_local(parser: argparse.ArgumentParser) -> None:
    """What the device answers with by itself."""
    parser.add_argument(
        "--with-local",
        action="store_true",
        help="also export the language model, so that the device can answer alone",
    )
    parser.add_argument(
        "--local",
        metavar="MODEL",
        help=(
            "give the device this model to answer with: another checkpoint (folder or hub id), `int4` or "
            "`layers=N` of its own language model, `small` (of nano), or `whole` (as --with-local does)"
        ),
    )
    parser.add_argument(
        "--agree",
        type=share("50%", "99.9%"),
        metavar="SHARE",
        help=(
            "promise that at least this share (95%%) of the answers that the device gives itself is the "
            "whole model's, word for word, with 95%% confidence: a cascade that escalates no more than needed"
        ),
    )


def _add_measuring(parser: argparse.ArgumentParser) -> None:
    """What losses are measured on, and the codecs that are fitted for it."""
    parser.add_argument(
        "--report-pictures",
        type=whole(),
        default=60,
        metavar="N",
        help="held-out pictures to measure on (default: %(default)s)",
    )
    parser.add_argument(
        "--self-test-pictures",
        type=whole(0, 256),
        metavar="N",
        help=(
            "held-out pictures that the bundle brings along, 1 MiB at most, for devices to test themselves "
            "on (default: 16 of the built-in scenes; none of --calibration, which are yours)"
        ),
    )
    parser.add_argument(
        "--measure",
        choices=("auto", "answers", "features"),
        default="auto",
        help=(
            "what losses are measured in; auto: answers, unless the language model is large (default: "
            "%(default)s)"
        ),
    )
    parser.add_argument(
        "--codec",
        default="fitted,int8-zstd,fp16-zstd",
        metavar="KINDS",
        help="comma-separated: fitted, learned, int8-zstd, fp16-zstd (default: %(default)s)",
    )
    parser.add_argument(
        "--budget",
        type=seconds("1s", "1000h"),
        default="10min",
        metavar="TIME",
        help="what training learned codecs may take (default: %(default)s)",
    )


def _add_labels(parser: argparse.ArgumentParser) -> None:
    matching = parser.add_argument_group("dual encoders (CLIP, SigLIP)")
    matching.add_argument("--labels", help="the bundle's own: comma-separated, or a file with one a line")
    matching.add_argument(
        "--template",
        default="",
        metavar="TEXT",
        help='what the text tower reads for one, as "a photo of a {label}"',
    )


def chosen_options(options: argparse.Namespace) -> Options:
    """What the command line chose. Raises RequestError or CheckpointError for what cannot be, and that before
    a checkpoint is fetched.
    """
    chosen = Options(
        checkpoint=WEIGHTS,
        cuts=() if options.cuts == "thirds" else tuple(name.strip() for name in options.cuts.split(",")),
        calibration=options.calibration,
        with_local=options.with_local or options.local is not None,
        agree=options.agree,
        local=LocalChoice.parse(options.local or "whole"),
        report_pictures=options.report_pictures,
        self_test_pictures=options.self_test_pictures,
        threads=options.threads,
        measure=options.measure,
        labels=() if options.labels is None else named_labels(options.labels),
        template=options.template,
        codecs=tuple(name.strip() for name in options.codec.split(",")),
        budget_minutes=options.budget / 60,
        **precision(options),
    )
    if options.checkpoint == BUILT_IN:
        return chosen
    if on_hub(options.checkpoint):
        check_calibration(chosen.calibration)
    return replace(chosen, checkpoint=find(options.checkpoint))


def _run(options: argparse.Namespace) -> None:
    with progress() as shown:
        bundle = _split(options, shown)
    print_bundle(bundle, as_json=options.json)


def _split(options: argparse.Namespace, shown: Progress) -> Bundle:
    shown.step("loading torch")
    wait_quietly()
    from splitter.silence import silence_libraries
    from splitter.split import split
    from splitter.storage.output import check_output

    check_output(options.output)  # before a checkpoint is fetched
    chosen = chosen_options(options)
    with silence_libraries():
        return split(chosen, options.output, replace=options.replace, say=shown.say, advance=shown.reach)
