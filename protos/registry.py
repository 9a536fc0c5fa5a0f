"""Classes found by the file that holds them: a new one is one file, and nothing else needs to know of it."""

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from types import ModuleType
from typing import TypeVar

Kind = TypeVar("Kind")


def modules_of(folder: ModuleType) -> list[str]:
    """The names of the modules in a package, without importing them."""
    return sorted(found.name for found in pkgutil.iter_modules(folder.__path__) if not found.ispkg)


def classes_of(folder: ModuleType, base: type[Kind]) -> Iterator[type[Kind]]:
    """Every concrete class below `base` that a module of the package defines."""
    for name in modules_of(folder):
        yield from classes_in(importlib.import_module(f"{folder.__name__}.{name}"), base)


def classes_in(module: ModuleType, base: type[Kind]) -> Iterator[type[Kind]]:
    """Those of one module."""
    for _, found in inspect.getmembers(module, inspect.isclass):
        if found.__module__ == module.__name__ and issubclass(found, base) and not inspect.isabstract(found):
            yield found


def names_of(folder: ModuleType) -> list[str]:
    """The names that `class_named` knows: those of the modules, with dashes."""
    return [module.replace("_", "-") for module in modules_of(folder)]


def class_named(folder: ModuleType, base: type[Kind], name: str) -> type[Kind]:
    """The class below `base` in the module of that name, which is one of `names_of`."""
    module = importlib.import_module(f"{folder.__name__}.{name.replace('-', '_')}")
    (found,) = classes_in(module, base)
    return found
