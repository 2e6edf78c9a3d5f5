"""What a failed call proves."""

from __future__ import annotations

import pytest
from engine_kit.venue import Attempt, VenueClosed
from trading.adapters.outcome import judged, read
from trading.handlers.exchange import Refused, Unproven

POSTED = Attempt(sent=["POST https://api.binance.com/api/v3/order"])


def answer(status: int, body: str) -> OSError:
    return OSError(f"Error executing request POST https://api.binance.com/api/v3/order. HTTP status is {status}. Error: {body}")


@pytest.mark.parametrize(
    ("status", "code", "text"),
    [
        (400, -2010, "Account has insufficient balance for requested action."),
        (400, -1013, "Filter failure: NOTIONAL"),
        (400, -1022, "Signature for this request is not valid."),
        (401, -2015, "Invalid API-key, IP, or permissions for action."),
        (429, -1015, "Too many new orders; current limit is 100 orders per 10 SECOND."),
        (418, -1003, "Way too much request weight used; IP banned until 1700000000000."),
    ],
)
def test_the_exchanges_own_refusal_is_proof(status: int, code: int, text: str) -> None:
    proved = judged(answer(status, f'{{"code":{code},"msg":"{text}"}}'), POSTED, rest_only=True)
    assert isinstance(proved, Refused)
    assert proved.reason == f"{text} ({code})"
    assert str(status) in proved.evidence


@pytest.mark.parametrize(
    "error",
    [
        answer(500, '{"code":-1000,"msg":"An unknown error occurred while processing the request."}'),
        answer(503, '{"code":-1008,"msg":"Server is currently overloaded with other requests."}'),
        answer(400, '{"code":-1007,"msg":"Timeout waiting for response. Send status unknown; execution status unknown."}'),
        answer(400, '{"code":-1006,"msg":"An unexpected response was received. Execution status unknown."}'),
        answer(400, '{"code":-2010,"msg":"Duplicate order sent."}'),
        answer(502, "Bad gateway"),
        answer(403, "N/A"),
        answer(408, "Request time-out"),
        TimeoutError(),
        ConnectionResetError("peer"),
        KeyError("orderId"),
    ],
)
def test_everything_else_proves_nothing_once_it_was_sent(error: BaseException) -> None:
    assert isinstance(judged(error, POSTED, rest_only=True), Unproven)


def test_what_never_left_was_not_done() -> None:
    only_asked = Attempt(sent=["GET https://api.binance.com/api/v3/time"])
    assert isinstance(judged(ConnectionError("refused"), only_asked, rest_only=True), Refused)
    assert isinstance(judged(ConnectionError("refused"), only_asked, rest_only=False), Unproven)
    assert isinstance(judged(VenueClosed("sandbox"), POSTED, rest_only=False), Refused)


def test_reads_other_exchanges_answers() -> None:
    assert read(answer(400, '{"label":"INVALID_KEY","message":"Invalid key provided"}')).reason == (
        "Invalid key provided (INVALID_KEY)"
    )
    assert read(answer(401, "nonsense")).reason == "nonsense"
    assert read(ValueError("odd")).reason == "ValueError: odd"
