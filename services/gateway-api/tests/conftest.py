"""A gateway in front of services in memory."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from starlette.types import ASGIApp

sys.path.insert(0, str(Path(__file__).parent))

from fake_services import ANSWERS, FakeServices, MemoryBucket
from gateway_api.domain.limits import Bounds
from gateway_api.graphql.schema import Graph
from gateway_api.handlers.authentication import Authenticator
from gateway_api.handlers.health import Health
from gateway_api.handlers.limits import Logins, RateLimits
from gateway_api.handlers.page_feeds import PageFeeds
from gateway_api.handlers.repeats import Repeats
from gateway_api.handlers.requests import Requests
from gateway_api.handlers.turns import Turns
from gateway_api.handlers.watches import Watches
from gateway_api.rest.application import Cors, application
from gateway_api.rest.services import Gateway
from service_kit.telemetry import Tracing

USERNAME, PASSWORD = "trader", "correct horse"
LOCAL = r"https?://(localhost|127\.0\.0\.1)(:\d+)?"


class PlainPassword:
    """A PasswordVerifier without the cost of a hash."""

    async def verify(self, password: str) -> bool:
        return password == PASSWORD


@pytest.fixture(scope="session")
def shared() -> FakeServices:
    """The services behind the one application of all tests."""
    return FakeServices()


@pytest.fixture(scope="session")
def bucket() -> MemoryBucket:
    """Where the one application keeps its answers."""
    return MemoryBucket()


@pytest.fixture(scope="session")
def served(shared: FakeServices, bucket: MemoryBucket) -> ASGIApp:
    """Composed once: the routes and their documentation take a fifth of a second."""
    return composed(shared, bucket, Bounds())


@pytest.fixture(scope="session")
def narrow(shared: FakeServices, bucket: MemoryBucket) -> ASGIApp:
    """The application with narrow bounds for requests."""
    return composed(shared, bucket, Bounds(body=2000, headers=1500, query=300, depth=5, body_milliseconds=200))


def composed(shared: FakeServices, bucket: MemoryBucket, bounds: Bounds) -> ASGIApp:
    requests = Requests(shared)
    gateway = Gateway(
        services=requests,
        authenticator=Authenticator(USERNAME, PlainPassword()),
        health=Health(shared, ("accounts", "trading"), "sandbox", lambda: None),
        repeats=Repeats(bucket, b"k" * 32),
        limits=RateLimits(1000, 1),
        logins=Logins(10, 900),
        graph=Graph(requests, PageFeeds(requests, Watches(Turns()))),
        bounds=bounds,
    )
    return application(gateway, Cors(allow_origin_regex=LOCAL), Tracing("gateway-api"))


@pytest.fixture
def services(shared: FakeServices, bucket: MemoryBucket) -> FakeServices:
    bucket.entries.clear()
    bucket.away = False
    shared.answers = dict(ANSWERS)
    shared.sent.clear()
    return shared


@pytest.fixture
async def anonymous(served: ASGIApp, services: FakeServices) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(served, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
        yield client


@pytest.fixture
async def http(anonymous: httpx.AsyncClient) -> httpx.AsyncClient:
    anonymous.auth = (USERNAME, PASSWORD)
    return anonymous


@pytest.fixture
async def bounded(narrow: ASGIApp, services: FakeServices) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(narrow, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway", auth=(USERNAME, PASSWORD)) as client:
        yield client
