"""Run the service; with arguments, export or import candles beside it: `export|import CONNECTOR PAIR INTERVAL FILE`.

Export and import print one JSON document; the exit code is 2 when there is only an `error` in it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from contracts.rejections import Rejection, Unavailable
from service_kit.service import run

from market_data.adapters.candle import Series
from market_data.adapters.candle_file import polars
from market_data.adapters.candle_rows import FileUnusable
from market_data.app import build, files
from market_data.settings import Settings

LAST = 2**40
"""Later than any candle."""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="market_data", description=__doc__)
    asked = parser.add_subparsers(dest="asked", required=True)
    for name in ("export", "import"):
        one = asked.add_parser(name)
        for argument in ("connector", "pair", "interval", "file"):
            one.add_argument(argument)
        if name == "export":
            one.add_argument("--start", type=int, default=0)
            one.add_argument("--end", type=int, default=LAST)
        else:
            one.add_argument("--replace", action="store_true")
    return parser


async def _told(given: argparse.Namespace) -> dict[str, Any]:
    working, file = files(Settings()), Path(given.file)
    series = Series(given.connector, given.pair, given.interval)
    try:
        await working.source.check_name(series)
        if given.asked == "import":
            return await asyncio.to_thread(working.candles.take_in, series, file, replace=given.replace)
        return await asyncio.to_thread(working.candles.give_out, series, file, (given.start, given.end))
    except (Rejection, Unavailable) as error:
        return {"error": error.detail}
    except (FileUnusable, polars().exceptions.PolarsError, OSError) as error:
        return {"error": str(error)}
    finally:
        await working.stop()


def main() -> None:
    """Do what the command line says."""
    if sys.argv[1:]:
        told = asyncio.run(_told(_parser().parse_args()))
        sys.stdout.write(json.dumps(told) + "\n")
        raise SystemExit(2 if "error" in told else 0)
    run(build(Settings()))


if __name__ == "__main__":
    main()
