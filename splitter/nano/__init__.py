"""The built-in model: a small VLM trained from scratch on scenes drawn by code."""

from pathlib import Path

WEIGHTS = Path(__file__).parent / "weights"
SMALL = Path(__file__).parent / "small" / "decoder.safetensors"  # a smaller decoder for it
