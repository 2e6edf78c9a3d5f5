"""Portfolio over real tables: order of reports, prices that outlive their source, refresh."""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal
from math import inf
from typing import Any

import pytest
from accounts.adapters.vault import Vault
from accounts.handlers.commands import Commands
from accounts.handlers.prices import Prices
from accounts.handlers.queries import REVEAL, Queries
from accounts.handlers.refresh import Refresh
from accounts.handlers.valuation import Valuation
from accounts.views.portfolio import PortfolioView
from contracts.accounts import (
    AccountUnknown,
    AddCredential,
    CreateAccount,
    CredentialUnknown,
    DeleteCredential,
    GetAccountsDistribution,
    GetPortfolioDistribution,
    GetPortfolioState,
    ListAccounts,
    ListCredentials,
    RefreshPortfolio,
    RevealCredential,
)
from contracts.message import Metadata, utc_now
from contracts.rejections import Unavailable
from contracts.trading import Balance, BalancesReported
from eventlog.log import EventLog
from service_kit.received import Received
from service_kit.sealing import Sealer

KEY = b"k" * 32


def balance(token: str, total: str, available: str | None = None) -> Balance:
    return Balance(token=token, total=Decimal(total), available=Decimal(available or total))


async def report(log: EventLog, version: int, *balances: Balance, account: str = "a", connector: str = "binance") -> None:
    event = BalancesReported(account=account, connector=connector, balances=balances)
    received = Received(event, f"trading.session-{account}.{connector}", version, version, version, Metadata(), utc_now())
    for write in PortfolioView().project(received):
        await log.fetch(write.sql, *write.args)


@pytest.fixture
async def credentials(commands: Commands) -> None:
    for account, connector in (("a", "binance"), ("a", "kraken"), ("b", "binance")):
        if connector == "binance":
            await commands.create_account(CreateAccount(account=account), Metadata())
        values = {"binance_api_key": "k", "binance_api_secret": "s"}
        command = AddCredential.model_validate({"account": account, "connector": connector, "values": values})
        await commands.add_credential(command, Metadata())


@pytest.fixture
def clock() -> list[float]:
    return [100.0]


@pytest.fixture
def queries(log: EventLog, safe: Vault, trading: Any, clock: list[float]) -> Queries:
    prices = Prices(log, trading, monotonic=lambda: clock[0])
    return Queries(log, safe, Sealer(KEY), Valuation(log, prices, ["NAV"]))


async def state(queries: Queries, **filters: Any) -> Any:
    return json.loads((await queries.portfolio_state(GetPortfolioState(**filters), Metadata())).body)


@pytest.mark.usefixtures("credentials")
async def test_an_older_report_never_overwrites_a_newer_one(log: EventLog, queries: Queries) -> None:
    await report(log, 5, balance("USDT", "5"))
    await report(log, 4, balance("USDT", "4"))
    await report(log, 5, balance("USDT", "4"))
    assert (await state(queries))["a"]["binance"][0]["units"] == 5.0
    await report(log, 6, balance("USDT", "6"))
    assert (await state(queries))["a"]["binance"][0]["units"] == 6.0


@pytest.mark.usefixtures("credentials")
async def test_a_report_without_a_credential_leaves_no_trace(log: EventLog, commands: Commands, queries: Queries) -> None:
    await report(log, 1, balance("USDT", "5"))
    await report(log, 1, balance("USDT", "5"), connector="okx")
    await commands.delete_credential(DeleteCredential(account="a", connector="binance"), Metadata())
    await report(log, 2, balance("USDT", "5"))
    assert await state(queries) == {}
    assert await log.fetch("SELECT FROM balances") == []


@pytest.mark.usefixtures("credentials")
async def test_an_answer_is_kept_no_longer_than_its_prices_are_fresh(
    log: EventLog, queries: Queries, trading: Any, clock: list[float]
) -> None:
    async def seconds() -> float:
        return (await queries.portfolio_state(GetPortfolioState(), Metadata())).seconds

    trading.known_rates = {"BTC": Decimal(1)}
    assert await seconds() == inf
    await report(log, 1, balance("BTC", "1"))
    assert await seconds() == 5.0
    clock[0] += 3
    assert await seconds() == 2.0
    clock[0] += 3
    assert await seconds() == 5.0


@pytest.mark.usefixtures("credentials")
async def test_filters_leave_the_portfolio_as_it_is(log: EventLog, queries: Queries) -> None:
    await report(log, 1, balance("USDT", "1"))
    await report(log, 1, balance("USDT", "2"), balance("NAV", "2"), balance("ZERO", "0"), connector="kraken")
    await report(log, 1, balance("USDT", "3"), account="b")
    everything = await state(queries)
    assert list(everything) == ["a", "b"]
    assert [token["token"] for token in everything["a"]["kraken"]] == ["USDT"]
    assert await state(queries, connector_names=("kraken",)) == {"a": {"kraken": everything["a"]["kraken"]}}
    assert await state(queries, account_names=("b", "nobody")) == {"b": everything["b"]}
    assert await state(queries, account_names=("nobody",)) == {}
    assert await state(queries) == everything


