"""`hummingbus sandbox futures ...`: futures wallets and funding of the sandbox exchange."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

import typer

from hummingbus.commands.sandbox_calls import Json, amount_of, call, decimal_of, show

app = typer.Typer(no_args_is_help=True, help="Futures wallets and funding of the sandbox exchange.")


@app.command("deposit")
def deposit(api_key: str, value: Annotated[str, typer.Argument(metavar="USDT")], as_json: Json = False) -> None:
    """Add USDT to an account's futures wallet."""
    show(call(lambda admin: admin.deposit_futures(api_key, amount_of(value))), as_json=as_json)


@app.command("withdraw")
def withdraw(api_key: str, value: Annotated[str, typer.Argument(metavar="USDT")], as_json: Json = False) -> None:
    """Take USDT that is not needed as margin from an account's futures wallet."""
    show(call(lambda admin: admin.withdraw_futures(api_key, amount_of(value))), as_json=as_json)


@app.command("fund")
def fund(
    symbol: Annotated[str | None, typer.Argument(help="e.g. BTCUSDT; without it, every contract.")] = None,
    rate: Annotated[str | None, typer.Option(help="e.g. 0.0001; without it, the rate as it stands.")] = None,
    as_json: Json = False,
) -> None:
    """Settle funding now, besides the schedule."""
    wanted: Decimal | None = None if rate is None else decimal_of(rate)
    show(call(lambda admin: admin.settle_funding(symbol, wanted)), as_json=as_json)


@app.command("funding-interval")
def funding_interval(
    seconds: Annotated[int | None, typer.Argument(help="From 1 to 28800, which is real time; without it, tell.")] = None,
    as_json: Json = False,
) -> None:
    """How many seconds eight hours of funding take: tell or set."""
    show(call(lambda admin: admin.funding_interval(seconds)), as_json=as_json)
