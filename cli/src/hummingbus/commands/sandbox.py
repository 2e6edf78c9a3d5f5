"""`hummingbus sandbox ...`: accounts, funds, prices and faults of the built-in exchange."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

import typer

from hummingbus.commands import fail, sandbox_faults, sandbox_futures
from hummingbus.commands.sandbox_calls import Json, amount_of, call, show

app = typer.Typer(no_args_is_help=True, help="Accounts, funds, prices and faults of the sandbox exchange.")
account_app = typer.Typer(no_args_is_help=True, help="Accounts of the sandbox exchange.")
app.add_typer(account_app, name="account")
app.add_typer(sandbox_faults.app, name="fault")
app.add_typer(sandbox_futures.app, name="futures")


@account_app.command("create")
def create_account(
    balance: Annotated[list[str] | None, typer.Option(help="ASSET=AMOUNT, repeatable; without it, default funds.")] = None,
    as_json: Json = False,
) -> None:
    """Make a funded account and print its API key and secret."""
    balances = dict(_balance(text) for text in balance or [])
    created = call(lambda admin: admin.create_account(balances))
    show(created, as_json=as_json)


@app.command("deposit")
def deposit(api_key: str, asset: str, amount: str, as_json: Json = False) -> None:
    """Add funds to an account."""
    show(call(lambda admin: admin.deposit(api_key, asset.upper(), amount_of(amount))), as_json=as_json)


@app.command("withdraw")
def withdraw(api_key: str, asset: str, amount: str, as_json: Json = False) -> None:
    """Take free funds from an account."""
    show(call(lambda admin: admin.withdraw(api_key, asset.upper(), amount_of(amount))), as_json=as_json)


@app.command("price")
def price(symbol: str, value: Annotated[str, typer.Argument(metavar="PRICE")], as_json: Json = False) -> None:
    """Move the market of a symbol, e.g. BTCUSDT, to a price."""
    show(call(lambda admin: admin.set_price(symbol.upper().replace("-", ""), amount_of(value))), as_json=as_json)


@app.command("ledger")
def ledger(api_key: str) -> None:
    """Print everything the exchange holds of an account as JSON: orders, trades, balances and futures, exactly."""
    show(call(lambda admin: admin.ledger(api_key)), as_json=True)


def _balance(text: str) -> tuple[str, Decimal]:
    asset, equals, amount = text.partition("=")
    if not equals or not asset:
        fail(f"--balance {text}: expected ASSET=AMOUNT, e.g. USDT=1000")
    return asset.upper(), amount_of(amount)
