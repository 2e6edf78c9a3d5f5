"""A client of the sandbox exchange's admin API."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import httpx

from hummingbus.embedded.ports import LOOPBACK, read_ports
from hummingbus.home import Home
from hummingbus.secrets import SecretsUnusable, load_secrets


class AdminFailed(Exception):
    """The sandbox exchange cannot be reached or refused; the text says why."""


@dataclass(frozen=True, slots=True)
class SandboxAdmin:
    """Calls the exchange of one running stack. Every method raises AdminFailed."""

    url: str
    token: str = field(repr=False)

    @staticmethod
    def of(home: Home) -> SandboxAdmin:
        """The exchange of this home."""
        port = read_ports(home.ports).get("sandbox-exchange")
        if port is None:
            msg = "this installation has no sandbox exchange: start it with `hummingbus up` in the venue sandbox"
            raise AdminFailed(msg)
        try:
            token = load_secrets(home)["sandbox_admin_token"]
        except SecretsUnusable as error:
            raise AdminFailed(str(error)) from error
        return SandboxAdmin(f"http://{LOOPBACK}:{port}", token)

    def create_account(self, balances: dict[str, Decimal]) -> dict[str, Any]:
        """A new account: its keys and balances. Without balances it gets the default funds, spot and futures."""
        return self._post("/admin/accounts", {"balances": _texts(balances)} if balances else {})

    def deposit(self, api_key: str, asset: str, amount: Decimal) -> dict[str, Any]:
        """Add funds to an account."""
        return self._post("/admin/deposits", {"api_key": api_key, "asset": asset, "amount": format(amount, "f")})

    def withdraw(self, api_key: str, asset: str, amount: Decimal) -> dict[str, Any]:
        """Take free funds from an account."""
        return self._post("/admin/withdrawals", {"api_key": api_key, "asset": asset, "amount": format(amount, "f")})

    def set_price(self, symbol: str, price: Decimal) -> dict[str, Any]:
        """Move the market of a symbol, e.g. `BTCUSDT`, to a price."""
        return self._post("/admin/prices", {"symbol": symbol, "price": format(price, "f")})

    def deposit_futures(self, api_key: str, amount: Decimal) -> dict[str, Any]:
        """Add USDT to an account's futures wallet; its futures side."""
        return self._post("/admin/futures/deposits", {"api_key": api_key, "amount": format(amount, "f")})

    def withdraw_futures(self, api_key: str, amount: Decimal) -> dict[str, Any]:
        """Take USDT that is not needed as margin from an account's futures wallet; its futures side."""
        return self._post("/admin/futures/withdrawals", {"api_key": api_key, "amount": format(amount, "f")})

    def settle_funding(self, symbol: str | None, rate: Decimal | None) -> dict[str, Any]:
        """Settle funding now, of one contract or of all, at the rate as it stands or at another: `{"settled": [...]}`."""
        wanted = {"symbol": symbol, "rate": None if rate is None else format(rate, "f")}
        return self._post("/admin/futures/funding", {name: value for name, value in wanted.items() if value is not None})

    def funding_interval(self, seconds: int | None) -> dict[str, Any]:
        """Set how many seconds eight hours of funding take, or only tell: `{"seconds", "next_funding"}` (ms)."""
        body = None if seconds is None else {"seconds": seconds}
        told: dict[str, Any] = self._call("GET" if body is None else "POST", "/admin/futures/funding-interval", body)
        return told

    def ledger(self, api_key: str) -> dict[str, Any]:
        """Every order, trade and balance of an account, numbers as exact text."""
        held: dict[str, Any] = self._call("GET", f"/admin/accounts/{api_key}/ledger")
        return held

    def add_fault(self, wanted: dict[str, Any]) -> dict[str, Any]:
        """Put a fault in force; the fields are those of `POST /admin/faults`, None for what is not given."""
        return self._post("/admin/faults", {name: value for name, value in wanted.items() if value is not None})

    def faults(self) -> list[dict[str, Any]]:
        """The faults, with how often each fired."""
        faults: list[dict[str, Any]] = self._call("GET", "/admin/faults")
        return faults

    def clear_faults(self, fault_id: str | None = None) -> dict[str, Any]:
        """End one fault or all: `{"removed": [id, ...]}`."""
        removed: dict[str, Any] = self._call("DELETE", "/admin/faults" if fault_id is None else f"/admin/faults/{fault_id}")
        return removed

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        answer: dict[str, Any] = self._call("POST", path, body)
        return answer

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        try:
            answer = httpx.request(method, f"{self.url}{path}", json=body, headers={"X-Admin-Token": self.token}, timeout=15)
        except httpx.HTTPError as error:
            msg = f"the sandbox exchange at {self.url} cannot be reached: {error}"
            raise AdminFailed(msg) from error
        if answer.is_error:
            msg = f"the sandbox exchange answers {answer.status_code}: {answer.text[:500]}"
            raise AdminFailed(msg)
        return answer.json()


def _texts(balances: dict[str, Decimal]) -> dict[str, str]:
    return {asset: format(amount, "f") for asset, amount in balances.items()}
