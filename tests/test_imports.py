"""The house's rules: who may import whom, and that a device needs no torch."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("protos", "splitter", "edge", "cloud", "deploy")
MAY_IMPORT = {
    "protos": {"protos"},
    "splitter": {"splitter", "protos"},
    "edge": {"edge", "protos"},
    "cloud": {"cloud", "protos", "splitter.families"},
    "deploy": {"deploy", "edge", "splitter", "protos", "isthmus"},
}
HEAVY = ("torch", "transformers", "onnx")


def imported(path: Path) -> set[str]:
    """Every module that a file imports, wherever in the file."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


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


def test_the_contract_needs_numpy_protobuf_and_zstandard_only() -> None:
    files = [
        p
        for p in (ROOT / "protos").glob("*.py")
        if not p.name.endswith("_pb2_grpc.py") and p.name != "generate.py"
    ]
    foreign = (
        {name.split(".")[0] for path in files for name in imported(path)}
        - set(sys.stdlib_module_names)
        - {"protos"}
    )
    assert foreign <= {"numpy", "google", "zstandard", "numba"}, "and numba, where there is one"


def test_no_module_is_called_utils() -> None:
    vague = {"utils.py", "util.py", "helpers.py", "helper.py", "manager.py", "common.py", "misc.py"}
    assert not [p for package in PACKAGES for p in (ROOT / package).rglob("*.py") if p.name in vague]


def test_edge_and_the_front_door_work_where_torch_transformers_and_onnx_cannot_be_found() -> None:
    modules = [
        ".".join(p.relative_to(ROOT).with_suffix("").parts) for p in sorted((ROOT / "edge").rglob("*.py"))
    ]
    program = f"""
import sys, importlib.abc
class Absent(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name.split(".")[0] in {HEAVY!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Absent())
import importlib, isthmus
for module in {modules!r}:
    importlib.import_module(module.removesuffix(".__init__"))
assert not set({HEAVY!r}) & set(sys.modules)
try:
    isthmus.main(["ask", "--help"])
except SystemExit as stop:
    assert stop.code == 0
assert isthmus.main(["nano", "eval"]) == 1
"""
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    assert "pip install 'isthmus[splitter]'" in run.stderr
