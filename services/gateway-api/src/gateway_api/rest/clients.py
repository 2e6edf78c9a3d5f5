"""Who is at the other end of a connection: the peer, or the client that a trusted proxy names."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, ip_address

from starlette.types import Scope

FORWARDED = b"x-forwarded-for"


class Clients:
    """The addresses by which limits and lockouts are counted.

    Anyone can send `X-Forwarded-For`, so it is read only from a trusted proxy, and in it only what trusted proxies wrote: from
    its end, the first address that is not a trusted proxy's own.
    """

    def __init__(self, trusted: Iterable[IPv4Network | IPv6Network] = ()) -> None:
        self._trusted = tuple(trusted)

    def address(self, scope: Scope) -> str:
        """The client's address; empty when the server knows none."""
        client = scope.get("client")
        peer = str(client[0]) if client else ""
        if not self._trusted or not self._trusts(peer):
            return peer
        named = b",".join(value for name, value in scope["headers"] if name == FORWARDED).decode("latin-1")
        for hop in reversed([each.strip() for each in named.split(",")]):
            if not _readable(hop):
                return peer
            peer = hop
            if not self._trusts(hop):
                return hop
        return peer

    def _trusts(self, address: str) -> bool:
        if not _readable(address):
            return False
        known = ip_address(address)
        return any(known in network for network in self._trusted)


def _readable(address: str) -> bool:
    try:
        ip_address(address)
    except ValueError:
        return False
    return True
