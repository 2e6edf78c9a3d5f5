"""/graphql over HTTP: the services' answers as a graph, and what is refused before anything is asked."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from contracts.accounts import GetPortfolioState
from contracts.rejections import CursorInvalid, Unavailable
from contracts.trading import GetPositions, OrderStatus, SearchOrders, SearchTrades, Side
from fake_services import PAGE, FakeServices
from graphql import get_introspection_query

ORDER = {
    "order_id": "o1",
    "account_name": "a",
    "connector_name": "binance",
    "trading_pair": "BTC-USDT",
    "trade_type": "BUY",
    "order_type": "LIMIT",
    "amount": 0.30000000000000004,
    "price": None,
    "status": "OPEN",
    "filled_amount": 0,
    "average_fill_price": None,
    "fee_paid": None,
    "fee_currency": None,
    "created_at": "2026-11-23T10:00:00+00:00",
    "updated_at": "2026-11-23T10:00:01+00:00",
    "exchange_order_id": None,
    "error_message": None,
}
ORDERS = {"data": [ORDER], "pagination": {"limit": 1, "has_more": True, "next_cursor": "next", "total_count": 7}}


async def asked(http: httpx.AsyncClient, query: str, status: int = 200, **variables: Any) -> dict[str, Any]:
    response = await http.post("/graphql", json={"query": query, "variables": variables})
    assert response.status_code == status, response.text
    found: dict[str, Any] = response.json()
    return found


async def test_a_page_is_a_connection_with_exact_amounts(http: httpx.AsyncClient, services: FakeServices) -> None:
    services.answers["SearchOrders"] = ORDERS
    query = """query($where: OrderFilter) { orders(first: 1, after: "here", where: $where, status: OPEN) {
        nodes { orderId amount price status createdAt } pageInfo { hasNextPage endCursor } totalCount } }"""
    where = {"accountNames": ["a"], "startTime": "2026-11-23T00:00:00Z"}
    answer = await asked(http, query, where=where)
    node = {"orderId": "o1", "amount": "0.30000000000000004", "price": None, "status": "OPEN"}
    assert answer == {
        "data": {
            "orders": {
                "nodes": [{**node, "createdAt": "2026-11-23T10:00:00+00:00"}],
                "pageInfo": {"hasNextPage": True, "endCursor": "next"},
                "totalCount": 7,
            }
        }
    }
    assert services.last.message == SearchOrders(
        limit=1, cursor="here", status=OrderStatus.OPEN, account_names=("a",), start_time=datetime(2026, 11, 23, tzinfo=UTC)
    )
    assert services.last.metadata.actor == "trader"


async def test_several_nouns_in_one_question(http: httpx.AsyncClient, services: FakeServices) -> None:
    services.answers["GetPortfolioState"] = {
        "a": {"binance": [{"token": "BTC", "units": 1.5, "price": 2.0, "value": 3.0, "available_units": 1}]}
    }
    services.answers["SearchExecutors"] = PAGE
    query = """{ trades(tradeTypes: [BUY]) { totalCount } positions(accountNames: ["a"]) { nodes { amount } lastKnown }
        reconciliation { totalCount unknownOrders { action amount since } unknownOrdersCount }
        executors(where: {status: RUNNING}) { totalCount } openOrders { totalCount }
        fundingPayments { totalCount } portfolio { accountName token units } accounts }"""
    answer = await asked(http, query)
    assert "errors" not in answer
    assert answer["data"]["portfolio"] == [{"accountName": "a", "token": "BTC", "units": "1.5"}]
    unknown = {"action": "submit", "amount": "1", "since": "2026-11-23T12:00:00+00:00"}
    assert answer["data"]["reconciliation"] == {"totalCount": 0, "unknownOrders": [unknown], "unknownOrdersCount": 1}
    assert answer["data"]["positions"] == {"nodes": [], "lastKnown": []}
    sent = [each.message for each in services.sent]
    assert SearchTrades(trade_types=(Side.BUY,)) in sent
    assert GetPositions(account_names=("a",)) in sent
    assert GetPortfolioState() in sent


DEEP = "{ __schema { types { fields { type { fields { type { fields { type { fields { name } } } } } } } } } }"
CYCLE = "query { orders { ...A } } fragment A on OrderConnection { ...B } fragment B on OrderConnection { ...A }"
BOMB = "{ orders { ...F0 } }" + "".join(
    f" fragment F{number} on OrderConnection {{ ...F{number + 1} ...F{number + 1} }}" for number in range(40)
)


@pytest.mark.parametrize(
    ("query", "code", "field"),
    [
        ("{ orders {", "QueryInvalid", None),
        ("{ nothing }", "QueryInvalid", None),
        ("mutation { placeOrder }", "QueryInvalid", None),
        ("subscription { orders { totalCount } }", "QueryInvalid", None),
        ("{ " + " ".join(f"a{n}: accounts" for n in range(31)) + " }", "QueryTooLarge", "aliases"),
        ("{ " + " ".join(f"a{n}: orders(first: 1000) {{ nodes {{ orderId amount price }} }}" for n in range(30)) + " }",
         "QueryTooLarge", "cost"),
        ("{ orders " + "{ nodes " * 20 + "{ orderId }" + " }" * 21, "QueryTooLarge", "depth"),
        ("{ " + "accounts " * 3000 + "}", "QueryInvalid", None),
        (BOMB + " fragment F40 on OrderConnection { totalCount }", "QueryTooLarge", "cost"),
        ("{ a" * 900 + " }" * 900, "QueryInvalid", None),
        ("{ orders(first: " + "[" * 950 + "]" * 950 + ") { totalCount } }", "QueryInvalid", None),
        (CYCLE, "QueryInvalid", None),
        (DEEP, "QueryInvalid", None),
    ],
)  # fmt: skip
async def test_hostile_documents_ask_nothing(
    http: httpx.AsyncClient, services: FakeServices, query: str, code: str, field: str | None
) -> None:
    answer = await asked(http, query, 400)
    assert "data" not in answer
    assert (answer["errors"][0]["extensions"]["code"], answer["errors"][0]["extensions"]["field"]) == (code, field)
    assert answer["errors"][0]["extensions"]["rule"]
    assert services.sent == []


async def test_rows_given_by_a_variable_are_counted(http: httpx.AsyncClient, services: FakeServices) -> None:
    fields = " ".join(f"a{n}: orders(first: $rows) {{ nodes {{ orderId amount price status }} }}" for n in range(25))
    answer = await asked(http, f"query($rows: Int!) {{ {fields} }}", 400, rows=1000)
    assert answer["errors"][0]["extensions"]["field"] == "cost"
    assert services.sent == []


async def test_an_argument_out_of_its_rule_is_named(http: httpx.AsyncClient, services: FakeServices) -> None:
    answer = await asked(http, "{ orders(first: 0) { totalCount } }")
    assert answer["data"] is None
    [error] = answer["errors"]
    assert (error["path"], error["extensions"]["code"], error["extensions"]["field"]) == (
        ["orders"],
        "ArgumentInvalid",
        "first",
    )
    assert "greater than or equal to 1" in error["extensions"]["rule"]
    assert services.sent == []


async def test_refusals_and_silence_have_the_same_shape(http: httpx.AsyncClient, services: FakeServices) -> None:
    services.answers["SearchOrders"] = CursorInvalid("cursor: not a cursor of this search", field="cursor")
    services.answers["SearchTrades"] = Unavailable("The trading service is not running")
    [refused] = (await asked(http, '{ orders(after: "x") { totalCount } }'))["errors"]
    assert refused["message"] == "cursor: not a cursor of this search"
    assert (refused["extensions"]["code"], refused["extensions"]["field"]) == ("CursorInvalid", "after")
    [silent] = (await asked(http, "{ trades { totalCount } }"))["errors"]
    assert (silent["extensions"]["code"], silent["message"]) == ("Unavailable", "The trading service is not running")


async def test_a_bug_tells_nothing_of_itself(http: httpx.AsyncClient, services: FakeServices) -> None:
    services.answers["ListAccounts"] = {"not": "a page"}
    services.answers["SearchOrders"] = {"data": [{"secret": "word"}], "pagination": ORDERS["pagination"]}
    answer = await asked(http, "{ orders { nodes { orderId } } }")
    assert answer["errors"][0]["extensions"]["code"] == "InternalError"
    assert "word" not in str(answer)


async def test_introspection_is_for_those_who_are_logged_in(http: httpx.AsyncClient, services: FakeServices) -> None:
    query = get_introspection_query()
    assert (await asked(http, query))["data"]["__schema"]["queryType"]["name"] == "Query"
    response = await http.post("/graphql", json={"query": query}, auth=("nobody", "nothing"))
    assert response.status_code == 401


@pytest.mark.parametrize("body", [{}, {"query": ""}, {"query": 1}, {"query": "{ accounts }", "variables": []}])
async def test_a_body_that_is_no_request(http: httpx.AsyncClient, services: FakeServices, body: dict[str, Any]) -> None:
    assert (await http.post("/graphql", json=body)).status_code == 422
    assert services.sent == []


@pytest.mark.parametrize(
    ("query", "operation"), [("{ accounts }", "other"), ("query A { accounts } query B { accounts }", None)]
)
async def test_an_operation_that_is_not_there_is_named(
    http: httpx.AsyncClient, services: FakeServices, query: str, operation: str | None
) -> None:
    response = await http.post("/graphql", json={"query": query, "operationName": operation})
    assert response.status_code == 400
    assert response.json()["errors"][0]["extensions"]["field"] == "operationName"
    assert services.sent == []
