"""A checkpoint in, a bundle out.

Export the tower once, check that it can be cut, quantise it once, cut it, fit the codecs, measure what each
cut costs and loses, and put the bundle in place with one rename.
"""

import json
import shutil
from collections.abc import Iterator
from dataclasses import asdict
from functools import partial
from itertools import count, islice
from pathlib import Path
from statistics import mean

import numpy as np
import onnx
import torch
from transformers import PretrainedConfig

from protos import bundle_pb2 as pb
from protos.bundle import FORMAT, MANIFEST, Bundle, write_manifest
from protos.errors import BundleError
from protos.pictures.tiles import largest_grid
from splitter.codecs import codecs
from splitter.codecs.learning.train import held_out
from splitter.decoders.local import write_local
from splitter.decoders.text_tower import write_texts
from splitter.evaluate.answers import Prompting
from splitter.evaluate.subjects import fingerprint
from splitter.evaluate.verify import identity_difference, token_difference
from splitter.families import Boundary
from splitter.graph.chain import Arrays, Chain, reached
from splitter.graph.cut import extracted
from splitter.graph.export import PIXELS, export_tower, graph_name
from splitter.graph.files import save
from splitter.memory import trim_memory
from splitter.recipe import Options, recipe, versions
from splitter.stages.cut_codecs import cut_codecs
from splitter.stages.report import cloud_costs, measure
from splitter.stages.select import Selected, choose
from splitter.stages.weighing import weigh
from splitter.stages.work import Advance, Say, Work
from splitter.storage.parts import Parts
from splitter.storage.room import check_room, full_disk_told
from splitter.storage.tail import tail_bytes, write_tail

Codings = dict[str, list[codecs.Coding]]

_OLD = ".old"
_AT_ONCE = 64  # pictures that a chain sees together
_MAX_BOUNDARY_BYTES = 1 << 30
_MIN_CALIBRATED = 16
_GATE_QUESTIONS = 6
_COMPARED = {
    True: "logits",
    False: "image tokens; the language model behind them is the same code on the same tokens",
}
_LIMITS = pb.Limits(
    max_question_bytes=2000,
    max_prompt_tokens=1024,
    max_new_tokens=64,
    max_picture_bytes=4 << 20,
    max_picture_pixels=40_000_000,
)
_QUESTION_TOKENS = 512  # room for a question behind a picture of many tokens
_REPETITIONS = 30


def split(
    options: Options,
    output: Path,
    *,
    replace: bool = False,
    say: Say = print,
    advance: Advance = lambda *_: None,
) -> Bundle:
    """Make the bundle at `output`, or find it there. Raises CheckpointError, UnknownName or BundleError.

    `say` is told of each step, `advance` of (step, done, of) within long ones.
    """
    _clear(output)
    cooked = recipe(options, partial(advance, "reading the checkpoint"))
    existing = _existing(output, cooked, replace=replace)
    if existing:
        say(f"{output} is already split by this recipe; reused")
        return existing
    parts = Parts(output, cooked)
    try:
        with full_disk_told(output, parts.folder):
            return _split(Work(options, parts, say, advance), output, cooked)
    except BaseException:
        parts.tidy()
        raise


def _split(work: Work, output: Path, cooked: str) -> Bundle:
    _check_disk(work, output)
    chosen = choose(work, _gated_tower(work))
    codings = _fitted(work, chosen)
    manifest = pb.Manifest(
        format=FORMAT, model=work.name, family=work.family.name, recipe=cooked, made_with=versions()
    )
    staging = work.parts.staging()
    manifest.precision.CopyFrom(pb.Precision(**chosen.form.parts))
    _write_edge(work, manifest, staging, chosen.pieces, codings)
    _write_cloud(work, manifest, staging)
    _write_codecs(manifest, staging, codings)
    _write_report(work, manifest, staging, chosen)
    work.advance("reading the bundle", 0, 1)
    write_manifest(staging, manifest)
    _put_in_place(staging, output)
    work.parts.remove()
    return Bundle.open(output)


