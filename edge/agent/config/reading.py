"""`agent.toml` read and checked: what is wrong is named by its place, with its value and what is allowed."""

import sys
from pathlib import Path
from typing import Any

import msgspec

from edge.agent.config.settings import AgentSettings
from edge.agent.settings.quantities import read_quantity, without_secrets
from protos.errors import RequestError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_MAX_BYTES = 1 << 20


def read_settings(path: Path) -> AgentSettings:
    """The settings of a file. Raises RequestError, which names file, field, value and bound."""
    try:
        return settings_of(tomllib.loads(_text(path)))
    except tomllib.TOMLDecodeError as error:
        raise RequestError(f"{path} is no TOML: {error}", path=str(path)) from error
    except RequestError as error:
        raise RequestError(f"{path}: {error}", path=str(path)) from error


def settings_of(table: dict[str, Any]) -> AgentSettings:
    """The settings that a parsed file holds. Raises RequestError, which names field, value and bound."""
    try:
        found = msgspec.convert(table, AgentSettings, dec_hook=read_quantity)
    except msgspec.ValidationError as error:
        raise RequestError(_words(str(error), table)) from error
    found.check()
    return found


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_BYTES + 1)
        if len(data) > _MAX_BYTES:
            raise RequestError(f"it has more than {_MAX_BYTES} bytes; a configuration is a few kilobytes")
        return data.decode()
    except OSError as error:
        raise RequestError(f"it cannot be read: {error.strerror}; name an agent.toml") from error
    except UnicodeDecodeError as error:
        raise RequestError(f"it is not UTF-8 at byte {error.start}; save it as UTF-8") from error


def _words(message: str, table: dict[str, Any]) -> str:
    """The library's message with the field in front, and the value that stands there."""
    what, _, place = message.partition(" - at `")
    field = place.rstrip("`").removeprefix("$").removeprefix(".")
    what = what[0].lower() + what[1:]
    if what.startswith("object "):
        return f"{field or 'the file'}: {what.removeprefix('object ')}"
    return without_secrets(f"{field}: {what}, this is {_at(table, field)!r}")


def _at(table: Any, field: str) -> Any:
    """What stands at `source[0].rate`."""
    for step in field.replace("[", ".[").split("."):
        if step:
            table = table[int(step[1:-1])] if step.startswith("[") else table[step]
    return table
