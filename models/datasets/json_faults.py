"""What is wrong with a JSON file, in words that begin with the field."""

from __future__ import annotations

import codecs
import json
import math
import re

import msgspec


def field_first(error: msgspec.ValidationError) -> str:
    """Turn msgspec's ``Expected X, got Y - at `$.field``` into ``field: Expected X, got Y``."""
    message, _, path = str(error).partition(" - at `$")
    field = path.rstrip("`").removeprefix(".")
    missing = re.fullmatch(r"Object missing required field `(\w+)`", message)
    if missing:
        return f"{missing[1]} is missing"
    return f"{field}: {message[0].lower()}{message[1:]}" if field else f"{message[0].lower()}{message[1:]}"


def without_bom(content: bytes) -> bytes:
    """Leave out the three bytes that some editors write before UTF-8."""
    return content.removeprefix(codecs.BOM_UTF8)


def why_no_json(content: bytes, error: Exception) -> str:
    """Name the field of a NaN or an infinity, which Python writes though JSON has no such numbers."""
    try:
        found = _non_finite(json.loads(content), "")
    except (ValueError, RecursionError):
        found = None
    return found or f"is not JSON: {error}"


def _non_finite(value: object, path: str) -> str | None:
    if isinstance(value, float) and not math.isfinite(value):
        return f"{path or 'the document'} must be a finite number, found {value}"
    inner: list[tuple[str, object]] = []
    if isinstance(value, dict):
        inner = [(f"{path}.{name}".removeprefix("."), part) for name, part in value.items()]
    elif isinstance(value, list):
        inner = [(f"{path}[{at}]", part) for at, part in enumerate(value)]
    return next((found for name, part in inner if (found := _non_finite(part, name))), None)
