"""A checkpoint in, a bundle out.

Export the tower once, check that it can be cut, quantise it once, cut it, fit the codecs, measure what each cut costs and
loses, and put the bundle in place with one rename.
"""

import json
import shutil
from dataclasses import asdict
from pathlib import Path

import numpy as np
import onnx
import torch

from protos import bundle_pb2 as pb
from protos.bundle import FORMAT, MANIFEST, Bundle, write_manifest
from protos.errors import BundleError
from splitter import codecs
from splitter.chain import Chain
from splitter.cut import cut
from splitter.export import PIXELS, export_tower, graph_name
from splitter.families.loading import load_model
from splitter.local import write_local
from splitter.parts import Parts
from splitter.quantize import to_int8
from splitter.recipe import Options, recipe, versions
from splitter.report import cloud_costs, measure
from splitter.verify import identity_difference
from splitter.work import Advance, Say, Work

Codings = dict[str, list[codecs.Coding]]

_GATE_QUESTIONS = 6
_LIMITS = pb.Limits(
    most_question_bytes=2000, most_prompt_tokens=1024, most_new_tokens=64, most_picture_bytes=4 << 20, most_picture_pixels=40_000_000
)
_REPETITIONS = 30


def split(options: Options, output: Path, *, replace: bool = False, say: Say = print, advance: Advance = lambda *_: None) -> Bundle:
    """Make the bundle at `output`, or find it there. Raises CheckpointError, UnknownName or BundleError.

    `say` is told of each step, `advance` of (step, done, of) within long ones.
    """
    cooked = recipe(options)
    existing = _existing(output, cooked, replace=replace)
    if existing:
        say(f"{output} is already split by this recipe; reused")
        return existing
    work = Work(options, Parts(output, cooked), say, advance)
    tower = _gated_tower(work)
    manifest = pb.Manifest(format=FORMAT, model=work.name, family=work.whole.family.name, recipe=cooked, made_with=versions())
    staging = work.parts.staging()
    pieces, codings = _quantised_pieces(work, tower)
    _write_edge(work, manifest, staging, pieces, codings)
    _write_cloud(work, manifest, staging)
    _write_codecs(manifest, staging, codings)
    _write_report(work, manifest, staging, pieces)
    write_manifest(staging, manifest)
    _put_in_place(staging, output)
    work.parts.remove()
    return Bundle.open(output)


def _existing(output: Path, cooked: str, *, replace: bool) -> Bundle | None:
    if not output.exists() or not any(output.iterdir()):
        return None
    if not (output / MANIFEST).exists():
        raise BundleError(f"{output} holds something that is not a bundle; give another folder with -o", path=str(output))
    if not replace:
        bundle = Bundle.open(output)
        if bundle.manifest.recipe == cooked:
            return bundle
        raise BundleError(f"{output} holds a bundle split in another way; give another folder with -o, or --replace", path=str(output))
    return None


def _put_in_place(staging: Path, output: Path) -> None:
    output.parent.mkdir(parents=True, exist_ok=True)
    old = output.with_name(output.name + ".old")
    if output.exists():
        output.rename(old)
    staging.rename(output)
    shutil.rmtree(old, ignore_errors=True)


def _gated_tower(work: Work) -> onnx.ModelProto:
    """The FP32 tower, proven at every published cut against the whole model."""
    work.say(f"{work.name}: {work.whole.family.name}, cuts {', '.join(work.cuts)}")
    work.say(f"{len(work.subject.calibration)} pictures to calibrate on, {len(work.subject.pictures)} to measure on")
    tower = work.parts.model("tower-fp32", lambda: export_tower(work.whole.family, work.whole.model))
    differences = work.parts.value("identity", lambda: _identity(work, tower))
    worst = max(differences.values())
    work.say(f"identity: head + tail equal the whole model at every cut (largest difference of logits {worst:.1e})")
    return tower


def _identity(work: Work, tower: onnx.ModelProto) -> dict[str, float]:
    by_kind = {question.kind: (index, question.text) for index, question in work.subject.questions}
    asked = list(by_kind.values())[:_GATE_QUESTIONS]
    pixels = work.held_out[[index for index, _ in asked]]
    reached = Chain(cut(tower, work.graph_names())).run(pixels)
    differences = {}
    for done, (name, arrays) in enumerate(zip(work.cuts, reached, strict=True)):
        work.advance("identity gate", done, len(work.cuts))
        boundary = {tensor: torch.from_numpy(values) for tensor, values in work.boundary(name, arrays).items()}
        differences[name] = identity_difference(work.whole, name, torch.from_numpy(pixels), boundary, [text for _, text in asked])
    return differences


