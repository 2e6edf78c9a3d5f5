"""SearchExecutors and GetExecutor: the final JSON of contract 8.13."""

from __future__ import annotations

import json
from typing import Any

from contracts.trading import ExecutorStatus, ExecutorUnknown, GetExecutor, SearchExecutors
from pydantic_core import to_json

from trading.views.paging import Conditions, Rows, envelope, key_time, read_cursor

FIGURES = ("net_pnl_quote", "net_pnl_pct", "cum_fees_quote", "filled_amount_quote")
COLUMNS = f"""e.executor_id, executor_type, account, controller_id, connector, trading_pair, config, status, close_type,
    error_count, last_error, created_at, closed_at, e.funding_quote,
    {", ".join(f"coalesce(f.{name}, e.{name}) AS {name}" for name in FIGURES)},
    coalesce(f.custom_info, e.custom_info) AS custom_info"""
LIVE = "LEFT JOIN executor_figures f ON f.executor_id = e.executor_id AND e.closed_at IS NULL"
ONE = f"SELECT {COLUMNS} FROM executors e {LIVE} WHERE e.executor_id = $1"  # noqa: S608 - constants
SIDES = {1: "BUY", 2: "SELL"}


async def search_executors(rows: Rows, query: SearchExecutors) -> bytes:
    """A page of executors, newest first; the total is that of the first page's moment. Raises CursorInvalid."""
    conditions = _filter(query)
    matching, args, total = conditions.sql, len(conditions.args), None
    if query.status is not None:
        conditions.add("status = {}", query.status.value)
    if query.cursor is not None:
        place = read_cursor(query, query.cursor, 2)
        total = place.total
        conditions.add("(created_at, executor_id) < ({}, {})", key_time(place.key[0]), place.key[1])
    order = "created_at DESC, executor_id DESC"
    # The page is cut before the figures are joined to it.
    page = f"SELECT * FROM executors WHERE {conditions.sql} ORDER BY {order} LIMIT {query.limit + 1}"  # noqa: S608 - arguments are bound
    counted = "0" if total is not None else _counted(query.status, matching, args)
    sql = f"SELECT {COLUMNS}, {counted} AS total FROM ({page}) e {LIVE} ORDER BY created_at DESC, e.executor_id DESC"  # noqa: S608 - as above
    found = list(await rows.fetch(sql, *conditions.args))
    if total is None:
        total = int(found[0]["total"]) if found else 0
    items = [to_json(item(row)).decode() for row in found]
    return envelope(query, query.limit, items, ("created_at", "executor_id"), total)


async def get_executor(rows: Rows, query: GetExecutor) -> bytes:
    """One executor. Raises ExecutorUnknown."""
    found = await rows.fetch(ONE, query.executor_id)
    if not found:
        raise ExecutorUnknown(f"Executor '{query.executor_id}' not found", field="executor_id")
    return to_json(item(found[0]))


def item(row: Any) -> dict[str, Any]:
    """An executor as every answer shows it: the names of the engine's own dump and those of the contract's stored rows."""
    config, active = json.loads(row["config"]), row["closed_at"] is None
    closed = None if active else row["closed_at"]
    return {
        "executor_id": row["executor_id"],
        "id": row["executor_id"],
        "executor_type": row["executor_type"],
        "type": row["executor_type"],
        "account_name": row["account"],
        "connector_name": row["connector"],
        "trading_pair": row["trading_pair"],
        "controller_id": row["controller_id"],
        "side": SIDES.get(config.get("side")),
        "status": row["status"],
        "is_active": active,
        "is_trading": active and row["net_pnl_quote"] != 0,
        "timestamp": config.get("timestamp"),
        "created_at": row["created_at"].isoformat(),
        "close_type": row["close_type"],
        "close_timestamp": None if closed is None else closed.timestamp(),
        "closed_at": None if closed is None else closed.isoformat(),
        **{name: float(row[name]) for name in FIGURES},
        "funding_quote": float(row["funding_quote"]),
        "error_count": row["error_count"],
        "last_error": row["last_error"],
        "config": config,
        "custom_info": json.loads(row["custom_info"]),
    }


def _filter(query: SearchExecutors) -> Conditions:
    conditions = Conditions()
    conditions.one_of("account", query.account_names)
    conditions.one_of("connector", query.connector_names)
    conditions.one_of("trading_pair", query.trading_pairs)
    conditions.one_of("executor_type", [type_.value for type_ in query.executor_types or ()])
    conditions.one_of("controller_id", query.controller_ids)
    return conditions


def _counted(status: ExecutorStatus | None, matching: str, args: int) -> str:
    """SQL of the total: kept-up numbers of what ended, and a count of what is open, which an index holds apart."""
    ended = f"(SELECT coalesce(sum(executors), 0)::bigint FROM executor_totals WHERE {matching})"  # noqa: S608 - arguments are bound
    if status is ExecutorStatus.TERMINATED:
        return ended
    of_status = "" if status is None else f" AND status = ${args + 1}"
    running = f"(SELECT count(*) FROM executors WHERE closed_at IS NULL AND {matching}{of_status})"  # noqa: S608 - as above
    return running if status is not None else f"{ended} + {running}"
