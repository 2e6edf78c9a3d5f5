"""What the exchange says when it refuses: Binance's codes, texts and HTTP statuses."""

from __future__ import annotations

from decimal import Decimal


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


def margin_insufficient() -> Refused:
    """Futures: more margin than the account has available."""
    return Refused(-2019, "Margin is insufficient.")


def reduce_only_rejected() -> Refused:
    """Futures: an order that only reduces, without a position (of its size, in hedge mode) to reduce."""
    return Refused(-2022, "ReduceOnly Order is rejected.")


def leverage_too_small() -> Refused:
    """Futures: a lower leverage that would need more margin than the account has."""
    return Refused(-2028, "Leverage is smaller than permitted: insufficient margin balance.")


def invalid_leverage(leverage: int) -> Refused:
    """Futures: a leverage the contract does not offer."""
    return Refused(-4028, f"Leverage {leverage} is not valid")


def same_position_mode() -> Refused:
    """Futures: the position mode asked for is the one in force."""
    return Refused(-4059, "No need to change position side.")


def wrong_position_side() -> Refused:
    """Futures: a position side of the other position mode."""
    return Refused(-4061, "Order's position side does not match user's setting.")


def position_mode_with_orders() -> Refused:
    """Futures: the position mode cannot change while orders are open."""
    return Refused(-4067, "Position side cannot be changed if there exists open orders.")


def position_mode_with_positions() -> Refused:
    """Futures: the position mode cannot change while positions are open."""
    return Refused(-4068, "Position side cannot be changed if there exists position.")


def duplicate_client_id() -> Refused:
    """Futures: a client order id that an open order already has."""
    return Refused(-4116, "ClientOrderId is duplicated.")


def fill_or_kill_rejected() -> Refused:
    """Futures: a FOK order that cannot trade in full at once."""
    return Refused(-5021, "Due to the order could not be filled immediately, the FOK order has been rejected.")


def post_only_rejected() -> Refused:
    """Futures: a GTX order that would trade on arrival."""
    return Refused(-5022, "Due to the order could not be executed as maker, the Post Only order will be rejected.")


def no_listen_key() -> Refused:
    """Futures: a listen key that is unknown or expired."""
    return Refused(-1125, "This listenKey does not exist.")


def notional_too_small(minimum: Decimal) -> Refused:
    """Futures: an order worth less than the contract's minimum."""
    return Refused(-4164, f"Order's notional must be no smaller than {minimum} (unless you choose reduce only).")


def check_futures_price(price: Decimal, tick: Decimal, most: Decimal) -> None:
    """Refuse a limit price of a futures order outside its filter."""
    if price < tick:
        raise Refused(-4013, f"Price less than min price {tick}.")
    if price > most:
        raise Refused(-4016, f"Limit price can't be higher than {most}.")
    if price % tick:
        raise Refused(-4014, "Price not increased by tick size.")


def check_futures_quantity(quantity: Decimal, step: Decimal, most: Decimal) -> None:
    """Refuse a quantity of a futures order outside its lot size."""
    if quantity <= 0:
        raise Refused(-4003, "Quantity less than or equal to zero.")
    if quantity < step:
        raise Refused(-4004, "Quantity less than min quantity.")
    if quantity > most:
        raise Refused(-4005, "Quantity greater than max quantity.")
    if quantity % step:
        raise Refused(-4023, "Qty not increased by step size.")