def _clear(output: Path) -> None:
    """Refuse a place that holds something else; put back what an interrupted replacement had moved aside."""
    old = output.with_name(output.name + _OLD)
    if old.exists() and not output.exists():
        old.rename(output)
    if output.exists() and any(output.iterdir()) and not (output / MANIFEST).exists():
        raise BundleError(
            f"{output} holds something that is not a bundle; give another folder with -o", path=str(output)
        )


def _check_disk(work: Work, output: Path) -> None:
    """Room for the tail, the tower in FP32 and in its form, and the pieces, which may turn out FP32; less
    what is written already.
    """
    chosen = work.options
    published = 1 if chosen.only_if_faster or chosen.max_loss is not None else chosen.form.share
    towers = int((1 + chosen.form.share + published) * work.checkpoint.vision_bytes)
    check_room(output, tail_bytes(work.checkpoint.tensors) + towers - work.parts.size)


def _existing(output: Path, cooked: str, *, replace: bool) -> Bundle | None:
    if not (output / MANIFEST).exists():
        return None
    if not replace:
        bundle = Bundle.open(output)
        if bundle.manifest.recipe == cooked:
            Parts.clear(output)
            return bundle
        raise BundleError(
            f"{output} holds a bundle split in another way; give another folder with -o, or --replace",
            path=str(output),
        )
    return None


def _put_in_place(staging: Path, output: Path) -> None:
    output.parent.mkdir(parents=True, exist_ok=True)
    old = output.with_name(output.name + _OLD)
    shutil.rmtree(old, ignore_errors=True)
    if output.exists():
        output.rename(old)
    staging.rename(output)
    shutil.rmtree(old, ignore_errors=True)


def _gated_tower(work: Work) -> onnx.ModelProto:
    """The FP32 tower, proven at every published cut against the whole model."""
    work.say(f"{work.name}: {work.family.name}, cuts {', '.join(work.cuts)}")
    if not work.with_language:
        size = f"{work.checkpoint.language_bytes / 1e9:.1f} GB as FP32"
        work.say(
            f"the language model ({size}) stays on disk: gate and losses are of image tokens; --measure "
            "answers loads it"
        )
    work.say(
        f"{len(work.subject.calibration)} pictures to calibrate on, {len(work.subject.pictures)} to "
        "measure on"
    )
    tower = work.parts.model("tower-fp32", lambda: export_tower(work.whole.family, work.whole.model))
    differences = work.parts.value("identity", lambda: _identity(work, tower))
    work.rest()
    worst = max(differences.values())
    work.say(
        "identity: head + tail equal the whole model at every cut (largest difference of "
        f"{_compared(work)} {worst:.1e})"
    )
    return tower


def _compared(work: Work) -> str:
    return "embeddings" if work.matcher else _COMPARED[work.with_language]


def _identity(work: Work, tower: onnx.ModelProto) -> dict[str, float]:
    by_kind = {question.kind: (index, question.text) for index, question in work.subject.questions}
    asked = list(by_kind.values())[:_GATE_QUESTIONS]
    pixels = np.concatenate([work.held_out[work.spans[index]] for index, _ in asked])
    differences = {}
    for done, (name, arrays) in enumerate(
        zip(work.cuts, reached(extracted(tower, work.graph_names()), pixels), strict=True)
    ):
        work.advance("identity gate", done, len(work.cuts))
        boundary = {
            tensor: torch.from_numpy(values) for tensor, values in work.boundary(name, arrays).items()
        }
        differences[name] = _difference(work, name, torch.from_numpy(pixels), boundary, asked)
    return differences


def _difference(
    work: Work, name: str, pixels: torch.Tensor, boundary: Boundary, asked: list[tuple[int, str]]
) -> float:
    if matcher := work.matcher:
        return matcher.difference(name, pixels, boundary)
    if not work.with_language:
        return token_difference(work.speaker, name, pixels, boundary)
    grids = [work.grids[index] for index, _ in asked]
    return identity_difference(work.speaker, name, pixels, boundary, [text for _, text in asked], grids)


