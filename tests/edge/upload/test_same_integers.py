"""Processes differ in their threads and in what is installed; what they send of a picture, and read in a
payload, does not.
"""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np

from edge.pictures.preprocess import Preprocessor
from protos import codec
from protos.bundle import Bundle
from tests.edge.pictures.picture_files import scene

ROOT = Path(__file__).parents[3]
PROGRAM = """
import json, sys
if sys.argv[4] == "plain":
    sys.modules["numba"] = None
import numpy as np
from edge.models.head import Head
from edge.upload.feature_encoders import FeatureEncoders
from protos import codec
from protos.bundle import Bundle

bundle, pixels, threads = Bundle.open(sys.argv[1]), np.load(sys.argv[2]), int(sys.argv[3])
head, senders, said = Head(bundle, threads), FeatureEncoders(bundle, threads), {}
for cut in bundle.manifest.cuts:
    boundary = head.run(pixels, cut.name).boundary
    for spec in cut.codecs:
        if isinstance(half := codec.receiver(spec, bundle.file), codec.FrameCodec):
            payloads = senders.encode(cut.name, spec.name, boundary)
            read = {name: codes.tolist() for name, codes in half.unpack(payloads).items()}
            said[cut.name + "/" + spec.name] = {name: data.hex() for name, data in payloads.items()}, read
print(json.dumps(said))
"""


def test_processes_with_other_numbers_of_threads_and_without_numba_send_and_read_the_same_integers(
    bundle: Bundle, tmp_path: Path
) -> None:
    preprocessor = Preprocessor(bundle.manifest.preprocessing)
    np.save(tmp_path / "pixels.npy", preprocessor.pixels(preprocessor.resize(scene(300, 400))))
    said = []
    for differing in (("1", "compiled"), ("3", "plain")):
        command = [sys.executable, "-c", PROGRAM, str(bundle.path), str(tmp_path / "pixels.npy"), *differing]
        said.append(
            json.loads(subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout)
        )
    assert said[0] == said[1]
    for name, (payloads, read) in said[0].items():
        half = codec.receiver(bundle.codec(*name.split("/")), bundle.file)
        assert isinstance(half, codec.FrameCodec)
        here = half.unpack({tensor: bytes.fromhex(data) for tensor, data in payloads.items()})
        assert {tensor: codes.tolist() for tensor, codes in here.items()} == read
        assert any(np.any(codes) for codes in here.values())
