"""The gateway's sockets on the real web server, in front of services in memory, for a real client."""

from __future__ import annotations

import asyncio
import base64
import json
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from fake_services import FakeServices, MemoryBucket
from gateway_api.adapters.web_server import Listening, WebServer
from gateway_api.domain.limits import Bounds
from gateway_api.graphql.schema import Graph
from gateway_api.handlers.authentication import Authenticator
from gateway_api.handlers.executor_feeds import ExecutorFeeds
from gateway_api.handlers.health import Health
from gateway_api.handlers.limits import Logins, RateLimits
from gateway_api.handlers.page_feeds import PageFeeds
from gateway_api.handlers.repeats import Repeats
from gateway_api.handlers.requests import Requests
from gateway_api.handlers.turns import Turns
from gateway_api.handlers.watches import Watches
from gateway_api.rest.application import Cors, application
from gateway_api.rest.connection import Terms
from gateway_api.rest.executors_socket import ExecutorsStream
from gateway_api.rest.services import Gateway
from gateway_api.rest.socket_traffic import SocketTraffic
from gateway_api.rest.sockets import Sockets
from gateway_api.rest.streams import FrameRefused, Push, Source, Stream, Subscription
from service_kit.certificates import Identity
from service_kit.metrics import Metrics, measured
from service_kit.telemetry import Tracing

from conftest import LOCAL, PASSWORD, USERNAME, PlainPassword

DEADLINE = 60
TOKEN = base64.b64encode(f"{USERNAME}:{PASSWORD}".encode()).decode()
BASIC = {"Authorization": f"Basic {TOKEN}"}


@dataclass
class Ticks:
    """A Stream whose subscriptions give the newest of numbered states, padded to `size` characters."""

    path: str = "/ws/ticks"
    id_length: int = 8
    not_subscribed: str = "Subscription not found: {}"
    size: int = 0
    count: int = 0
    opened: list[_Tick] = field(default_factory=list)

    def subscription(self, frame: dict[str, Any], user: str) -> Subscription:
        if frame.get("type") != "tick":
            raise FrameRefused("only tick")

        def opened(news: Callable[[], None]) -> Source:
            tick = _Tick(self, news)
            self.opened.append(tick)
            # At once, to show that the acknowledgement is first all the same.
            news()
            return tick

        return Subscription(f"tick_{frame.get('name', '')}", "tick", opened, {"by": user})

    def tick(self) -> None:
        """A new state."""
        self.count += 1
        for each in self.opened:
            each.news()


@dataclass
class _Tick:
    stream: Ticks
    news: Callable[[], None]
    taken: int = -1
    closed: bool = False

    def take(self) -> Push | None:
        missed, self.taken = self.stream.count - self.taken - 1, self.stream.count
        dropped = missed if missed > 0 and self.taken else 0
        return Push(json.dumps({"type": "tick", "n": self.taken, "dropped": dropped, "pad": "x" * self.stream.size}), dropped)

    def close(self) -> None:
        self.closed = True


@dataclass
class Served:
    """A running server and what is behind it."""

    url: str
    ticks: Ticks
    services: FakeServices
    watches: Watches
    sockets: Sockets
    server: WebServer
    metrics: Metrics

    async def measure(self, name: str) -> float:
        """The sum of a metric over its labels."""
        return sum(value for _, value in measured((await self.metrics.text()).decode(), f"hummingbus_{name}"))

    async def reaches(self, name: str, value: float) -> None:
        """Returns when a metric has this sum."""
        async with asyncio.timeout(DEADLINE):
            while True:
                if await self.measure(name) == value:
                    return
                await asyncio.sleep(0.02)


@asynccontextmanager
async def served(
    terms: Terms | None = None,
    *,
    most: int = 50,
    rate: int = 1000,
    failures: int = 3,
    identity: Identity | None = None,
    answers: Sequence[tuple[str, Any]] = (),
    streams: Sequence[Stream] = (),
) -> AsyncIterator[Served]:
    """Serves /ws/ticks, /ws/executors, /graphql and other addresses on a free port."""
    services, metrics, watches, ticks = FakeServices(), Metrics(), Watches(Turns()), Ticks()
    services.answers.update(answers)
    requests = Requests(services)
    gateway = Gateway(
        services=requests,
        authenticator=Authenticator(USERNAME, PlainPassword()),
        health=Health(services, ("trading",), "sandbox", lambda: None),
        repeats=Repeats(MemoryBucket(), b"k" * 32),
        limits=RateLimits(rate, 1000),
        logins=Logins(failures, 900),
        graph=Graph(requests, PageFeeds(requests, watches)),
        bounds=Bounds(),
    )
    sockets = Sockets(gateway, SocketTraffic(metrics), terms, most=most)
    own: tuple[Stream, ...] = (ticks, ExecutorsStream(ExecutorFeeds(requests, watches)))
    routes = [sockets.route(stream) for stream in (*own, *streams)]
    routes.append(sockets.graph_route())
    app = application(gateway, Cors(allow_origin_regex=LOCAL), Tracing("gateway-api"), sockets=routes)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = WebServer(app, Listening("127.0.0.1", port, identity=identity), sockets.stop)
    await server.start()
    scheme = "ws" if identity is None else "wss"
    try:
        yield Served(f"{scheme}://localhost:{port}", ticks, services, watches, sockets, server, metrics)
    finally:
        await server.stop()


class Client:
    """A real client of one socket."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket

    async def send(self, **frame: Any) -> None:
        await self.socket.send_json(frame)

    async def receive(self) -> dict[str, Any]:
        """The next frame; AssertionError when there is none."""
        async with asyncio.timeout(DEADLINE):
            message = await self.socket.receive()
        assert message.type is aiohttp.WSMsgType.TEXT, message
        frame: dict[str, Any] = json.loads(message.data)
        return frame

    async def ask(self, **frame: Any) -> dict[str, Any]:
        await self.send(**frame)
        return await self.receive()

    async def until(self, kind: str) -> dict[str, Any]:
        """The next frame of a type."""
        while (frame := await self.receive())["type"] != kind:
            pass
        return frame

    async def closed(self) -> int | None:
        """The code with which the server closed."""
        async with asyncio.timeout(DEADLINE):
            message = await self.socket.receive()
        assert message.type in {aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.CLOSING}, message
        return self.socket.close_code


@asynccontextmanager
async def connected(
    url: str,
    *,
    headers: dict[str, str] | None = BASIC,
    protocols: Sequence[str] = (),
    trust: ssl.SSLContext | None = None,
    greet: bool = True,
) -> AsyncIterator[Client]:
    """A client that is let in, or with `greet=False` whatever comes."""
    options: dict[str, Any] = {} if trust is None else {"ssl": trust}
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(url, headers=headers, protocols=protocols, max_msg_size=0, **options) as opened,
    ):
        client = Client(opened)
        if greet:
            assert (await client.receive())["type"] == "connected"
        yield client
