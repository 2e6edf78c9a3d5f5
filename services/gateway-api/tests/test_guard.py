"""Limits, foreign web pages, security headers."""

from __future__ import annotations

import httpx
import pytest
from fake_services import FakeServices
from gateway_api.domain.limits import TooManyLogins, TooManyRequests, lockout
from gateway_api.handlers.limits import Logins, RateLimits
from test_routes import ORDER_BODY


async def test_every_answer_has_the_headers(http: httpx.AsyncClient) -> None:
    for path in ("/accounts/", "/nothing", "/docs"):
        headers = (await http.get(path)).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] == "no-referrer"
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["cache-control"] == "no-store"
        assert headers["ratelimit-policy"] == '"user";q=1000;w=1, "address";q=1000;w=1'
        assert "r=" in headers["ratelimit"]
    assert "max-age" in (await http.get("/docs/swagger-ui.css")).headers["cache-control"]
    assert "script-src 'self'" in (await http.get("/docs")).headers["content-security-policy"]


async def test_browsers_come_back_with_tls_only_when_there_is_tls(http: httpx.AsyncClient) -> None:
    assert "strict-transport-security" not in (await http.get("http://gateway/accounts/")).headers
    assert (await http.get("https://gateway/accounts/")).headers["strict-transport-security"] == "max-age=31536000"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 201),
        ({"origin": "http://localhost:3000", "sec-fetch-site": "cross-site"}, 201),
        ({"origin": "http://gateway", "sec-fetch-site": "same-origin"}, 201),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
    ],
)
async def test_foreign_pages_change_nothing(
    http: httpx.AsyncClient, services: FakeServices, headers: dict[str, str], status: int
) -> None:
    response = await http.post("/trading/orders", json=ORDER_BODY, headers=headers)
    assert response.status_code == status
    assert len(services.sent) == (status == 201)
    assert (await http.get("/accounts/", headers=headers)).status_code == 200


async def test_headers_that_are_too_large(http: httpx.AsyncClient) -> None:
    response = await http.get("/accounts/", headers={"x-long": "x" * 40_000})
    assert (response.status_code, response.json()["code"]) == (431, "HeadersTooLarge")


def test_a_quota_comes_back_with_time() -> None:
    now = 0
    limits = RateLimits(10, 5, clock=lambda: now)
    left = [limits.take("user", "a") for _ in range(10)]
    assert [each.remaining for each in left if each] == [9, 8, 7, 6, 5, 4, 3, 2, 1, 0]
    with pytest.raises(TooManyRequests) as refused:
        limits.take("user", "a")
    assert refused.value.retry_after == 1
    assert limits.take("user", "b")
    assert limits.take("address", "a")
    now = 500_000_000
    assert limits.take("user", "a")
    assert RateLimits(0, 5).take("user", "a") is None
    assert RateLimits(0, 5).policies() == ""


def test_wrong_passwords_lock_out_longer_each_time() -> None:
    now = 0.0
    logins = Logins(3, 900, clock=lambda: now)
    for _ in range(20):
        logins.failed("u", "the old one", "1.2.3.4")
    logins.check("u", "1.2.3.4")
    logins.failed("u", "b", "1.2.3.4")
    logins.failed("u", "c", "1.2.3.4")
    with pytest.raises(TooManyLogins):
        logins.check("u", "1.2.3.4")
    logins.check("u", "5.6.7.8")
    now = 1.0
    logins.check("u", "1.2.3.4")
    logins.failed("u", "d", "1.2.3.4")
    with pytest.raises(TooManyLogins) as locked:
        logins.check("u", "1.2.3.4")
    assert locked.value.retry_after == 2
    now = 3.0
    logins.succeeded("u", "1.2.3.4")
    logins.failed("u", "e", "1.2.3.4")
    logins.check("u", "1.2.3.4")
    assert [lockout(count, 3, 900) for count in (2, 3, 4, 13, 99)] == [0, 1, 2, 900, 900]


async def test_a_locked_out_user_is_told_when(anonymous: httpx.AsyncClient) -> None:
    for number in range(10):
        response = await anonymous.get("/accounts/", auth=("guesser", f"guess {number}"))
        assert response.status_code == 401
    response = await anonymous.get("/accounts/", auth=("guesser", "guess 0"))
    assert (response.status_code, response.json()["code"]) == (429, "TooManyLogins")
    assert int(response.headers["retry-after"]) == 1
