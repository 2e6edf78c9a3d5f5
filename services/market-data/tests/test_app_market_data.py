"""The service can be composed and documented without connecting, and without loading the engine."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from market_data.app import build
from market_data.settings import Settings

SETTINGS = {"nats_url": "nats://127.0.0.1:4222", "sandbox_url": "http://127.0.0.1:1"}


def test_the_service_composes(tmp_path: Path) -> None:
    service = build(Settings(candle_dir=tmp_path, **SETTINGS))  # type: ignore[arg-type]
    assert service.asyncapi()["info"]["title"] == "market-data"


def test_a_service_that_nobody_asks_loads_neither_the_engine_nor_polars() -> None:
    told = "import sys, market_data.app; print(sorted({'hummingbot', 'polars', 'pandas', 'numpy'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