def _fitted(work: Work, chosen: Selected) -> Codings:
    """The codecs of each cut."""
    work.say("fitting the codecs of each cut")
    trim_memory()  # the tower
    chain = Chain(chosen.pieces, work.options.threads)
    seen = _calibrated(work, chain)
    boundaries = {name: work.boundary(name, arrays) for name, arrays in zip(work.cuts, seen, strict=True)}
    weighed = {name: weigh(work, name, boundary) for name, boundary in boundaries.items()}
    work.rest()  # what is left is done with matrices as wide as a language model
    calibrated = len(seen[0][next(iter(seen[0]))])
    further = {name: _further(work, chain, name, calibrated) for name in work.cuts}
    sizes = {
        name: sum(values[0].size for values in boundary.values()) for name, boundary in boundaries.items()
    }
    shares = {
        name: size / sum(sizes.values()) for name, size in sizes.items()
    }  # of what learning may take: early cuts want most
    return {
        name: cut_codecs(work, name, boundary, weighed[name], further[name], shares[name])
        for name, boundary in boundaries.items()
    }


def _further(work: Work, chain: Chain, name: str, calibrated: int) -> Iterator[codecs.Tensors]:
    """A cut's boundary of pictures beyond the calibration's, some at a time, without end: for codecs that
    learn.
    """
    place = work.cuts.index(name)
    pictures = work.further(_teaching(work, calibrated))
    for done in count():
        work.advance(f"seeing more pictures for {name}", done * _AT_ONCE, _AT_ONCE * (done + 1))
        yield work.boundary(name, chain.run(work.pixels(list(islice(pictures, _AT_ONCE))), place + 1)[place])


def _teaching(work: Work, calibrated: int) -> list[int]:
    """The calibration pictures of which so many tiles are seen, and none is held out; of very few pictures
    all.
    """
    tiles = [work.grid(picture).tiles for picture in work.subject.calibration]
    owners = [index for index, count in enumerate(tiles) for _ in range(count)][:calibrated]
    return sorted(set(owners) - {owners[tile] for tile in held_out(calibrated)} or set(owners))


