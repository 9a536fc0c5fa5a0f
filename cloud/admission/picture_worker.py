"""A program that decodes pictures for the service, and that the service may kill at any time.

It loads Pillow and numpy, and no model. What it tells is a JSON line, and for a picture its pixels; never a
pickle, since what decodes strangers' files may be theirs. What its libraries print of a file nobody reads.
"""

import json
import os
import resource
import sys
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path

from cloud.admission.pictures import decode_picture
from protos import bundle_pb2 as pb
from protos.errors import PictureError, RequestError
from protos.limits import max_sent_pixels

_NICENESS = 5  # decoders on all cores leave the model three quarters of them
_STATM = Path("/proc/self/statm")
_BASE_BYTES = 128 << 20  # of a decoder, whatever the picture's size
_BYTES_A_PIXEL = 40  # twice what the costliest takes: canvas, frame, laid onto white, turned, RGB


def main() -> None:
    """Say when it is ready, and decode pictures that come over the connection whose number the command line
    gives.
    """
    _mute()
    connection = Connection(int(sys.argv[1]))
    connection.send_bytes(b"ready")
    work(connection)


def work(connection: Connection) -> None:
    """Decode pictures until the service hangs up, or kills this process."""
    os.nice(_NICENESS)
    own = _own_bytes()
    with suppress(EOFError, OSError):
        while True:
            manifest = pb.Manifest.FromString(connection.recv_bytes())
            if own:
                _limit_memory(own, manifest)
            _answer(connection, connection.recv_bytes(), manifest)


def _mute() -> None:
    """Decoders print what they meet in broken files; an import that fails was before, and is told."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(nowhere, stream.fileno())


def _own_bytes() -> int:
    """Address space that this process has for itself; 0 where only Linux would tell."""
    return int(_STATM.read_text().split()[0]) * resource.getpagesize() if _STATM.exists() else 0


def _limit_memory(own: int, manifest: pb.Manifest) -> None:
    """What an allocation would pass fails, and the picture with it."""
    allowed = own + _BASE_BYTES + _BYTES_A_PIXEL * max_sent_pixels(manifest)
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (allowed, hard))


def _answer(connection: Connection, data: bytes, manifest: pb.Manifest) -> None:
    try:
        pixels = decode_picture(data, manifest)
    except RequestError as error:
        refusal = {"error": type(error).__name__, "message": str(error), "facts": error.facts}
    except MemoryError:
        message = "the picture takes too much memory to decode; save it again as JPEG, or scale it down"
        refusal = {"error": PictureError.__name__, "message": message, "facts": {}}
    else:
        connection.send_bytes(json.dumps({"shape": pixels.shape}).encode())
        connection.send_bytes(pixels.data.cast("B"))
        return
    connection.send_bytes(json.dumps(refusal).encode())


if __name__ == "__main__":
    main()
