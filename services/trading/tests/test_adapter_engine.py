"""The loaded engine: catalogue, prover, rates and order ids, on Binance's wire and without any other network."""

from __future__ import annotations

import asyncio
import importlib
import logging
import sys
import time
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from binance_wire import KEY, SECRET, BinanceWire, symbol_row
from contracts.accounts import ConnectorUnknown, CredentialFieldInvalid, CredentialRefused
from contracts.message import TOKEN
from contracts.rejections import Unavailable
from contracts.trading import ConnectorNotFound
from engine_kit import public, throttle
from engine_kit.engine import Engine
from engine_kit.venue import Venue
from service_kit.flight import Flights
from trading.adapters import connectors, order_ids
from trading.adapters.catalogue import EngineCatalogue
from trading.adapters.markets import Markets
from trading.adapters.prover import EngineProver
from trading.adapters.rates import EngineRates
from trading.adapters.session import EngineExchanges

GOOD = {"binance_api_key": KEY, "binance_api_secret": SECRET}


@pytest.fixture
async def wire() -> AsyncIterator[BinanceWire]:
    made = BinanceWire()
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def engine(wire: BinanceWire) -> AsyncIterator[Engine]:
    made = Engine(Venue(wire.url))
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
def catalogue(engine: Engine) -> EngineCatalogue:
    return EngineCatalogue(engine, Markets(engine))


def test_is_pending_before_it_is_loaded() -> None:
    engine = Engine(Venue())
    assert engine.pending() == "the engine is loading"
    with pytest.raises(Unavailable):
        EngineCatalogue(engine, Markets(engine)).names()


async def test_builds_no_application_and_writes_nothing_to_its_installation(engine: Engine) -> None:
    import hummingbot

    assert not any("hummingbot_application" in name for name in sys.modules)
    assert Path(hummingbot.__file__).parent.parent not in [Path(hummingbot.root_path()), Path(hummingbot.data_path()).parent]
    logging.getLogger("hummingbot.test").network("trouble", app_warning_msg="trouble")  # type: ignore[attr-defined]
    assert not any("hummingbot_application" in name for name in sys.modules)
    assert type(logging.getLogger("trading.test.any")) is logging.Logger


async def test_names_all_connectors(catalogue: EngineCatalogue) -> None:
    names = catalogue.names()
    assert len(names) == 63
    assert names == sorted(names)
    assert {"binance", "binance_perpetual", "kraken", "okx", "hyperliquid"} <= set(names)


async def test_tells_config_maps(catalogue: EngineCatalogue) -> None:
    binance = catalogue.config_map("binance")
    assert list(binance) == ["binance_api_key", "binance_api_secret"]
    assert all((field.type, field.required, field.allowed_values) == ("SecretStr", True, None) for field in binance.values())
    hyperliquid = catalogue.config_map("hyperliquid")
    assert hyperliquid["hyperliquid_mode"].type == "Literal"
    assert hyperliquid["hyperliquid_mode"].allowed_values == ("arb_wallet", "api_wallet")
    assert not hyperliquid["use_vault"].required
    for name in catalogue.names():
        assert "connector" not in catalogue.config_map(name)
    with pytest.raises(ConnectorNotFound):
        catalogue.config_map("nowhere")


async def test_tells_order_types_without_network(catalogue: EngineCatalogue, wire: BinanceWire) -> None:
    assert set(await catalogue.order_types("binance")) == {"LIMIT", "LIMIT_MAKER", "MARKET"}
    assert "LIMIT" in await catalogue.order_types("kraken")
    with pytest.raises(ConnectorNotFound):
        await catalogue.order_types("nowhere")
    assert wire.requests == []


async def test_loads_trading_rules_once_for_many(catalogue: EngineCatalogue, wire: BinanceWire) -> None:
    asked = [catalogue.trading_rules("binance", pairs) for pairs in (None, ["BTC-USDT"], ["NO-PAIR", "ETH-USDT"])]
    every, one, known = await asyncio.gather(*asked)
    assert sorted(every) == ["BTC-USDT", "ETH-USDT"]
    assert list(one) == ["BTC-USDT"]
    assert list(known) == ["ETH-USDT"]
    assert every["BTC-USDT"].max_order_size is None
    assert wire.requests.count("GET /exchangeInfo") == 1


