"""`hummingbus candles`, with the service's own code behind it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hummingbus.__main__ import app
from hummingbus.embedded.nats_permissions import MARKET_DATA
from hummingbus.home import Home
from hummingbus.stack.environment_file import rendered
from typer.testing import CliRunner, Result

START = 1_698_796_800
SERIES = ("binance", "BTC-USDT", "1m")


def candles(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["candles", *arguments])


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("HUMMINGBUS_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    home = Home(tmp_path / "home")
    home.open()
    return home


def test_without_an_installation_it_says_what_to_do(home: Home) -> None:
    told = candles("export", *SERIES, "a.csv")
    assert (told.exit_code, "hummingbus up" in told.output) == (1, True)


def test_a_file_goes_in_and_comes_out_the_same(home: Home, tmp_path: Path) -> None:
    settings = {
        "MARKET_DATA_NATS_URL": "nats://127.0.0.1:1",
        "MARKET_DATA_CANDLE_DIR": str(home.candles),
        "MARKET_DATA_SANDBOX_URL": "http://127.0.0.1:1",
    }
    home.write_private(home.environment_file(MARKET_DATA), rendered({"HUMMINGBUS_VENUE": "sandbox", **settings}))
    lines = [f"{START + minute * 60},2.0,3.0,1.0,2.5,0.1,,,," for minute in (0, 1, 3)]
    head = "timestamp,open,high,low,close,volume,quote_asset_volume,n_trades,taker_buy_base_volume,taker_buy_quote_volume"
    (tmp_path / "in.csv").write_text("\n".join([head, *lines, ""]))
    (tmp_path / "bad.csv").write_text("\n".join([head, lines[0], lines[1].replace("3.0", "=1+1"), ""]))
    bad = candles("import", *SERIES, "bad.csv")
    assert bad.exit_code == 1
    assert bad.output == "row 3, high: must be a decimal number, is '=1+1'\nNothing was imported: 1 bad rows.\n"
    good = candles("import", *SERIES, "in.csv")
    assert good.output.splitlines() == [
        "2023-11-01T00:02:00Z to 2023-11-01T00:03:00Z: no candles in the file",
        "Imported 3 candles from 2023-11-01T00:00:00Z to 2023-11-01T00:03:00Z.",
    ]
    out = candles("export", *SERIES, "out.csv", "--json")
    assert json.loads(out.output)["candles"] == 3, out.output
    assert (tmp_path / "out.csv").read_text() == (tmp_path / "in.csv").read_text()
    assert "give --force" in candles("export", *SERIES, "out.csv").output
    part = candles("export", *SERIES, "part.parquet", "--start", "2023-11-01T01:01:00+01:00", "--json")
    assert json.loads(part.output)["candles"] == 2
    assert "which zone" in candles("export", *SERIES, "a.csv", "--start", "2023-11-01T00:01:00").output
    assert "BASE-QUOTE" in candles("import", "binance", "../a-b", "1m", "in.csv").output
    assert "only: 1s, 1m" in candles("import", "binance", "A-B", "7m", "in.csv").output
