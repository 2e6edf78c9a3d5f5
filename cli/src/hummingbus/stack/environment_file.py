"""The settings of one service as a file in dotenv format."""

from __future__ import annotations

from collections.abc import Mapping


def rendered(values: Mapping[str, str]) -> str:
    """The file's text; whoever reads it with python-dotenv gets back exactly `values`."""
    return "".join(f"{name}='{_quoted(value)}'\n" for name, value in values.items())


def _quoted(value: str) -> str:
    # `${x}` is replaced by python-dotenv even between quotes and cannot be escaped; `${:-$}` is replaced by a dollar sign.
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return escaped.replace("${", "${:-$}{")
