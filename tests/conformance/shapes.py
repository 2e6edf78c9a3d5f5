"""The shapes of the contract's answers, and a check that names the first place that differs.

A shape is a type, a tuple of alternatives, `[shape]` for a list of any length, a dict for an object of exactly these keys
(a key ending in `?` may be absent), `Each(shape)` for an object with any keys, or a callable that checks the value.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

Nothing = type(None)


@dataclass(frozen=True)
class Each:
    """An object whose values all have this shape."""

    shape: Any


def decimal_text(value: Any) -> bool:
    """A decimal number as a JSON string."""
    return isinstance(value, str) and Decimal(value).is_finite()


def iso_time(value: Any) -> bool:
    """A time with its zone."""
    return isinstance(value, str) and datetime.fromisoformat(value).tzinfo is not None


def number(value: Any) -> bool:
    """A JSON number; whole floats may be written without a fraction."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def name(value: Any) -> bool:
    """The name of an account or a connector."""
    return isinstance(value, str) and re.fullmatch(r"[A-Za-z0-9_-]+", value) is not None


ORDER = {
    "order_id": str,
    "account_name": name,
    "connector_name": name,
    "trading_pair": str,
    "trade_type": str,
    "order_type": str,
    "amount": number,
    "price": (number, Nothing),
    "status": str,
    "filled_amount": number,
    "average_fill_price": (number, Nothing),
    "fee_paid": (number, Nothing),
    "fee_currency": (str, Nothing),
    "created_at": iso_time,
    "updated_at": iso_time,
    "exchange_order_id": (str, Nothing),
    "error_message": (str, Nothing),
}
TRADE = {
    "trade_id": str,
    "order_id": (str, Nothing),
    "account_name": name,
    "connector_name": name,
    "trading_pair": str,
    "trade_type": str,
    "amount": number,
    "price": number,
    "fee_paid": number,
    "fee_currency": (str, Nothing),
    "timestamp": iso_time,
}
POSITION = {
    "account_name": name,
    "connector_name": name,
    "trading_pair": str,
    "side": str,
    "amount": number,
    **dict.fromkeys(("entry_price", "unrealized_pnl", "leverage"), (number, Nothing)),
}
FUNDING_PAYMENT = {
    "id": int,
    "funding_payment_id": str,
    "timestamp": iso_time,
    "account_name": name,
    "connector_name": name,
    "trading_pair": str,
    "funding_rate": number,
    "funding_payment": number,
    "fee_currency": str,
    "position_size": (number, Nothing),
    "position_side": (str, Nothing),
    "exchange_funding_id": (str, Nothing),
}
PLACED = {
    "order_id": str,
    "account_name": name,
    "connector_name": name,
    "trading_pair": str,
    "trade_type": str,
    "amount": decimal_text,
    "order_type": str,
    "price": (decimal_text, Nothing),
    "status": str,
}
PAGINATION = {"limit": int, "has_more": bool, "next_cursor": (str, Nothing), "total_count": int}
TOKEN = {"token": str, "units": number, "price": number, "value": number, "available_units": number}
STATE = Each(Each([TOKEN]))
HISTORY = {
    "data": [{"timestamp": iso_time, "state": STATE}],
    "pagination": {
        "limit": int,
        "has_more": bool,
        "next_cursor": (str, Nothing),
        "current_cursor": (str, Nothing),
        "filters": {
            "account_names": ([str], Nothing),
            "connector_names": ([str], Nothing),
            "start_time": (number, Nothing),
            "end_time": (number, Nothing),
            "interval": str,
        },
    },
}
DISTRIBUTION = {
    "total_portfolio_value": number,
    "token_count": int,
    "distribution": [
        {
            "token": str,
            "total_value": number,
            "total_units": number,
            "percentage": number,
            "accounts": Each(
                {"value": number, "units": number, "percentage": number, "connectors": Each({"value": number, "units": number})}
            ),
        }
    ],
    "account_filter": str,
}
ACCOUNTS_DISTRIBUTION = {
    "total_portfolio_value": number,
    "account_count": int,
    "distribution": [
        {
            "account": str,
            "total_value": number,
            "percentage": number,
            "connectors": Each({"value": number, "percentage": number}),
        }
    ],
}
CONFIG_MAP = Each({"type": str, "required": bool, "allowed_values?": list})
TRADING_RULES = Each(
    {
        "min_order_size": number,
        "max_order_size": (number, Nothing),
        "min_price_increment": number,
        "min_base_amount_increment": number,
        "min_quote_amount_increment": number,
        "min_notional_size": number,
        "min_order_value": number,
        "max_price_significant_digits": number,
        "supports_limit_orders": bool,
        "supports_market_orders": bool,
        "buy_order_collateral_token": (str, Nothing),
        "sell_order_collateral_token": (str, Nothing),
    }
)
EXECUTOR_CREATED = {
    "executor_id": str,
    "executor_type": str,
    "connector_name": name,
    "trading_pair": str,
    "controller_id": str,
    "status": str,
    "created_at": iso_time,
}
EXECUTOR = {
    **dict.fromkeys(("executor_id", "id", "executor_type", "type", "controller_id", "trading_pair", "status"), str),
    "account_name": name,
    "connector_name": name,
    "side": (str, Nothing),
    "is_active": bool,
    "is_trading": bool,
    "timestamp": (number, Nothing),
    "created_at": iso_time,
    "close_type": (str, Nothing),
    "close_timestamp": (number, Nothing),
    "closed_at": (iso_time, Nothing),
    **dict.fromkeys(("net_pnl_quote", "net_pnl_pct", "cum_fees_quote", "filled_amount_quote"), number),
    "funding_quote": number,  # ours, beside the contract's
    "error_count": int,
    "last_error": (str, Nothing),
    "config": dict,
    "custom_info": dict,
}
EXECUTOR_LOGS = {
    "executor_id": str,
    "logs": [{"timestamp": iso_time, "level": str, "message": str, "exc_info?": str}],
    "total_count": int,
    "cursor": int,
}
EXECUTOR_SUMMARY = {
    "total_active": int,
    "total_pnl_quote": number,
    "total_volume_quote": number,
    "total_funding_quote": number,  # ours, beside the contract's
    **dict.fromkeys(("by_type", "by_connector", "by_status"), Each(int)),
}
EXECUTOR_PERFORMANCE = {
    "controller_id": (str, Nothing),
    "total_executors": int,
    "by_status": Each(int),
    **dict.fromkeys(("pnl_total_quote", "unrealized_pnl_quote", "global_pnl_quote", "pnl_pct_avg"), number),
    **dict.fromkeys(("fees_total_quote", "volume_total_quote", "win_rate", "position_hold_fees_quote"), number),
    "funding_total_quote": number,  # ours, beside the contract's
    "sharpe_ratio": (number, Nothing),
    "by_type": [
        {
            "executor_type": str,
            **dict.fromkeys(("total", "completed", "running"), int),
            **dict.fromkeys(("pnl_quote", "volume_quote", "fees_quote"), number),
        }
    ],
    "active_positions": int,
}
POSITION_HOLD = {
    "trading_pair": str,
    "connector_name": name,
    "account_name": name,
    "controller_id": str,
    **dict.fromkeys(("buy_amount_base", "buy_amount_quote", "sell_amount_base", "sell_amount_quote"), number),
    **dict.fromkeys(("net_amount_base", "matched_amount_base", "unmatched_amount_base"), number),
    "funding_quote": number,  # ours, beside the contract's
    **dict.fromkeys(("buy_breakeven_price", "sell_breakeven_price", "unrealized_pnl_quote"), (number, Nothing)),
    "position_side": str,
    "realized_pnl_quote": number,
    "cum_fees_quote": number,
    "executor_count": int,
    "executor_ids": [str],
    "last_updated": iso_time,
}
VALIDATION = {"detail": [{"type": str, "loc": [(str, int)], "msg": str, "input": object, "ctx?": dict}]}


