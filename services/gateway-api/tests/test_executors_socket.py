"""/ws/executors: contract 9.3, in front of a trading service in memory."""

from __future__ import annotations

import asyncio
import hashlib
import json
from typing import Any

import pytest
from contracts.rejections import Unavailable
from contracts.trading import (
    ExecutorUnknown,
    GetExecutorLogs,
    GetExecutorPerformance,
    SearchExecutors,
    SummariseExecutors,
    SummarisePositionHolds,
)
from service_kit.bus import Response
from socket_server import DEADLINE, Client, Served, connected, served

PATH = "/ws/executors"
SUMMARY = {"total_active": 0, "total_pnl_quote": 0.0}
HOLD = {"trading_pair": "BTC-USDT", "cum_fees_quote": 1.5, "realized_pnl_quote": 2.0}
HELD = {"total_positions": 1, "total_realized_pnl": 2.0, "total_unrealized_pnl": None, "positions": [HOLD]}
VALID = "executor_detail, executor_logs, executor_summary, executors, performance, positions"


def page(count: int, start: int = 0, cursor: str | None = None) -> dict[str, Any]:
    data = [{"executor_id": f"e{number}"} for number in range(start, start + count)]
    return {
        "data": data,
        "pagination": {"limit": 250, "has_more": cursor is not None, "next_cursor": cursor, "total_count": 1234},
    }


async def subscribed(client: Client, **frame: Any) -> dict[str, Any]:
    """The acknowledgement of a subscription."""
    ack = await client.ask(action="subscribe", **frame)
    assert ack["type"] == "subscribed", ack
    return ack


@pytest.mark.parametrize(
    ("frame", "id_", "query", "answer", "members"),
    [
        ({"type": "executor_detail", "executor_id": "e1"}, "executor_detail_e1", "GetExecutor", {"a": 1}, {"data": {"a": 1}}),
        (
            {"type": "executor_detail", "executor_id": "e1"},
            "executor_detail_e1",
            "GetExecutor",
            ExecutorUnknown("no"),
            {"data": None},
        ),
        ({"type": "executor_summary"}, "executor_summary", "SummariseExecutors", SUMMARY, {"data": SUMMARY}),
        ({"type": "performance"}, "performance_all", "GetExecutorPerformance", {"x": 1.25}, {"data": {"x": 1.25}}),
        ({"type": "performance", "controller_id": "c"}, "performance_c", "GetExecutorPerformance", {}, {"data": {}}),
        (
            {"type": "positions"},
            "positions_all",
            "SummarisePositionHolds",
            HELD,
            {"data": {**HELD, "positions": [{"trading_pair": "BTC-USDT", "realized_pnl_quote": 2.0}]}},
        ),
        (
            {"type": "executor_logs", "executor_id": "e1"},
            "executor_logs_e1",
            "GetExecutorLogs",
            {"executor_id": "e1", "logs": [{"message": "m"}], "total_count": 7, "cursor": 9},
            {"data": [{"message": "m"}], "total_count": 7},
        ),
        ({"type": "executors"}, None, "SearchExecutors", page(2), {"data": page(2)["data"], "total_count": 1234}),
    ],
)
async def test_acknowledgement_and_first_frame(
    frame: dict[str, Any], id_: str | None, query: str, answer: Any, members: dict[str, Any]
) -> None:
    id_ = id_ or f"executors_{hashlib.md5(b'{}', usedforsecurity=False).hexdigest()[:8]}"
    async with served(answers=[(query, answer)]) as server, connected(server.url + PATH) as client:
        ack = await subscribed(client, **frame)
        kind = frame["type"]
        assert ack == {"type": "subscribed", "subscription_id": id_, "subscription_type": kind, "update_interval": 2.0}
        first = await client.receive()
        assert isinstance(first.pop("timestamp"), float)
        assert first == {"type": kind, "subscription_id": id_, **members}
        asked = server.services.last
        assert (type(asked.message).__name__, asked.metadata.actor) == (query, "trader")


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        ({}, f"Invalid subscription type: None. Valid types: {VALID}"),
        ({"type": "all_bots_status"}, f"Invalid subscription type: all_bots_status. Valid types: {VALID}"),
        ({"type": "bot_status", "bot_name": "b"}, f"Invalid subscription type: bot_status. Valid types: {VALID}"),
        ({"type": ["executors"]}, f"Invalid subscription type: ['executors']. Valid types: {VALID}"),
        ({"type": "executor_detail"}, "executor_detail requires 'executor_id'"),
        ({"type": "executor_logs", "executor_id": ""}, "executor_logs requires 'executor_id'"),
        ({"type": "executor_detail", "executor_id": 1}, "executor_id: text of at most 255 characters"),
        ({"type": "executors", "filters": []}, "filters: an object"),
        ({"type": "executors", "filters": {"status": 1}}, "filters.status: text of at most 255 characters"),
        ({"type": "performance", "controller_id": "x" * 256}, "controller_id: text of at most 255 characters"),
        ({"type": "executor_logs", "executor_id": "e", "limit": "9"}, "limit: a whole number"),
        ({"type": "executor_summary", "update_interval": "1"}, "update_interval: a number of seconds"),
        ({"type": "executor_summary", "update_interval": True}, "update_interval: a number of seconds"),
    ],
)
async def test_refusals(frame: dict[str, Any], message: str) -> None:
    async with served() as server, connected(server.url + PATH) as client:
        assert await client.ask(action="subscribe", **frame) == {"type": "error", "message": message}
        gone = await client.ask(action="unsubscribe", subscription_id="executor_summary")
        assert gone == {"type": "error", "message": "No subscription found: executor_summary"}
        assert server.services.sent == []


