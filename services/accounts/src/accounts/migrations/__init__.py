"""Revisions of the service's tables. One that was released is never changed."""

from __future__ import annotations

from pathlib import Path

DIRECTORY = Path(__file__).parent
