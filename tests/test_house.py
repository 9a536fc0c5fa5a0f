"""The rules of the house: who may import whom, no circles, one meaning a name, no torch on a device."""

import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

from deploy.device.wheel import DEVICE_PLACES
from tests.house import PACKAGES, ROOT, circle, imported, imports, modules, rooms, type_names

MAY_IMPORT = {
    "protos": {"protos"},
    "splitter": {"splitter", "protos"},
    "edge": {"edge", "protos"},
    "cloud": {"cloud", "protos", "splitter.families"},
    "bench": {"bench", "edge", "cloud", "splitter", "protos"},
    "deploy": {"deploy", "bench", "edge", "cloud", "splitter", "protos", "isthmus"},
}
HEAVY = ("torch", "transformers", "onnx")


def ours(name: str) -> bool:
    return name.split(".", maxsplit=1)[0] in {*PACKAGES, "isthmus"}


def allowed(name: str, rules: set[str]) -> bool:
    return any(name == rule or name.startswith(rule + ".") or rule.startswith(name + ".") for rule in rules)


@pytest.mark.parametrize("package", PACKAGES)
def test_imports_run_one_way(package: str) -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in sorted((ROOT / package).rglob("*.py"))
        for name in sorted(imported(path))
        if ours(name) and not allowed(name, MAY_IMPORT[package])
    ]
    assert not wrong


def test_no_modules_import_each_other_in_a_circle() -> None:
    assert not circle(imports())


def test_no_folder_imports_back() -> None:
    assert not circle(rooms())


@pytest.mark.parametrize("package", PACKAGES)
def test_no_type_name_stands_in_two_modules_of_a_package(package: str) -> None:
    places = defaultdict(list)
    for name, path in modules().items():
        for found in type_names(path) if name.split(".")[0] == package else ():
            places[found].append(name)
    assert not {name: where for name, where in places.items() if len(where) > 1}


def test_the_contract_needs_numpy_protobuf_and_zstd_only() -> None:
    grpc = ("_pb2_grpc.py", "generate.py", "connection/channel.py", "connection/broker_session.py")
    files = [path for path in (ROOT / "protos").rglob("*.py") if not path.as_posix().endswith(grpc)]
    # which speak with people, and over HTTP
    contract = [path for path in files if not {"terminal", "http"} & set(path.relative_to(ROOT).parts)]
    names = {name.split(".")[0] for path in contract for name in imported(path)}
    foreign = names - set(sys.stdlib_module_names) - {"protos"}
    assert foreign <= {"numpy", "google", "backports", "compression", "typing_extensions", "numba"}, (
        "and numba, where there is one"
    )


def test_what_a_device_runs_is_python_3_10() -> None:
    vermin = Path(sys.executable).with_name("vermin")
    arguments = ["--target=3.10-", "--no-tips", "--violations", *DEVICE_PLACES]
    found = subprocess.run([vermin, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    assert not found.returncode, found.stdout


def test_no_module_is_called_utils() -> None:
    vague = {"utils", "util", "helpers", "helper", "manager", "common", "misc"}
    assert not [name for name in modules() if name.rpartition(".")[2] in vague]


def test_edge_and_the_front_door_work_where_torch_transformers_and_onnx_cannot_be_found() -> None:
    edge = [name for name in modules() if name.split(".")[0] == "edge"]
    program = f"""
import sys, importlib.abc
class Absent(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name.split(".")[0] in {HEAVY!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Absent())
import importlib, isthmus
for module in {edge!r}:
    importlib.import_module(module)
assert not set({HEAVY!r}) & set(sys.modules)
for words in (["ask"], ["cloud", "status"]):
    try:
        isthmus.main([*words, "--help"])
    except SystemExit as stop:
        assert stop.code == 0
assert isthmus.main(["nano", "eval"]) == 1
"""
    command = [sys.executable, "-W", "error", "-c", program]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert "pip install 'isthmus[splitter]'" in run.stderr