async def test_trading_rules_of_a_connector_outside_the_sandbox(catalogue: EngineCatalogue) -> None:
    with pytest.raises(Unavailable, match="sandbox mode"):
        await catalogue.trading_rules("kraken", None)


async def test_trading_rules_of_a_dead_exchange(catalogue: EngineCatalogue, wire: BinanceWire) -> None:
    await wire.stop()
    asked = [catalogue.trading_rules("binance", None) for _ in range(20)]
    assert [type(answer) for answer in await asyncio.gather(*asked, return_exceptions=True)] == [Unavailable] * 20


async def test_a_caller_that_gives_up_leaves_the_call_to_the_others() -> None:
    flights: Flights[int] = Flights()
    asked = asyncio.Event()
    answer: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def ask() -> int:
        asked.set()
        return await answer

    first, second = (asyncio.create_task(flights.join("key", ask)) for _ in range(2))
    await asked.wait()
    first.cancel()
    await asyncio.sleep(0)
    answer.set_result(7)
    assert await second == 7
    assert first.cancelled()


async def test_proves_credentials(engine: Engine, wire: BinanceWire, caplog: pytest.LogCaptureFixture) -> None:
    prover = EngineProver(engine, Markets(engine))
    await prover.prove("binance", GOOD)
    with pytest.raises(CredentialRefused, match=r"Invalid API-key, IP, or permissions for action\. \(-2015\)"):
        await prover.prove("binance", {**GOOD, "binance_api_key": "hunter2-key"})
    with pytest.raises(CredentialRefused, match="Signature"):
        await prover.prove("binance", {**GOOD, "binance_api_secret": "hunter2-secret"})
    await wire.stop()
    with pytest.raises(Unavailable):
        await prover.prove("binance", {**GOOD, "binance_api_secret": "hunter2-third"})
    assert "hunter2" not in caplog.text


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"binance_api_key": "k"}, "binance_api_secret"),
        ({"binance_api_key": "k", "binance_api_secret": "  "}, "binance_api_secret"),
        ({**GOOD, "api_key": "k"}, "api_key"),
    ],
)
async def test_names_the_wrong_field(engine: Engine, fields: dict[str, str], field: str) -> None:
    with pytest.raises(CredentialFieldInvalid) as refused:
        await EngineProver(engine, Markets(engine)).prove("binance", fields)
    assert refused.value.field == field
    with pytest.raises(CredentialFieldInvalid):
        EngineExchanges(engine, Markets(engine)).session("a", "binance", fields)


async def test_unknown_and_unserved_connectors(engine: Engine) -> None:
    prover = EngineProver(engine, Markets(engine))
    with pytest.raises(ConnectorUnknown):
        await prover.prove("nowhere", {})
    with pytest.raises(Unavailable, match="sandbox mode"):
        await prover.prove("kraken", {"kraken_api_key": "k", "kraken_secret_key": "s"})


async def test_a_literal_field_names_what_is_allowed(engine: Engine) -> None:
    setting = public.setting_of(engine, "hyperliquid")
    fields = {"hyperliquid_mode": "secret-looking", "hyperliquid_address": "0x1", "hyperliquid_secret_key": "0x2"}
    with pytest.raises(CredentialFieldInvalid, match="must be one of arb_wallet, api_wallet") as refused:
        connectors.validated(setting, fields)
    assert refused.value.field == "hyperliquid_mode"
    assert "secret-looking" not in refused.value.detail


async def test_rates_direct_inverse_and_bridged(engine: Engine, wire: BinanceWire) -> None:
    wire.symbols += [symbol_row("USDT", "TRY"), symbol_row("ETH", "BTC"), symbol_row("BTC", "JPY")]
    wire.tickers |= {
        "USDTTRY": ("39.9", "40.1"),
        "ETHBTC": ("0.059", "0.061"),
        "BTCJPY": ("7499999", "7500001"),
        "ETHUSDT": ("0", "0"),
    }
    rates = EngineRates(Markets(engine))
    wanted = ["BTC", "ETH", "TRY", "USDT", "JPY", "NOTHING", "a-b", "BTC"]
    found, again = await asyncio.gather(rates.rates(wanted, "USDT"), rates.rates(["BTC"], "USDT"))
    assert found["BTC"] == again["BTC"] == Decimal(50000)
    assert found["ETH"] == Decimal(3000)
    assert found["TRY"] == Decimal("0.025")
    assert found["USDT"] == 1
    assert round(found["JPY"] or 0, 8) == round(Decimal(50000) / 7500000, 8)
    assert found["NOTHING"] is None
    assert found["a-b"] is None
    assert wire.requests.count("GET /ticker/bookTicker") == 1


