"""What the exchange says when it refuses: Binance's codes, texts and HTTP statuses."""

from __future__ import annotations


class Refused(Exception):
    """A request the exchange does not carry out. `code` and `message` are Binance's; `status` is the HTTP status."""

    def __init__(self, code: int, message: str, status: int = 400) -> None:
        super().__init__(f"{code} {message}")
        self.code = code
        self.message = message
        self.status = status


def missing(parameter: str) -> Refused:
    """A mandatory parameter is absent or empty."""
    return Refused(-1102, f"Mandatory parameter '{parameter}' was not sent, was empty/null, or malformed.")


def not_required(parameter: str) -> Refused:
    """A parameter that this kind of request must not carry."""
    return Refused(-1106, f"Parameter '{parameter}' sent when not required.")


def illegal_characters(parameter: str, legal_range: str) -> Refused:
    """A parameter that does not match its legal range."""
    return Refused(-1100, f"Illegal characters found in parameter '{parameter}'; legal range is '{legal_range}'.")


def too_precise(parameter: str) -> Refused:
    """A number with more than eight decimals."""
    return Refused(-1111, f"Parameter '{parameter}' has too much precision.")


def filter_failure(filter_name: str) -> Refused:
    """An order that breaks a filter of its pair."""
    return Refused(-1013, f"Filter failure: {filter_name}")


def invalid_symbol() -> Refused:
    """A symbol that is not listed."""
    return Refused(-1121, "Invalid symbol.")


def insufficient_balance() -> Refused:
    """More than the account has free."""
    return Refused(-2010, "Account has insufficient balance for requested action.")


def duplicate_order() -> Refused:
    """A client order id that an open order already has."""
    return Refused(-2010, "Duplicate order sent.")


def would_take() -> Refused:
    """A maker-only order that would trade on arrival."""
    return Refused(-2010, "Order would immediately match and take.")


def market_closed() -> Refused:
    """An order for a symbol that is not traded now."""
    return Refused(-1013, "Market is closed.")


def unknown_order() -> Refused:
    """A cancel of an order that is not open."""
    return Refused(-2011, "Unknown order sent.")


def no_such_order() -> Refused:
    """A question about an order that never was."""
    return Refused(-2013, "Order does not exist.")


def unknown_api_key() -> Refused:
    """A key no account has."""
    return Refused(-2015, "Invalid API-key, IP, or permissions for action.", 401)
