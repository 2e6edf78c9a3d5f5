"""Golden examples: one JSON file per message. An existing one is never rewritten: old examples must still parse."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from contracts import registry
from pydantic import BaseModel

FOLDER = Path("libs/contracts/examples")

FILL = {
    "order_id": "x-MG43PCSNa1b2c3",
    "connector": "binance",
    "trading_pair": "BTC-USDT",
    "side": "BUY",
    "amount": "0.5",
    "quote": "32000.125",
    "fee": "12.8",
}
"""What one order of an executor executed."""

LIMITS = {
    "max_order_notional": "5000",
    "max_position_notional": "20000",
    "max_open_orders": 50,
    "max_orders_per_minute": 120,
    "max_daily_loss": "500",
    "reduce_only": False,
}
"""What the risk guard holds orders against."""

ORDER = {
    "account": "master_account",
    "connector": "binance",
    "trading_pair": "BTC-USDT",
    "side": "BUY",
    "order_type": "LIMIT",
    "amount": "0.5",
    "price": "64000.25",
}
"""An order to place."""

POSITION = {
    "trading_pair": "BTC-USDT",
    "side": "SHORT",
    "amount": "-0.5",
    "entry_price": "64000.25",
    "unrealized_pnl": "-12.5",
    "leverage": "10",
    "margin": "3200.0125",
}
"""A position on a derivatives exchange."""
CLOSED = {
    "connector_name": "binance_perpetual",
    "trading_pair": "BTC-USDT",
    "side": "SELL",
    "amount": "0.5",
    "order_id": "x-MG43PCSNa1b2c3",
}
NOT_DONE = {"connector_name": "binance", "what": "open orders", "reason": "Nobody serves CancelOrders now"}
"""What flattening ended, and what it could not."""

VALUES: dict[str, Any] = {
    "account": "master_account",
    "account_name": "master_account",
    "account_names": ["master_account"],
    "action": "submit",
    "actor": "trader",
    "after": 7,
    "amount": "0.5",
    "available": "9000.5",
    "average_price": "64000.25",
    "balances": [{"token": "USDT", "total": "10000.5", "available": "9000.5"}],
    "buy_amount_base": "0.2",
    "buy_amount_quote": "12800.4",
    "changed_at": "2026-11-23T10:59:58Z",
    "close_type": "TAKE_PROFIT",
    "closed": [CLOSED],
    "config": {"type": "position_executor", "amount": "0.5"},
    "connector": "binance",
    "connector_name": "binance",
    "connector_names": ["binance"],
    "controller_id": "main",
    "controller_ids": ["main"],
    "created_at": "2026-11-23T11:00:00.123Z",
    "credential_version": 1,
    "credentials": 2,
    "cum_fees_quote": "12.8",
    "cursor": None,
    "custom_info": {"side": 1},
    "dry_run": True,
    "changed": ["source"],
    "connectors": ["binance", "kucoin"],
    "end_time": "2026-11-23T12:00:00Z",
    "entry_price": "64000.25",
    "evidence": "GET /api/v3/order -> FILLED",
    "exchange_amount": "0.25",
    "exchange_funding_id": "9689322392",
    "exchange_order_id": "42",
    "exchange_time": "2026-11-23T10:59:58Z",
    "executions": 3,
    "executor_config": {
        "type": "position_executor",
        "connector_name": "binance",
        "trading_pair": "BTC-USDT",
        "side": "BUY",
        "amount": "0.5",
    },
    "executor_id": "e1",
    "executor_type": "position_executor",
    "executor_types": ["position_executor"],
    "executors_stopped": ["e1"],
    "exposure": [FILL],
    "external_amount": "-0.25",
    "external_orders": 0,
    "external_trades": ["web_1_1002"],
    "failed": {"master_account.kraken": "the exchange cannot be reached"},
    "fee": "0.0005",
    "fee_token": "BTC",
    "figures": {"net_pnl_quote": "310.2"},
    "filled_amount": "0.5",
    "filled_amount_quote": "32000.125",
    "fills": [FILL],
    "fills_recovered": 2,
    "force": False,
    "held": [FILL],
    "held_before": "0",
    "holder": "trading-1",
    "interval": "5m",
    "is_maker": True,
    "keep_position": False,
    "last_trades": ["x-MG43PCSNa1b2c3_1001"],
    "level": "ERROR",
    "leverage": 10,
    "limit": 100,
    "limits": LIMITS,
    "margin": "3200.0125",
    "markets": [{"connector": "binance", "trading_pair": "BTC-USDT"}],
    "matched_amount_base": "0",
    "max_daily_loss": "500",
    "max_open_orders": 50,
    "max_order_notional": "5000",
    "max_orders_per_minute": 120,
    "max_position_notional": "20000",
    "message": "Position hold cleared",
    "net_pnl_pct": "0.0097",
    "net_pnl_quote": "310.2",
    "not_done": [NOT_DONE],
    "open_base": "0.2",
    "open_quote": "12800.4",
    "order": ORDER,
    "order_id": "x-MG43PCSNa1b2c3",
    "order_ids": ["x-MG43PCSNa1b2c3"],
    "order_type": "LIMIT",
    "orders": ["x-MG43PCSNa1b2c3"],
    "orders_adopted": 2,
    "orders_cancelled": ["x-MG43PCSNa1b2c3"],
    "orders_checked": 3,
    "kept": True,
    "placing": ["x-MG43PCSNa1b2c3"],
    "position_action": "OPEN",
    "position_amount": "-0.5",
    "position_mode": "HEDGE",
    "position_side": "LONG",
    "positions": [POSITION],
    "positions_closed": [CLOSED],
    "price": "64000.25",
    "quote": "32000.125",
    "quote_symbol": "$",
    "quote_token": "USDT",
    "rate": "0.0001",
    "read_at": "2026-11-23T11:00:10Z",
    "realized_pnl_quote": "0",
    "reason": "Account has insufficient balance for requested action.",
    "reasons": ["EXTERNAL_TRADE"],
    "reduce_only": False,
    "refresh": True,
    "refreshed": ["master_account.binance"],
    "refused": 3,
    "requested_amount": "0.5",
    "requested_price": "64000.25",
    "rule": "max_order_notional",
    "sealed": "c2VhbGVk",
    "seen": {"x-MG43PCSNa1b2c3": {"filled": "0.5"}},
    "sell_amount_base": "0",
    "sell_amount_quote": "0",
    "side": "BUY",
    "since": "2026-11-23T11:00:00Z",
    "source": "kucoin",
    "start_time": "2026-11-23T10:00:00Z",
    "state": "ready",
    "status": "submitted",
    "timeout": 30.0,
    "time": "2026-11-23T11:00:00.123Z",
    "token": "USDT",
    "tokens": ["BTC", "ETH"],
    "total": "10000.5",
    "trade_id": "1001",
    "trade_type": "BUY",
    "trade_types": ["BUY"],
    "trades_listed": True,
    "trading_pair": "BTC-USDT",
    "trading_pairs": ["BTC-USDT"],
    "unknown_positions": ["kraken_perpetual"],
    "unrealized_pnl": "-12.5",
    "start": 1763913600,
    "end": 1763917200,
    "max_age": 60.0,
    "max_records": 500,
    "depth": 10,
    "is_buy": True,
    "measure": "price-for-volume",
    "unfinished": False,
    "value": "32000.125",
    "values": {"binance_api_key": "key", "binance_api_secret": "secret"},
    "version": 1,
    "what": "positions",
}
SESSION = {"account": "master_account", "connector": "binance_perpetual"}
SPECIAL: dict[tuple[str, str], Any] = {
    **{("Position", field): value for field, value in POSITION.items()},
    ("ExecutorAccepted", "status"): "NOT_STARTED",
    ("ExecutorProgressed", "state"): {"_open_order": {"order": "x-MG43PCSNa1b2c3"}},
    ("ExecutorProgressed", "status"): "RUNNING",
    ("ExecutorStopping", "status"): "stopping",
    ("GetReconciliation", "status"): "OPEN",
    ("OrderOutcomeResolved", "status"): "OPEN",
    ("PositionAgreed", "side"): None,
    ("PositionDiffered", "side"): "LONG",
    ("RiskLimitHit", "limit"): "5000",
    ("ExecutorRehearsed", "executor_config"): {"type": "order_executor", "amount": "0.5"},
    ("StopRehearsed", "status"): "RUNNING",
    ("RehearseExecutor", "executor"): json.loads((FOLDER / "CreateExecutor.json").read_text()),
    ("FlattenRehearsed", "executors"): ["e5f3b7a62c1d94e0b8a7f6d5c4b3a2918"],
    ("FlattenRehearsed", "orders"): ["x-MG43PCSNa1b2c3"],
    ("FlattenRehearsed", "positions"): [],
    ("RehearseFlatten", "flatten"): {"account": "master_account"},
    ("RehearseLeverage", "setting"): {**SESSION, "trading_pair": "BTC-USDT", "leverage": 10},
    ("RehearsePositionMode", "setting"): {**SESSION, "position_mode": "HEDGE"},
    ("RehearseRiskLimits", "setting"): {"account": "master_account", "limits": {"max_open_orders": 3}},
    ("SearchExecutors", "status"): "RUNNING",
    ("SearchOrders", "status"): "OPEN",
}


def example(model: type[BaseModel]) -> dict[str, Any]:
    """An example of a message from the table of values; KeyError names a field the table lacks."""
    name = model.__name__
    return {field: SPECIAL[name, field] if (name, field) in SPECIAL else VALUES[field] for field in model.model_fields}


def missing() -> dict[Path, str]:
    """The files of messages that have no golden example yet, with their text."""
    models: dict[str, type[BaseModel]] = {**registry.messages(), **registry.replies()}
    files = {FOLDER / f"{name}.json": model for name, model in models.items()}
    return {path: json.dumps(example(model), indent=2) + "\n" for path, model in files.items() if not path.exists()}
