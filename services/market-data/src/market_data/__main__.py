"""Run the service."""

from __future__ import annotations

from service_kit.service import run

from market_data.app import build
from market_data.settings import Settings

if __name__ == "__main__":
    run(build(Settings()))
