"""Make the Python stubs from the .proto files, or check that the committed ones are what they would be."""

import argparse
import sys
import tempfile
from pathlib import Path

import grpc_tools
from grpc_tools import protoc

ROOT = Path(__file__).resolve().parent.parent
_GOOGLES = Path(grpc_tools.__path__[0]) / "_proto"  # google/protobuf/timestamp.proto and its like
_MESSAGES = tuple(f"protos/{name}.proto" for name in ("bundle", "inference", "admin", "fleet"))
_SERVICES = ("protos/inference.proto", "protos/admin.proto")


def generate(output: Path) -> None:
    """Write the stubs below a folder. Raises SystemExit with protoc's status."""
    paths = [f"-I{ROOT}", f"-I{_GOOGLES}"]
    common = ["protoc", *paths, f"--python_out={output}", f"--pyi_out={output}"]
    status = protoc.main([*common, *_MESSAGES]) or protoc.main(
        ["protoc", *paths, f"--grpc_python_out={output}", *_SERVICES]
    )
    if status:
        raise SystemExit(status)


def stale() -> list[str]:
    """The committed stubs that differ from what the .proto files give."""
    with tempfile.TemporaryDirectory() as folder:
        generate(Path(folder))
        made = sorted(Path(folder).rglob("*_pb2*"))
        return [str(p.relative_to(folder)) for p in made if not _same(p, ROOT / p.relative_to(folder))]


def _same(made: Path, committed: Path) -> bool:
    return committed.exists() and committed.read_bytes() == made.read_bytes()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--check", action="store_true", help="write nothing; fail if a committed stub is stale"
    )
    if not parser.parse_args().check:
        generate(ROOT)
    elif different := stale():
        sys.exit(f"stale stubs: {', '.join(different)}; run: make protos")


if __name__ == "__main__":
    main()
