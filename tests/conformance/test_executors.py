"""/executors (contract 8.13), with the official client."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import Any

import aiohttp
import httpx
import pytest
from hummingbot_api_client import HummingbotAPIClient, SyncHummingbotAPIClient

from tests.conformance.conftest import CONNECTOR, PAIR, Target
from tests.conformance.shapes import (
    EXECUTOR,
    EXECUTOR_CREATED,
    EXECUTOR_LOGS,
    EXECUTOR_PERFORMANCE,
    EXECUTOR_SUMMARY,
    POSITION_HOLD,
    VALIDATION,
    check,
    page,
)
from tests.stack import eventually

TYPES = ("position", "grid", "dca", "arbitrage", "twap", "xemm", "order", "lp")
MARKET = {"connector_name": CONNECTOR, "trading_pair": PAIR}
POSITION = {"type": "position_executor", **MARKET, "side": 1, "amount": 0.002}


@pytest.fixture(scope="module")
def client(target: Target) -> Iterator[Any]:
    with SyncHummingbotAPIClient(target.url, target.username, target.password) as made:
        yield made


@pytest.fixture
def controller() -> str:
    return f"c_{secrets.token_hex(4)}"


def ended(client: Any, executor_id: str) -> dict[str, Any]:
    """The executor once it has ended."""
    eventually(lambda: client.executors.get_executor(executor_id)["status"] == "TERMINATED", "the executor ended", 90)
    found: dict[str, Any] = client.executors.get_executor(executor_id)
    return found


def messages(client: Any, executor_id: str) -> list[str]:
    return [entry["message"] for entry in client.executors.get_executor_logs(executor_id)["logs"]]


def test_a_position_that_is_kept_becomes_a_hold_that_is_cleared_and_begun_again(
    client: Any, target: Target, trader: str, controller: str
) -> None:
    for _ in range(2):
        config = {**POSITION, "triple_barrier_config": {"open_order_type": 1}}
        created = client.executors.create_executor(config, trader, controller)
        check(created, EXECUTOR_CREATED)
        id_ = created["executor_id"]
        eventually(lambda: client.executors.get_executor(id_)["filled_amount_quote"] > 0, "the position is open", 90)  # noqa: B023
        summary = client.executors.get_summary()
        check(summary, EXECUTOR_SUMMARY)
        assert summary["by_type"]["position_executor"] >= 1
        answer = client.executors.stop_executor(id_, keep_position=True)
        assert answer == {"executor_id": id_, "status": "stopping", "keep_position": True}
        executor = ended(client, id_)
        check(executor, EXECUTOR)
        eventually(lambda: "closed: POSITION_HOLD" in messages(client, id_), "its log is complete", 60)  # noqa: B023
        assert {f"created by {target.username} as position_executor", "started by trading"} & set(messages(client, id_))
        newest = client.executors.get_executor_logs(id_, limit=1, level="info")
        check(newest, EXECUTOR_LOGS)
        assert newest["total_count"] > 1
        assert (executor["close_type"], executor["side"], executor["controller_id"]) == ("POSITION_HOLD", "BUY", controller)
        eventually(lambda: client.executors.get_positions_summary(controller)["total_positions"] == 1, "it is held", 60)
        hold = client.executors.get_position_held(CONNECTOR, PAIR, trader, controller)
        check(hold, POSITION_HOLD)
        assert (hold["net_amount_base"], hold["position_side"], hold["executor_ids"]) == (0.002, "LONG", [id_])
        assert hold["buy_breakeven_price"] > 0
        cleared = client.executors.clear_position_held(CONNECTOR, PAIR, trader, controller)
        assert (cleared["connector_name"], cleared["trading_pair"]) == (CONNECTOR, PAIR)
    assert client.executors.get_positions_summary(controller)["positions"] == []
    for call in (client.executors.get_position_held, client.executors.clear_position_held):
        with pytest.raises(aiohttp.ClientResponseError) as refused:
            call(CONNECTOR, PAIR, trader, controller)
        assert refused.value.status == 404
    performance = client.executors.get_performance_report(controller)
    check(performance, EXECUTOR_PERFORMANCE)
    assert (performance["total_executors"], performance["by_status"]) == (2, {"TERMINATED": 2})
    assert performance["volume_total_quote"] > 0


@pytest.mark.parametrize("type_", ["arbitrage_executor", "xemm_executor"])
def test_executors_on_two_markets_answer_201_with_the_first(
    client: Any, api: httpx.Client, trader: str, futures: str, controller: str, type_: str
) -> None:
    selling = {"connector_name": futures, "trading_pair": PAIR}
    config: dict[str, Any] = {"type": type_, "buying_market": MARKET, "selling_market": selling, "order_amount": "0.002"}
    config["min_profitability"] = "0.1"
    if type_ == "xemm_executor":
        config |= {"maker_side": "BUY", "target_profitability": "0.15", "max_profitability": "0.2"}
    # As the client sends it; the client tells no status.
    body = {"executor_config": config, "account_name": trader, "controller_id": controller}
    answer = api.post("/executors/", json=body)
    assert answer.status_code == 201, answer.text
    created = answer.json()
    check(created, EXECUTOR_CREATED)
    assert (created["connector_name"], created["trading_pair"]) == (CONNECTOR, PAIR)
    found = client.executors.search_executors(controller_ids=[controller])["data"]
    assert [each["executor_id"] for each in found] == [created["executor_id"]]
    client.executors.stop_executor(created["executor_id"])
    assert client.executors.get_executor(created["executor_id"])["side"] is None


def test_search_pages_and_filters(client: Any, trader: str, controller: str) -> None:
    away = {**POSITION, "entry_price": "10000", "triple_barrier_config": {"open_order_type": 2}}
    ids = [client.executors.create_executor(away, trader, controller)["executor_id"] for _ in range(3)]
    first = client.executors.search_executors(controller_ids=[controller], limit=2)
    check(first, page(EXECUTOR))
    assert (first["pagination"]["total_count"], first["pagination"]["has_more"]) == (3, True)
    for id_ in ids:
        client.executors.stop_executor(id_)
        ended(client, id_)
    # A cursor taken while they ran leads on after they ended.
    cursor = first["pagination"]["next_cursor"]
    second = client.executors.search_executors(controller_ids=[controller], limit=2, cursor=cursor)
    found = [each["executor_id"] for each in first["data"] + second["data"]]
    assert sorted(found) == sorted(ids)
    everything = {
        "account_names": [trader],
        "connector_names": [CONNECTOR],
        "trading_pairs": [PAIR],
        "executor_types": ["position_executor"],
        "status": "TERMINATED",
        "controller_ids": [controller],
    }
    assert client.executors.search_executors(**everything)["pagination"]["total_count"] == 3
    assert client.executors.search_executors(**{**everything, "status": "RUNNING"})["data"] == []
    with pytest.raises(aiohttp.ClientResponseError) as refused:
        client.executors.stop_executor(ids[0])
    assert refused.value.status == 404


def test_types_and_their_fields(client: Any) -> None:
    types = client.executors.get_available_executor_types()["executor_types"]
    assert [each["type"] for each in types] == [f"{name}_executor" for name in TYPES]
    for each in types:
        schema = client.executors.get_executor_config_schema(each["type"])
        assert schema["executor_type"] == each["type"]
        assert {"name": "id", "required": False, "type": "str", "default": None} in schema["fields"]
    position = client.executors.get_executor_config_schema("position_executor")
    fields = {field["name"]: field for field in position["fields"]}
    assert fields["amount"]["required"]
    assert "BUY" in fields["side"]["enum_values"]
    barriers = {field["name"] for field in position["nested_types"]["TripleBarrierConfig"]["fields"]}
    assert {"stop_loss", "take_profit", "time_limit", "trailing_stop"} <= barriers
    assert position["nested_types"]["OrderType"]["type"] == "enum"
    with pytest.raises(aiohttp.ClientResponseError) as refused:
        client.executors.get_executor_config_schema("no_executor")
    assert refused.value.status == 404


@pytest.mark.parametrize(
    ("config", "status", "named"),
    [
        ({}, 400, "type"),
        ({"type": "no_executor"}, 400, "no_executor"),
        ({**POSITION, "amount": "-1"}, 400, "amount"),
        ({**POSITION, "amount": "lots"}, 400, "amount"),
        ({**POSITION, "level_id": "\0"}, 400, "NUL"),
        ({**POSITION, "trading_pair": "NO-PAIR"}, 400, "NO-PAIR"),
        ({**POSITION, "id": "a.b"}, 400, "id"),
        ({"type": "lp_executor", "connector_name": "solana-mainnet-beta"}, 503, "DEX Gateway"),
    ],
)
def test_executors_that_are_refused(api: httpx.Client, trader: str, config: dict[str, Any], status: int, named: str) -> None:
    answer = api.post("/executors/", json={"account_name": trader, "executor_config": config})
    assert answer.status_code == status, answer.text
    assert named in answer.json()["detail"]


def test_the_same_key_is_the_same_executor(api: httpx.Client, trader: str, controller: str) -> None:
    body = {"account_name": trader, "controller_id": controller, "executor_config": {**POSITION, "entry_price": "9000"}}
    first, second = (api.post("/executors/", json=body, headers={"Idempotency-Key": controller}) for _ in range(2))
    assert (first.status_code, second.status_code) == (201, 201), first.text
    assert first.json() == second.json()
    stop = api.post(f"/executors/{first.json()['executor_id']}/stop")
    assert stop.json()["keep_position"] is False


async def test_what_is_not_there(target: Target) -> None:
    async with HummingbotAPIClient(target.url, target.username, target.password) as client:
        for call in (client.executors.get_executor, client.executors.stop_executor):
            with pytest.raises(aiohttp.ClientResponseError) as refused:
                await call("no.such executor")
            assert refused.value.status == 404
        performance = await client.executors.get_performance_report("nobody")
    assert (performance["total_executors"], performance["sharpe_ratio"]) == (0, None)


def test_requests_that_do_not_fit(api: httpx.Client) -> None:
    no_account = api.post("/executors/", json={"account_name": "no_such_account", "executor_config": POSITION})
    assert no_account.status_code == 404
    wrong = api.post("/executors/search", json={"executor_types": ["no_executor"]})
    assert wrong.status_code == 422
    check(wrong.json(), VALIDATION)
    assert api.post("/executors/search", json={"cursor": "no"}).status_code == 400