async def test_refusals_of_the_contract_name_the_field() -> None:
    async with served() as server, connected(server.url + PATH) as client:
        wrong: list[tuple[dict[str, Any], str]] = [
            ({"type": "executors", "filters": {"status": "GONE"}}, "executors: status: "),
            ({"type": "executors", "filters": {"executor_type": "x"}}, "executors: executor_types.0: "),
            (
                {"type": "executors", "filters": {"colour": "x"}},
                "filters: unknown filter colour. Valid filters: account_name, ",
            ),
            ({"type": "executor_logs", "executor_id": "e", "limit": 0}, "executor_logs: limit: "),
        ]
        for frame, start in wrong:
            answer = await client.ask(action="subscribe", **frame)
            assert answer["message"].startswith(start), answer


@pytest.mark.parametrize(("asked", "applied"), [(0, 0.5), (-1, 0.5), (0.75, 0.75), (3, 3.0), (1e9, 60.0), (None, 2.0)])
async def test_intervals(asked: float | None, applied: float) -> None:
    async with served(answers=[("SummariseExecutors", SUMMARY)]) as server, connected(server.url + PATH) as client:
        ack = await subscribed(client, type="executor_summary", update_interval=asked)
        assert ack["update_interval"] == applied


async def test_filters_and_pages() -> None:
    pages = {None: page(250, 0, "a"), "a": page(250, 250, "b"), "b": page(3, 500)}
    answers = [("SearchExecutors", lambda query: pages[query.cursor])]
    filters = {
        "account_name": "acc",
        "connector_name": "binance",
        "trading_pair": "BTC-USDT",
        "executor_type": "grid_executor",
        "status": "RUNNING",
        "controller_id": None,
    }
    async with served(answers=answers) as server, connected(server.url + PATH) as client:
        ack = await subscribed(client, type="executors", filters=filters)
        digest = hashlib.md5(json.dumps(filters, sort_keys=True).encode(), usedforsecurity=False).hexdigest()[:8]
        assert ack["subscription_id"] == f"executors_{digest}"
        frame = await client.receive()
        assert [item["executor_id"] for item in frame["data"]] == [f"e{number}" for number in range(503)]
        assert frame["total_count"] == 1234
        query = server.services.of(SearchExecutors)[0].message
        assert query.model_dump(mode="json") == {
            "limit": 250,
            "cursor": None,
            "account_names": ["acc"],
            "connector_names": ["binance"],
            "trading_pairs": ["BTC-USDT"],
            "executor_types": ["grid_executor"],
            "status": "RUNNING",
            "controller_ids": None,
        }


async def test_at_most_a_thousand_executors_in_a_frame() -> None:
    answers = [("SearchExecutors", lambda _: page(250, 0, "more"))]
    async with served(answers=answers) as server, connected(server.url + PATH) as client:
        await subscribed(client, type="executors")
        assert len((await client.receive())["data"]) == 1000