@pytest.mark.usefixtures("credentials")
async def test_a_price_outlives_its_exchange_and_a_restart(
    log: EventLog, safe: Vault, queries: Queries, trading: Any, clock: list[float]
) -> None:
    await report(log, 1, balance("BTC", "2", "1.5"), balance("XYZ", "1"))
    trading.known_rates = {"BTC": Decimal("40000.5")}
    expected = [
        {"token": "BTC", "units": 2.0, "price": 40000.5, "value": 80001.0, "available_units": 1.5},
        {"token": "XYZ", "units": 1.0, "price": 0.0, "value": 0.0, "available_units": 1.0},
    ]
    for _ in range(3):
        assert (await state(queries))["a"]["binance"] == expected
    assert trading.rates_asked == 1
    trading.rates_failure = Unavailable("exchange unreachable")
    clock[0] += 6
    assert (await state(queries))["a"]["binance"] == expected
    restarted = Queries(log, safe, Sealer(KEY), Valuation(log, Prices(log, trading), []))
    assert (await state(restarted))["a"]["binance"] == expected
    trading.rates_failure, trading.known_rates = None, {"BTC": Decimal(50000)}
    clock[0] += 6
    assert (await state(queries))["a"]["binance"][0]["price"] == 50000.0


async def test_nobody_waits_long_for_a_newer_price_than_the_one_known(log: EventLog, trading: Any, clock: list[float]) -> None:
    answering = asyncio.Event()
    answering.set()

    class Slow(type(trading)):  # type: ignore[misc]
        async def rates(self, *arguments: Any) -> Any:
            await answering.wait()
            return await super().rates(*arguments)

    source = Slow(known_rates={"BTC": Decimal(1), "ETH": Decimal(9)})
    prices = Prices(log, source, monotonic=lambda: clock[0], patience=0.05)
    assert await prices.of(["BTC"], Metadata()) == {"BTC": 1}
    answering.clear()
    clock[0] += 6
    source.known_rates["BTC"] = Decimal(2)
    assert await asyncio.gather(*(prices.of(["BTC"], Metadata()) for _ in range(3))) == [{"BTC": 1}] * 3
    new = asyncio.create_task(prices.of(["BTC", "ETH"], Metadata()))
    await asyncio.sleep(0.1)
    answering.set()
    assert await new == {"BTC": 2, "ETH": 9}
    assert source.rates_asked == 3


@pytest.mark.usefixtures("credentials")
async def test_refresh_shows_at_once_and_names_what_failed(log: EventLog, queries: Queries, trading: Any) -> None:
    class Failing(type(trading)):  # type: ignore[misc]
        async def refresh_balances(self, account: str, connector: str, metadata: Metadata) -> Any:
            if connector == "kraken":
                raise Unavailable("The session of a on kraken is failed: maintenance")
            return await super().refresh_balances(account, connector, metadata)

    sessions = Failing(balances={"a.binance": (balance("USDT", "7"),), "b.binance": ()}, version=3)
    await report(log, 3, balance("USDT", "3"))
    await report(log, 1, balance("USDT", "1"), connector="kraken")
    reply = await Refresh(log, sessions).refresh_portfolio(RefreshPortfolio(), Metadata())
    assert reply.refreshed == ("a.binance", "b.binance")
    assert reply.failed == {"a.kraken": "The session of a on kraken is failed: maintenance"}
    shown = await state(queries)
    assert shown["a"]["binance"][0]["units"] == 7.0
    assert shown["a"]["kraken"][0]["units"] == 1.0
    await report(log, 9, balance("USDT", "9"))
    await Refresh(log, sessions).refresh_portfolio(RefreshPortfolio(connector_names=("binance",)), Metadata())
    assert (await state(queries))["a"]["binance"][0]["units"] == 9.0


@pytest.mark.usefixtures("credentials")
async def test_lists_and_distributions(log: EventLog, queries: Queries) -> None:
    await report(log, 1, balance("USDT", "1"))
    await report(log, 1, balance("USDT", "3"), account="b")
    assert json.loads((await queries.list_accounts(ListAccounts(), Metadata())).body) == ["a", "b"]
    assert json.loads((await queries.list_credentials(ListCredentials(account="a"), Metadata())).body) == ["binance", "kraken"]
    with pytest.raises(AccountUnknown):
        await queries.list_credentials(ListCredentials(account="nobody"), Metadata())
    both = GetPortfolioDistribution(account_names=("a", "b"))
    tokens = json.loads((await queries.portfolio_distribution(both, Metadata())).body)
    assert tokens["distribution"][0]["accounts"]["b"]["percentage"] == 75.0
    accounts = json.loads((await queries.accounts_distribution(GetAccountsDistribution(), Metadata())).body)
    assert [entry["account"] for entry in accounts["distribution"]] == ["b", "a"]


@pytest.mark.usefixtures("credentials")
async def test_a_credential_is_revealed_sealed(queries: Queries) -> None:
    answer = json.loads(await queries.reveal_credential(RevealCredential(account="a", connector="kraken"), Metadata()))
    assert answer["credential_version"] == 2
    assert Sealer(KEY).open(answer["sealed"], purpose=REVEAL) == {"binance_api_key": "k", "binance_api_secret": "s"}
    with pytest.raises(CredentialUnknown):
        await queries.reveal_credential(RevealCredential(account="b", connector="kraken"), Metadata())
    with pytest.raises(AccountUnknown):
        await queries.reveal_credential(RevealCredential(account="nobody", connector="kraken"), Metadata())
