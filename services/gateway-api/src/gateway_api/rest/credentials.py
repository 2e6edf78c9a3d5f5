"""Who sent a request or opened a socket: HTTP Basic credentials, behind the lockout."""

from __future__ import annotations

import base64
import binascii

from starlette.exceptions import HTTPException

from gateway_api.rest.services import Gateway


async def user_of(gateway: Gateway, header: str, client: str) -> str:
    """The user whose credentials an `Authorization: Basic` header holds.

    Raises HTTPException 401, and TooManyLogins while this user is locked out at the client's address.
    """
    known = gateway.authenticator.known(header.encode("latin-1"))
    if known is None:
        username = await _verified(gateway, header, client)
    else:
        username = known
        gateway.logins.check(username, client)
    gateway.logins.succeeded(username, client)
    return username


async def _verified(gateway: Gateway, header: str, client: str) -> str:
    credentials = _basic_credentials(header)
    if credentials is None:
        raise _unauthorised("Not authenticated")
    username, password = credentials
    gateway.logins.check(username, client)
    if not await gateway.authenticator.authenticate(username, password):
        gateway.logins.failed(username, password, client)
        raise _unauthorised("Incorrect username or password")
    gateway.authenticator.remember(header.encode("latin-1"), username, password)
    return username


def _basic_credentials(header: str) -> tuple[str, str] | None:
    """User and password of a Basic header, in UTF-8 or Latin-1 (clients differ); None when it is not readable."""
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        decoded = base64.b64decode(encoded.strip(), validate=True)
    except (ValueError, binascii.Error):
        return None
    try:
        text = decoded.decode()
    except UnicodeDecodeError:
        text = decoded.decode("latin-1")
    username, separator, password = text.partition(":")
    return (username, password) if separator else None


def _unauthorised(detail: str) -> HTTPException:
    return HTTPException(401, detail, headers={"WWW-Authenticate": "Basic"})