def page(row: Any) -> dict[str, Any]:
    """The cursor envelope around rows of this shape."""
    return {"data": [row], "pagination": PAGINATION}


def differs(value: Any, shape: Any, where: str = "answer") -> str | None:
    """Where and how `value` differs from `shape`; None when it does not."""
    match shape:
        case tuple():
            found = [differs(value, alternative, where) for alternative in shape]
            return None if None in found else "; or ".join(str(each) for each in found)
        case dict():
            return _object_differs(value, shape, where)
        case Each():
            if not isinstance(value, dict):
                return f"{where}: {value!r} is not an object"
            return _first(differs(item, shape.shape, f"{where}.{key}") for key, item in value.items())
        case list():
            if not isinstance(value, list):
                return f"{where}: {value!r} is not a list"
            return _first(differs(item, shape[0], f"{where}[{index}]") for index, item in enumerate(value))
        case type():
            right = isinstance(value, shape) and not (shape is int and isinstance(value, bool))
            return None if right else f"{where}: {value!r} is not {shape.__name__}"
        case _:
            return None if shape(value) else f"{where}: {value!r} is not a {shape.__name__}"


def _object_differs(value: Any, shape: dict[str, Any], where: str) -> str | None:
    if not isinstance(value, dict):
        return f"{where}: {value!r} is not an object"
    known = {key.removesuffix("?") for key in shape}
    if stray := sorted(set(value) - known):
        return f"{where}: stray {stray}"
    if missing := sorted(key for key in shape if not key.endswith("?") and key not in value):
        return f"{where}: missing {missing}"
    present = ((key.removesuffix("?"), inner) for key, inner in shape.items())
    return _first(differs(value[key], inner, f"{where}.{key}") for key, inner in present if key in value)


def _first(found: Any) -> str | None:
    return next((each for each in found if each is not None), None)


def check(value: Any, shape: Any) -> None:
    """Fails the test naming the first difference."""
    difference = differs(value, shape)
    assert difference is None, difference
