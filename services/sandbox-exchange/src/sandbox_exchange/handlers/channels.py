"""Names of what can be listened to: `btcusdt@trade`, an account's user stream; those of futures have a prefix."""

from __future__ import annotations

FUTURES = "futures:"
_USER = "user:"


def user_channel(account: str) -> str:
    """The channel of an account's spot user stream."""
    return f"{_USER}{account}"


def futures_user_channel(account: str) -> str:
    """The channel of an account's futures user stream."""
    return f"{FUTURES}{_USER}{account}"


def account_of(channel: str) -> str | None:
    """The account whose user stream a channel is; None for a market's channel."""
    name = channel.removeprefix(FUTURES)
    return name.removeprefix(_USER) if name.startswith(_USER) else None


def symbol_of(channel: str) -> str:
    """The symbol of a market's channel."""
    return channel.removeprefix(FUTURES).partition("@")[0].upper()