async def test_frames_only_when_something_changed() -> None:
    state = dict(SUMMARY)
    async with served(answers=[("SummariseExecutors", lambda _: state)]) as server, connected(server.url + PATH) as client:
        await subscribed(client, type="executor_summary", update_interval=0.5)
        assert (await client.receive())["data"]["total_active"] == 0
        await asked_times(server, SummariseExecutors, 3)
        state["total_active"] = 1
        frame = await client.receive()
        assert (frame["type"], frame["data"]["total_active"]) == ("executor_summary", 1)
        assert "dropped" not in frame


async def asked_times(server: Served, query: type[Any], times: int) -> None:
    """Returns when a query was asked so many times."""
    async with asyncio.timeout(DEADLINE):
        while True:
            if len(server.services.of(query)) >= times:
                return
            await asyncio.sleep(0.02)


async def test_all_who_watch_the_same_share_one_question() -> None:
    kept = Response(200, json.dumps(SUMMARY).encode(), keep="owner 60")
    async with served(answers=[("SummariseExecutors", kept)]) as server, connected(server.url + PATH) as one:
        await subscribed(one, type="executor_summary", update_interval=0.5)
        await one.receive()
        async with connected(server.url + PATH) as two:
            await subscribed(two, type="executor_summary", update_interval=60)
            assert (await two.receive())["data"] == SUMMARY
            # One question each for who came; the owner's answer holds for a minute, so nobody asks again.
            assert len(server.services.of(SummariseExecutors)) == 2
            server.services.answers["SummariseExecutors"] = Response(200, b'{"total_active": 5}', keep="owner 60")
            server.watches.changed()
            assert (await one.receive())["data"] == {"total_active": 5}
            assert len(server.services.of(SummariseExecutors)) == 3
        await one.ask(action="unsubscribe", subscription_id="executor_summary")
        assert server.watches._watched == {}


async def test_a_service_that_is_away_is_told_once_and_its_return_shows() -> None:
    away = Unavailable("away")
    async with served(answers=[("GetExecutorPerformance", away)]) as server, connected(server.url + PATH) as client:
        await subscribed(client, type="performance", update_interval=0.5)
        frame = await client.receive()
        assert isinstance(frame.pop("timestamp"), float)
        assert frame == {"type": "error", "subscription_id": "performance_all", "message": "away"}
        await asked_times(server, GetExecutorPerformance, 3)
        server.services.answers["GetExecutorPerformance"] = {"total_executors": 3}
        assert (await client.receive())["data"] == {"total_executors": 3}


async def test_an_answer_that_cannot_be_read_is_told_and_does_not_end_the_watch() -> None:
    broken = Response(200, b"no json")
    async with served(answers=[("SummarisePositionHolds", broken)]) as server, connected(server.url + PATH) as client:
        await subscribed(client, type="positions", update_interval=0.5)
        assert (await client.receive())["message"] == "Internal error"
        server.services.answers["SummarisePositionHolds"] = HELD
        assert (await client.receive())["data"]["total_positions"] == 1
        assert SummarisePositionHolds in {type(sent.message) for sent in server.services.sent}


async def test_every_log_entry_is_sent_once_however_many_there_are() -> None:
    entries = [{"message": str(number)} for number in range(120)]

    def logs(query: GetExecutorLogs) -> dict[str, Any]:
        found = entries[-query.limit :] if query.after is None else entries[query.after :][: query.limit]
        last = len(entries) if query.after is None else query.after + len(found)
        return {"executor_id": "e", "logs": found, "total_count": len(entries), "cursor": last}

    async with served(answers=[("GetExecutorLogs", logs)]) as server, connected(server.url + PATH) as client:
        await subscribed(client, type="executor_logs", executor_id="e", level="INFO", limit=50, update_interval=0.5)
        first = await client.receive()
        assert ([entry["message"] for entry in first["data"]], first["total_count"]) == ([str(n) for n in range(70, 120)], 120)
        entries.extend({"message": str(number)} for number in range(120, 300))
        second = await client.receive()
        assert ([entry["message"] for entry in second["data"]], second["total_count"]) == (
            [str(n) for n in range(120, 300)],
            300,
        )
        assert server.services.of(GetExecutorLogs)[0].message.model_dump()["level"] == "INFO"
