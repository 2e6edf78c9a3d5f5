"""Settings of the gateway, from the environment or the service's env file."""

from __future__ import annotations

import hashlib
import json
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated

from pydantic import AliasChoices, Field, SecretStr, field_validator
from pydantic_settings import NoDecode, SettingsConfigDict
from service_kit.certificates import CertificateUnusable, Identity, IdentityFiles
from service_kit.settings import ServiceSettings

from gateway_api.domain.limits import Bounds

PREFIX = "GATEWAY_API_"
LISTS = ("services", "trusted_proxies", "cors_allow_origins", "cors_allow_methods", "cors_allow_headers")

Listed = Annotated[tuple[str, ...], NoDecode]
"""A list written as JSON or with commas."""


class Settings(ServiceSettings):
    """`GATEWAY_API_*`, and the `CORS_*` names that users of the Hummingbot API know."""

    model_config = SettingsConfigDict(env_prefix=PREFIX)

    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=1, le=65535)
    username: str = Field(min_length=1)
    password_hash: SecretStr
    """The argon2 hash of the one user's password."""

    answer_key: SecretStr | None = None
    """Key of the digests by which a repeated request is recognised; without one it is made from `password_hash`."""

    rate_limit: int = Field(default=20_000, ge=0)
    """Requests in `rate_window` that one user and one client address may make, also at once; 0 is no limit."""

    rate_window: int = Field(default=10, ge=1, le=3600)
    """Seconds."""

    login_failures: int = Field(default=10, ge=0)
    """Different wrong passwords for a user from an address before it is locked out; 0 is no limit."""

    login_lockout: int = Field(default=900, ge=1)
    """The longest lockout in seconds; the first is 1, and each further wrong password doubles it."""

    trusted_proxies: Annotated[tuple[IPv4Network | IPv6Network, ...], NoDecode] = ()
    """Addresses or networks of proxies whose `X-Forwarded-For` tells the client's address; without one it is ignored."""

    tls_cert: Path | None = None
    """The certificate with its chain, PEM; with `tls_key` it makes the API speak HTTPS (TLS 1.2 or newer)."""

    tls_key: Path | None = None
    tls_key_password: SecretStr | None = None

    max_body: int = Field(default=Bounds.body, ge=1024, le=900 * 1024)
    """Bytes of a request's body (413); a message on the bus may have 1 MiB."""

    max_headers: int = Field(default=Bounds.headers, ge=1024, le=256 * 1024)
    """Bytes of all header names and values together (431)."""

    max_query: int = Field(default=Bounds.query, ge=256, le=60 * 1024)
    """Bytes of the query in a URL (414)."""

    max_depth: int = Field(default=Bounds.depth, ge=4, le=200)
    """Levels of arrays and objects in a JSON body (422)."""

    max_connections: int = Field(default=1024, ge=1)
    """Connections served at once; further ones wait."""

    max_sockets: int = Field(default=512, ge=0)
    """WebSocket connections at once; further ones are told to try later. Each is one of `max_connections`."""

    max_subscriptions: int = Field(default=100, ge=1)
    """Subscriptions of one WebSocket connection."""

    heartbeat: float = Field(default=30, ge=0.1)
    """Seconds between two heartbeats on a WebSocket."""

    head_timeout: float = Field(default=30, gt=0)
    """Seconds for the head of a request, and for the next request on a connection that is kept open."""

    body_timeout: float = Field(default=30, ge=0.001)
    """Seconds for the body of a request (408)."""

    answer_timeout: float = Field(default=30, gt=0)
    """Seconds after which a client that takes nothing of its answer is cut off (on Linux)."""

    drain_delay: float = Field(default=0, ge=0, le=60)
    """Seconds between not being ready and refusing connections at a stop, for a load balancer to see it."""

    drain_timeout: float = Field(default=20, ge=0, le=60)
    """Seconds that running requests get to end at a stop."""

    services: Listed = ("accounts", "trading", "market-data")
    """The services that `/health` asks."""

    authentication_ttl: float = Field(default=300, gt=0)
    """Seconds for which verified credentials are remembered."""

    cors_allow_origins: Listed = Field(default=(), validation_alias=AliasChoices("CORS_ALLOW_ORIGINS"))
    cors_allow_origin_regex: str = Field(
        default=r"https?://(localhost|127\.0\.0\.1)(:\d+)?", validation_alias=AliasChoices("CORS_ALLOW_ORIGIN_REGEX")
    )
    cors_allow_credentials: bool = Field(default=True, validation_alias=AliasChoices("CORS_ALLOW_CREDENTIALS"))
    cors_allow_methods: Listed = Field(default=("*",), validation_alias=AliasChoices("CORS_ALLOW_METHODS"))
    cors_allow_headers: Listed = Field(default=("*",), validation_alias=AliasChoices("CORS_ALLOW_HEADERS"))

    @property
    def bounds(self) -> Bounds:
        """How large a request may be."""
        return Bounds(self.max_body, self.max_headers, self.max_query, self.max_depth, round(self.body_timeout * 1000))

    def identity(self) -> Identity | None:
        """What the server shows its clients; None without TLS. Raises CertificateUnusable."""
        if self.tls_cert is None and self.tls_key is None:
            return None
        if self.tls_cert is None or self.tls_key is None:
            given, missing = ("KEY", "CERT") if self.tls_cert is None else ("CERT", "KEY")
            msg = f"{PREFIX}TLS_{missing} is needed beside {PREFIX}TLS_{given}"
            raise CertificateUnusable(msg)
        password = self.tls_key_password.get_secret_value() if self.tls_key_password else None
        return IdentityFiles(PREFIX, self.tls_cert, self.tls_key, password).read()

    def digest_key(self) -> bytes:
        """The same 32 bytes for every replica with these settings."""
        secret = self.answer_key or self.password_hash
        return hashlib.sha256(b"gateway-api answers\0" + secret.get_secret_value().encode()).digest()

    @field_validator(
        "services", "trusted_proxies", "cors_allow_origins", "cors_allow_methods", "cors_allow_headers", mode="before"
    )
    @classmethod
    def _listed(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        if value.lstrip().startswith("["):
            return json.loads(value)
        return [item.strip() for item in value.split(",") if item.strip()]
