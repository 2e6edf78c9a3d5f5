"""The services behind the gateway, in memory: every message is recorded and answered from a table a test can change."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from contracts import naming
from contracts.message import Message, Metadata
from contracts.rejections import Rejection, Unavailable
from service_kit.bus import NoResponders, Response
from service_kit.wire import refused

ORDER = {
    "order_id": "o-1",
    "account_name": "master_account",
    "connector_name": "binance",
    "trading_pair": "BTC-USDT",
    "trade_type": "BUY",
    "amount": "0.1",
    "order_type": "LIMIT",
    "price": "60000",
    "status": "submitted",
}
PAGE = {"data": [], "pagination": {"limit": 100, "has_more": False, "next_cursor": None, "total_count": 0}}
HISTORY_FILTERS = {"account_names": None, "connector_names": None, "start_time": None, "end_time": None, "interval": "5m"}
HISTORY = {
    "data": [],
    "pagination": {"limit": 100, "has_more": False, "next_cursor": None, "current_cursor": None, "filters": HISTORY_FILTERS},
}
UNKNOWN_ORDER = {
    **dict.fromkeys(("order_id", "account_name", "connector_name", "trading_pair", "trade_type", "order_type"), "x"),
    **dict.fromkeys(("price", "exchange_order_id", "executor_id"), None),
    **dict.fromkeys(("since", "created_at", "updated_at"), "2026-11-23T12:00:00+00:00"),
    "amount": "1",
    "filled_amount": "0",
    "acknowledged": False,
    "action": "submit",
    "reason": "no answer",
}
TOKEN = {"token": "BTC", "units": 1.0, "price": 60000.0, "value": 60000.0, "available_units": 1.0}

FLATTENED = {
    "account_name": "master_account",
    "executors_stopped": ["e1"],
    "orders_cancelled": ["o-1"],
    "positions_closed": [],
    "not_done": [{"connector_name": "binance", "what": "open orders", "reason": "Nobody serves CancelOrders now"}],
}

ANSWERS: dict[str, Any] = {
    "ListAccounts": ["master_account"],
    "ListCredentials": ["binance"],
    "CreateAccount": {"account": "a", "version": 1},
    "DeleteAccount": {"account": "a", "version": 2},
    "AddCredential": {"account": "a", "version": 3},
    "DeleteCredential": {"account": "a", "version": 4},
    "RefreshPortfolio": {"refreshed": ["master_account.binance"], "failed": {}},
    "GetPortfolioState": {"master_account": {"binance": [TOKEN]}},
    "GetPortfolioHistory": HISTORY,
    "GetPortfolioDistribution": {
        "total_portfolio_value": 0,
        "token_count": 0,
        "distribution": [],
        "account_filter": "all_accounts",
    },
    "GetAccountsDistribution": {"total_portfolio_value": 0, "account_count": 0, "distribution": []},
    "ListConnectors": ["binance", "binance_perpetual"],
    "GetConfigMap": {"binance_api_key": {"type": "SecretStr", "required": True}},
    "GetOrderTypes": {"connector": "binance", "supported_order_types": ["LIMIT", "LIMIT_MAKER", "MARKET"]},
    "GetTradingRules": {"BTC-USDT": {"min_order_size": 0.00001}},
    "PlaceOrder": ORDER,
    "RehearseOrder": {"dry_run": True, **{name: value for name, value in ORDER.items() if name not in ("order_id", "status")}},
    "RehearseCancel": {"dry_run": True, "order_ids": ["o-1"]},
    "CancelOrder": {"order_ids": ["o-1"]},
    "CancelOrders": {"order_ids": ["o-1", "o-2"]},
    "GetRiskLimits": {"account_name": "master_account", "limits": {"max_open_orders": 3}, "actors": {}},
    "FlattenAccount": FLATTENED,
    "SetRiskLimits": {"account": "master_account", "actor": None, "limits": {"max_open_orders": 3}},
    "GetRateSettings": {"source": "binance", "quote_token": "USDT", "quote_symbol": "$", "changed": []},
    "ConfigureRates": {"source": "kucoin", "quote_token": "EUR", "quote_symbol": "$", "changed": ["source", "quote_token"]},
    "ListRateSources": ["binance", "kucoin"],
    "GetTickers": {"tickers": {"binance": {}}, "counts": {"binance": 0}, "updated_at": {"binance": 1.5}, "errors": {}},
    "ResolveRates": {"connector": None, "source": None, "quote_token": "USDT", "rates": {"BTC-USDT": None}, "missing": {}},
    "GetRate": {"trading_pair": "BTC-USDT", "rate": 60000.0, "source": "binance", "quote_token": "USDT"},
    "ListRatePrices": {"source": "binance", "quote_token": "USDT", "prices_count": 0, "prices": {}},
    "ActiveOrders": PAGE,
    "SearchOrders": PAGE,
    "SearchTrades": PAGE,
    "SearchFundingPayments": PAGE,
    "GetPositions": {"page": PAGE, "last_known": []},
    "GetReconciliation": PAGE | {"unknown_orders": [UNKNOWN_ORDER], "unknown_orders_count": 1},
    "ReadPositionMode": {"position_mode": "ONEWAY"},
    "SetPositionMode": {"account": "master_account", "connector": "binance"},
    "SetLeverage": {"account": "master_account", "connector": "binance"},
    "GetSession": {"account": "master_account", "connector": "binance", "state": "starting", "reason": None},
    "GetHealth": {"status": "ready", "version": "0.1.0", "replica": "r1", "venue": "sandbox", "checks": {"bus": None}},
}

type Outcome = Response | Rejection | Unavailable | Callable[[Message], Any] | dict[str, Any] | list[Any]


@dataclass
class Sent:
    """One request that reached the bus."""

    subject: str
    message: Message
    metadata: Metadata
    timeout: float


@dataclass
class FakeServices:
    """A Messenger."""

    answers: dict[str, Outcome] = field(default_factory=lambda: dict(ANSWERS))
    sent: list[Sent] = field(default_factory=list)

    async def request(self, subject: str, message: Message, metadata: Metadata, timeout: float) -> Response:
        self.sent.append(Sent(subject, message, metadata, timeout))
        message.model_dump_json()
        outcome = self.answers[type(message).__name__]
        match outcome:
            case Response():
                return outcome
            case Rejection():
                answer = refused(outcome)
                return Response(answer.status, answer.body, answer.retry_after)
            case Unavailable():
                raise outcome
            case _ if callable(outcome):
                return Response(200, json.dumps(outcome(message)).encode())
            case _:
                return Response(200, json.dumps(outcome).encode())

    def nobody_serves(self, *names: str) -> None:
        """No replica subscribes to these messages."""
        for name in names:
            self.answers[name] = NoResponders(f"Nobody serves {name} now")

    def of(self, message: type[Message]) -> list[Sent]:
        """The requests of one class."""
        return [sent for sent in self.sent if isinstance(sent.message, message)]

    @property
    def last(self) -> Sent:
        """The latest request."""
        return self.sent[-1]


def session_subject(command: type[Any]) -> str:
    """Where commands of the tests' session go."""
    return naming.session_command_subject("master_account", "binance", command)


@dataclass
class MemoryBucket:
    """A Bucket of `handlers.repeats`."""

    entries: dict[str, tuple[bytes, int]] = field(default_factory=dict)
    away: bool = False
    revision: int = 0

    async def create(self, key: str, value: bytes) -> int | None:
        return None if await self.find(key) else self._put(key, value)

    async def find(self, key: str) -> tuple[bytes, int] | None:
        if self.away:
            raise Unavailable("away")
        return self.entries.get(key)

    async def replace(self, key: str, value: bytes, revision: int) -> int | None:
        found = await self.find(key)
        return self._put(key, value) if found and found[1] == revision else None

    async def remove(self, key: str, revision: int) -> None:
        found = await self.find(key)
        if found and found[1] == revision:
            del self.entries[key]

    def _put(self, key: str, value: bytes) -> int:
        self.revision += 1
        self.entries[key] = (value, self.revision)
        return self.revision
