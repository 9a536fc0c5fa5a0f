"""Numbers and words in the kernel's files."""

from pathlib import Path


def read_word(path: Path) -> str:
    """What a file says; empty where it cannot be read, or there is none."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def read_number(path: Path) -> int | None:
    """A whole number; None where it cannot be read, or is none."""
    try:
        return int(read_word(path))
    except ValueError:
        return None
