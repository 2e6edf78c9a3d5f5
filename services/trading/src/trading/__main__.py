"""Run the service."""

from __future__ import annotations

from service_kit.service import run

from trading.app import build
from trading.settings import Settings

if __name__ == "__main__":
    run(build(Settings()))