def _quantised_pieces(work: Work, tower: onnx.ModelProto) -> tuple[list[onnx.ModelProto], Codings]:
    """INT8 pieces that also give codes, and the codecs fitted to each cut."""
    int8 = work.parts.model("tower-int8", lambda: to_int8(tower))
    pieces = cut(int8, work.graph_names())
    work.say("INT8 pieces; fitting the codecs of each cut")
    seen = Chain(pieces, work.options.threads).run(work.pixels(list(work.subject.calibration)))
    codings = {}
    for name, piece, arrays in zip(work.cuts, pieces, seen, strict=True):
        codings[name] = codecs.fit(work.boundary(name, arrays))
        for coding in codings[name]:
            coding.add(piece, name)
    return pieces, codings


def _write_edge(work: Work, manifest: pb.Manifest, staging: Path, pieces: list[onnx.ModelProto], codings: Codings) -> None:
    """The chain of pieces, their place and time in the manifest, and what the device needs to answer alone."""
    (staging / "edge").mkdir()
    chain = Chain(pieces, work.options.threads)
    one = work.held_out[:1]
    reached, times = chain.run(one), chain.milliseconds(one, _REPETITIONS)
    before = [pb.TensorSpec(name=PIXELS, dtype="float32", shape=one.shape[1:])]
    for number, (name, piece, milliseconds) in enumerate(zip(work.cuts, pieces, times, strict=True)):
        path = f"edge/{number:02d}-{name}.onnx"
        onnx.save(piece, staging / path)
        boundary = work.boundary(name, reached[number])
        after = [pb.TensorSpec(name=graph_name(name, t), dtype="float32", shape=v.shape[1:]) for t, v in boundary.items()]
        manifest.pieces.add(path=path, cut=name, inputs=before, outputs=after, milliseconds=milliseconds)
        entry = manifest.cuts.add(name=name)
        entry.boundary.extend(pb.TensorSpec(name=t, dtype="float32", shape=v.shape[1:]) for t, v in boundary.items())
        entry.codecs.extend(coding.describe(boundary) for coding in codings[name])
        before = after
    manifest.preprocessing.CopyFrom(work.whole.family.preprocessing(work.processor))
    if work.options.with_local:
        _write_local(work, manifest, staging)


def _write_local(work: Work, manifest: pb.Manifest, staging: Path) -> None:
    folder = staging / "edge" / "local"
    folder.mkdir()
    work.say("exporting the decoder for local answers")
    local = write_local(work.whole.family, work.whole.model, folder)
    work.whole.prompting.tokenizer.save_pretrained(folder / "aside")  # type: ignore[attr-defined]
    (folder / "aside" / "tokenizer.json").rename(folder / "tokenizer.json")
    shutil.rmtree(folder / "aside")
    local.decoder, local.embeddings = f"edge/local/{local.decoder}", f"edge/local/{local.embeddings}"
    local.tokenizer = "edge/local/tokenizer.json"
    manifest.local.CopyFrom(local)


def _write_cloud(work: Work, manifest: pb.Manifest, staging: Path) -> None:
    """The whole model as FP16 with its tokenizer and processor."""
    cloud = staging / "cloud"
    load_model(work.options.checkpoint, torch.float16).save_pretrained(cloud)
    work.processor.save_pretrained(cloud)
    prompting = work.whole.prompting
    manifest.prompt.CopyFrom(
        pb.Prompt(
            template=prompting.template,
            image_token=prompting.image_token,
            image_tokens=prompting.image_tokens,
            stop_tokens=prompting.stop_tokens,
        )
    )
    manifest.limits.CopyFrom(_LIMITS)


def _write_codecs(manifest: pb.Manifest, staging: Path, codings: Codings) -> None:
    """Both halves of every codec, where it has tables at all."""
    for entry in manifest.cuts:
        for coded, coding in zip(entry.codecs, codings[entry.name], strict=True):
            if sender := coding.sender():
                coded.sender = f"edge/codec-{entry.name}-{coded.name}.npz"
                np.savez_compressed(staging / coded.sender, **sender)  # type: ignore[arg-type] # numpy's stub takes the names for allow_pickle
            if receiver := coding.receiver():
                coded.receiver = f"cloud/codec-{entry.name}-{coded.name}.npz"
                np.savez_compressed(staging / coded.receiver, **receiver)  # type: ignore[arg-type]


def _write_report(work: Work, manifest: pb.Manifest, staging: Path, pieces: list[onnx.ModelProto]) -> None:
    """Accuracy and bytes of every cut and codec beside pictures, into report.json and the manifest."""
    rows = measure(work, manifest, staging, Chain(pieces, work.options.threads))
    cloud_costs(work, manifest)
    report = {
        "model": manifest.model,
        "questions": len(work.subject.questions),
        "pictures": len(work.subject.pictures),
        "rows": [asdict(row) for row in rows],
        "identity": work.parts.value("identity", dict),
    }
    (staging / "report.json").write_text(json.dumps(report, indent=1))
