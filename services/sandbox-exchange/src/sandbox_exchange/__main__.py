"""`python -m sandbox_exchange` serves; with `compact DIR` it folds full journal segments into the snapshot and ends."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path

import uvloop

from sandbox_exchange.app import build, serve
from sandbox_exchange.handlers.recovery import Exchanges, compact
from sandbox_exchange.settings import Settings


def main() -> int:
    """Run what the arguments ask for; the exit code."""
    if sys.argv[1:2] == ["compact"]:
        os.nice(19)
        compact(Path(sys.argv[2]), Exchanges())
        return 0
    settings = Settings()
    logging.basicConfig(level=settings.log_level, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    return uvloop.run(serve(build(settings), settings))


if __name__ == "__main__":
    sys.exit(main())
