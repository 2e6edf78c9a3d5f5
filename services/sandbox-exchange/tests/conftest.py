"""A sandbox exchange on a free port, and a client that signs like an account."""

from __future__ import annotations

import hmac
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import aiohttp
import pytest
from sandbox_exchange.app import build, running
from sandbox_exchange.settings import Settings

sys.path.insert(0, str(Path(__file__).parent))

TOKEN = "operator"


class Client:
    """Requests to one exchange, public, signed and as its operator."""

    token = TOKEN

    def __init__(self, base: str, session: aiohttp.ClientSession, root: str = "/api/v3") -> None:
        self.base = base
        self.session = session
        self.root = root
        self.key = self.secret = ""

    def futures(self) -> Client:
        """The same account on the futures exchange; paths begin with the version there."""
        other = Client(self.base, self.session, "/fapi")
        other.key, other.secret = self.key, self.secret
        return other

    async def open_account(self, **balances: str) -> dict[str, Any]:
        status, created = await self.admin("POST", "/admin/accounts", {"balances": balances} if balances else {})
        assert status == 201
        self.key, self.secret = created["api_key"], created["api_secret"]
        return dict(created)

    async def admin(self, method: str, path: str, body: Any = None, token: str = TOKEN) -> tuple[int, Any]:
        headers = {"X-Admin-Token": token}
        async with self.session.request(method, self.base + path, json=body, headers=headers) as answer:
            return answer.status, await answer.json()

    async def get(self, path: str, **params: object) -> tuple[int, Any]:
        async with self.session.get(f"{self.base}{self.root}/{path}", params={k: str(v) for k, v in params.items()}) as answer:
            return answer.status, await answer.json()

    def sign(self, text: str) -> str:
        return hmac.new(self.secret.encode(), text.encode(), sha256).hexdigest()

    async def signed(self, method: str, path: str, **params: object) -> tuple[int, Any]:
        """Like the engine: a POST sends a form that claims to be JSON, the others a query."""
        text = urlencode({"timestamp": int(time.time() * 1000), **params})
        return await self.raw(method, path, f"{text}&signature={self.sign(text)}")

    async def raw(self, method: str, path: str, text: str, key: str | None = None) -> tuple[int, Any]:
        headers = {"X-MBX-APIKEY": self.key if key is None else key, "Content-Type": "application/json"}
        url = f"{self.base}{self.root}/{path}"
        if method == "POST":
            request = self.session.post(url, data=text, headers=headers)
        else:
            request = self.session.request(method, f"{url}?{text}", headers=headers)
        async with request as answer:
            return answer.status, await answer.json()

    async def order(self, **params: object) -> tuple[int, Any]:
        return await self.signed("POST", "order" if self.root == "/api/v3" else "v1/order", **params)

    async def ledger(self) -> dict[str, Any]:
        status, body = await self.admin("GET", f"/admin/accounts/{self.key}/ledger")
        assert status == 200
        return dict(body)


@pytest.fixture
def connect() -> Callable[[str], AbstractAsyncContextManager[Client]]:
    """A client of an exchange that runs elsewhere."""

    @asynccontextmanager
    async def connected(base: str) -> AsyncIterator[Client]:
        async with aiohttp.ClientSession() as session:
            yield Client(base, session)

    return connected


type Serve = Callable[..., AbstractAsyncContextManager[Client]]


@pytest.fixture
def serve(tmp_path: Path) -> Serve:
    """Serve an exchange over the test's directory; serving again restores what was journalled."""

    @asynccontextmanager
    async def serving(**changes: Any) -> AsyncIterator[Client]:
        settings = Settings(data_dir=tmp_path / "exchange", admin_token=TOKEN, **changes)
        async with running(build(settings)) as (port, _), aiohttp.ClientSession() as session:
            yield Client(f"http://127.0.0.1:{port}", session)

    return serving


@pytest.fixture
async def client(serve: Serve) -> AsyncIterator[Client]:
    async with serve() as opened:
        await opened.open_account()
        yield opened
