"""The operator's door of a stack's sandbox exchange."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
from hummingbus.embedded.ports import read_ports
from hummingbus.home import Home
from hummingbus.secrets import load_secrets

from tests.stack import Stack


class Exchange:
    """Injects faults and tells what they did. Raises httpx.HTTPError while the exchange is away."""

    def __init__(self, stack: Stack) -> None:
        self._home = Home(Path(stack.home))
        token = load_secrets(self._home)["sandbox_admin_token"]
        self._http = httpx.AsyncClient(headers={"X-Admin-Token": token}, timeout=15)

    async def inject(self, fault: dict[str, Any]) -> None:
        """Put a fault in force."""
        answer = await self._http.post(self._url("/admin/faults"), json=fault)
        assert answer.status_code == 201, answer.text

    async def fired(self) -> Counter[str]:
        """How often the faults of each kind have fired since the exchange started."""
        counts: Counter[str] = Counter()
        for fault in (await self._http.get(self._url("/admin/faults"))).raise_for_status().json():
            counts[fault["kind"]] += fault["fired"]
        return counts

    async def clear(self) -> None:
        """End all faults."""
        (await self._http.delete(self._url("/admin/faults"))).raise_for_status()

    async def open_account(self, balances: Mapping[str, str], futures: str) -> dict[str, str]:
        """A new account with these spot balances and USDT for futures: its `api_key` and `api_secret`."""
        account: dict[str, str] = await self._post("/admin/accounts", {"balances": dict(balances), "futures": futures})
        return account

    async def set_price(self, symbol: str, price: Decimal) -> None:
        """The spot market, and with it the index of its contract, stands at the price now and moves on from there."""
        await self._post("/admin/prices", {"symbol": symbol, "price": str(price)})

    async def settle_funding(self, rate: Decimal) -> None:
        """Settle funding of all contracts now."""
        await self._post("/admin/futures/funding", {"rate": str(rate)})

    async def prices(self) -> dict[str, float]:
        """The last price of every symbol."""
        tickers = (await self._http.get(self._url("/api/v3/ticker/price"))).raise_for_status().json()
        return {ticker["symbol"]: float(ticker["price"]) for ticker in tickers}

    async def close(self) -> None:
        await self._http.aclose()

    async def _post(self, path: str, body: Mapping[str, Any]) -> Any:
        return (await self._http.post(self._url(path), json=body)).raise_for_status().json()

    def _url(self, path: str) -> str:
        # A stack that was started again may have other ports.
        return f"http://127.0.0.1:{read_ports(self._home.ports)['sandbox-exchange']}{path}"