def _calibrated(work: Work, chain: Chain) -> list[Arrays]:
    """Every boundary of the calibration pictures, or of as many of them as have room in memory."""
    pictures = list(work.subject.calibration)
    pixels = work.pixels(pictures[:1])
    each = pixels.nbytes + sum(values.nbytes for arrays in chain.run(pixels) for values in arrays.values())
    most = max(_MIN_CALIBRATED, _MAX_BOUNDARY_BYTES // each)
    if most < len(pictures):
        work.say(
            f"{most} of {len(pictures)} calibration pictures are used: the boundaries of more would take "
            "over a gibibyte of memory"
        )
    return chain.run(work.pixels(pictures[:most]))


def _write_edge(
    work: Work, manifest: pb.Manifest, staging: Path, pieces: list[onnx.ModelProto], codings: Codings
) -> None:
    """The chain of pieces, their place and time in the manifest, and what the device needs to answer
    alone.
    """
    (staging / "edge").mkdir()
    chain = Chain(pieces, work.options.threads)
    one = work.held_out[:1]
    reached, times = chain.run(one), chain.milliseconds(one, _REPETITIONS)
    before = [pb.TensorSpec(name=PIXELS, dtype="float32", shape=one.shape[1:])]
    for number, (name, piece, milliseconds) in enumerate(zip(work.cuts, pieces, times, strict=True)):
        path = f"edge/{number:02d}-{name}.onnx"
        save(piece, staging / path)
        boundary = work.boundary(name, reached[number])
        after = [
            pb.TensorSpec(name=graph_name(name, t), dtype="float32", shape=v.shape[1:])
            for t, v in boundary.items()
        ]
        manifest.pieces.add(path=path, cut=name, inputs=before, outputs=after, milliseconds=milliseconds)
        entry = manifest.cuts.add(name=name)
        entry.boundary.extend(
            pb.TensorSpec(name=t, dtype="float32", shape=v.shape[1:]) for t, v in boundary.items()
        )
        entry.codecs.extend(coding.describe(boundary) for coding in codings[name])
        before = after
    manifest.preprocessing.CopyFrom(work.preprocessing)
    if manifest.preprocessing.HasField("tiles"):
        manifest.preprocessing.tiles.mean = mean(grid.tiles for grid in work.grids)
    if matcher := work.matcher:
        manifest.local.CopyFrom(write_texts(matcher, staging, work.options))
    elif work.options.with_local:
        _write_local(work, manifest, staging)


def _write_local(work: Work, manifest: pb.Manifest, staging: Path) -> None:
    folder = staging / "edge" / "local"
    folder.mkdir()
    work.say("exporting the decoder for local answers")
    local = write_local(work.whole.family, work.whole.model, folder, work.options.form)
    work.speaker.prompting.tokenizer.save_pretrained(folder / "aside")  # type: ignore[attr-defined]
    (folder / "aside" / "tokenizer.json").rename(folder / "tokenizer.json")
    shutil.rmtree(folder / "aside")
    local.decoder, local.embeddings = f"edge/local/{local.decoder}", f"edge/local/{local.embeddings}"
    local.tokenizer = "edge/local/tokenizer.json"
    manifest.local.CopyFrom(local)


def _write_cloud(work: Work, manifest: pb.Manifest, staging: Path) -> None:
    """The whole model, two bytes a number, with its tokenizer and processor."""
    cloud = staging / "cloud"
    cloud.mkdir()
    write_tail(work.checkpoint, work.parts, cloud, partial(work.advance, "writing the tail"))
    work.processor.save_pretrained(cloud)
    manifest.limits.CopyFrom(_LIMITS)
    if matcher := work.matcher:
        matcher.write(manifest, staging)
    else:
        manifest.prompt.CopyFrom(_prompt(work.speaker.prompting))
        picture = work.speaker.prompting.ids("", largest_grid(work.preprocessing))
        manifest.limits.max_prompt_tokens = max_prompt_tokens(work.checkpoint.config, len(picture))


def max_prompt_tokens(config: PretrainedConfig, picture: int = 0) -> int:
    """How long a prompt may be that takes so many tokens without a question.

    Where a language model's positions end, prompt and answer must fit in front of that.
    """
    positions = getattr(config.get_text_config(), "max_position_embeddings", None)
    most = max(_LIMITS.max_prompt_tokens, picture + _QUESTION_TOKENS)
    return min(most, positions - _LIMITS.max_new_tokens) if positions else most


def _prompt(prompting: Prompting) -> pb.Prompt:
    return pb.Prompt(
        template=prompting.template,
        image_token=prompting.image_token,
        image_tokens=prompting.image_tokens,
        stop_tokens=prompting.stop_tokens,
        picture=prompting.picture,
    )


def _write_codecs(manifest: pb.Manifest, staging: Path, codings: Codings) -> None:
    """The files of every codec, as far as it needs them; those of one kind share theirs."""
    for entry in manifest.cuts:
        codecs.write(entry, codings[entry.name], staging)


def _write_report(work: Work, manifest: pb.Manifest, staging: Path, chosen: Selected) -> None:
    """Accuracy and bytes of every cut and codec beside pictures, into report.json and the manifest."""
    rows = measure(work, manifest, staging, Chain(chosen.pieces, work.options.threads))
    cloud_costs(work, manifest)
    report = {
        "model": manifest.model,
        "measure": manifest.measure,
        "questions": len(work.subject.questions),
        "pictures": len(work.subject.pictures),
        "rows": [asdict(row) for row in rows],
        "fitted_on": sorted(map(fingerprint, work.subject.calibration)),
        "identity": work.parts.value("identity", dict),
        "precision": chosen.facts,
    }
    (staging / "report.json").write_text(json.dumps(report, indent=1))
