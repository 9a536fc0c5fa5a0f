"""Secrets in files of their own."""

from pathlib import Path

from protos.errors import RequestError

_MAX_SECRET = 4096


def read_secret(path: Path) -> str:
    """The first line of a file. Raises RequestError, which does not show it."""
    try:
        with path.open(encoding="utf-8") as file:
            secret = file.readline(_MAX_SECRET).strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise RequestError(f"the secret in {path} cannot be read: {reason}", path=str(path)) from None
    if not secret:
        raise RequestError(f"there is no secret in {path}: its first line is empty", path=str(path))
    return secret
