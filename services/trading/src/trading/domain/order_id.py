"""The id of an order that was placed elsewhere.

Orders placed here take the client order id the exchange's session derives from the command's message id.
"""

from __future__ import annotations

import hashlib

from contracts.message import TOKEN


def external_order_id(account: str, connector: str, client_order_id: str, exchange_order_id: str) -> str:
    """The exchange's client order id where it can be an id here, else one derived from all that names the order."""
    if TOKEN.fullmatch(client_order_id):
        return client_order_id
    return derived_order_id(account, connector, client_order_id or exchange_order_id)


def derived_order_id(account: str, connector: str, name: str) -> str:
    """An id for an order whose own name is no token, or is taken by an order of another session."""
    return "ext-" + hashlib.sha256(f"{account}\n{connector}\n{name}".encode()).hexdigest()[:28]