@pytest.mark.parametrize(
    "name", ["binance", "binance_perpetual", "foxbit", "gate_io", "grvt_perpetual", "hyperliquid", "kraken", "ndax", "okx"]
)
async def test_an_exchange_gets_an_id_of_its_form(engine: Engine, name: str) -> None:
    key = UUID("0f8fad5b-d9cb-469f-a165-70867728950e")
    setting = engine.settings[name]
    connector = await public.made_public(setting)
    made = order_ids.client_order_id(connector, setting.base_name(), key)
    assert TOKEN.match(made)
    assert made == order_ids.client_order_id(connector, setting.base_name(), key)
    assert made != order_ids.client_order_id(connector, setting.base_name(), UUID(int=key.int + 1))
    if not made.isdecimal() and name not in order_ids.HASHED:
        assert len(made) <= (connector.client_order_id_max_length or 64)


async def test_an_exchange_whose_ids_are_too_long_is_refused(engine: Engine) -> None:
    with pytest.raises(Unavailable, match="longer than"):
        order_ids.client_order_id(None, "dexalot", UUID(int=1))


async def test_connectors_of_every_exchange_are_built_from_their_fields(engine: Engine) -> None:
    for name in ("kraken", "okx", "bybit_perpetual_testnet", "gate_io", "binance_perpetual"):
        setting = engine.settings[name]
        required = [field for field, info in type(setting.config_keys).model_fields.items() if info.is_required()]
        made = await connectors.made(setting, dict.fromkeys(required, "1" * 64))
        assert made.is_trading_required
        assert made.trading_pairs == []


async def test_a_key_that_cannot_be_one_is_the_credentials_fault(engine: Engine) -> None:
    fields = {"hyperliquid_address": "0x1", "hyperliquid_secret_key": "hunter2"}
    with pytest.raises(CredentialFieldInvalid) as refused:
        await connectors.made(engine.settings["hyperliquid"], fields)
    assert "hunter2" not in refused.value.detail


async def test_a_missing_library_makes_one_connector_unavailable(catalogue: EngineCatalogue) -> None:
    assert "dydx_v4_perpetual" in catalogue.names()
    with pytest.raises(Unavailable, match="v4_proto"):
        await catalogue.order_types("dydx_v4_perpetual")


async def test_the_offset_of_an_exchanges_clock_is_the_engines_own(engine: Engine) -> None:
    from hummingbot.connector.time_synchronizer import TimeSynchronizer

    synchronizer: Any = TimeSynchronizer()
    assert abs(synchronizer.time() - time.time()) < 60
    for sample in (12.5, -3.0, 7.25, 1e6, 4.0, 99.0):
        synchronizer.add_time_offset_ms_sample(sample)
        assert [synchronizer.time_offset_ms, synchronizer.time_offset_ms] == 2 * [synchronizer.computed_offset_ms]
    synchronizer.clear_time_offset_ms_samples()
    assert abs(synchronizer.time() - time.time()) < 60


@pytest.mark.parametrize("name", throttle.ORDER_LIMITS)
async def test_the_limits_of_orders_are_the_connectors_own(engine: Engine, name: str) -> None:
    kind = "derivative" if name.endswith("perpetual") else "exchange"
    constants = importlib.import_module(f"hummingbot.connector.{kind}.{name}.{name}_constants")
    limits = {limit.limit_id: limit for limit in constants.RATE_LIMITS}
    drawn = {linked.limit_id for linked in limits[throttle.ORDER_LIMITS[name]].linked_limits}
    assert any(limit_id.startswith("ORDERS") for limit_id in drawn)
    assert drawn <= limits.keys()
