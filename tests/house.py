"""The source as a graph: which module imports which, and in which room each stands."""

import ast
import re
from collections.abc import Collection, Iterator, Mapping
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("protos", "splitter", "edge", "cloud", "bench", "deploy")
_TYPE_NAME = re.compile(r"_?[A-Z][a-z]")

Graph = Mapping[str, Collection[str]]


@cache
def modules() -> dict[str, Path]:
    """Every module of ours that was written by hand, by its dotted name."""
    files = (path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
    written = (path for path in files if "_pb2" not in path.name)
    return {_dotted(path): path for path in sorted(written)}


def _dotted(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imported(path: Path) -> set[str]:
    """Every name that a file imports, wherever in the file: modules, and what is taken from them."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


@cache
def imports() -> dict[str, set[str]]:
    """Which of our modules each imports; of a package and a module in it, the module counts."""
    known = modules()
    graph = {}
    for name, path in known.items():
        taken = {other for other in imported(path) if other in known and other != name}
        graph[name] = {
            other for other in taken if not any(deeper.startswith(f"{other}.") for deeper in taken)
        }
    return graph


def room(module: str) -> str:
    """The folder below the package that a module stands in, one deeper for the agent; at a package's top it
    is a room by itself.
    """
    parts = modules()[module].relative_to(ROOT).parts
    deep = 3 if parts[:2] == ("edge", "agent") else 2
    return module if len(parts) == 2 else ".".join(parts[:deep])


def rooms() -> dict[str, set[str]]:
    """Which room imports which."""
    graph: dict[str, set[str]] = {room(module): set() for module in modules()}
    for module, others in imports().items():
        graph[room(module)] |= {room(other) for other in others} - {room(module)}
    return graph


def circle(graph: Graph) -> list[str]:
    """One circle in a graph, or nothing."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def type_names(path: Path) -> Iterator[str]:
    """The classes that a module defines, and the names that it gives to types."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        match node:
            case ast.ClassDef(name=name):
                yield name
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                if _TYPE_NAME.match(name):
                    yield name
