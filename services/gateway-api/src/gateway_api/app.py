"""Composition of the gateway: the only module that knows all the others."""

from __future__ import annotations

from typing import Any

from contracts import naming
from contracts.message import Metadata
from service_kit.buckets import Bucket
from service_kit.copies import Copies
from service_kit.service import Service

from gateway_api.adapters.passwords import Argon2Password
from gateway_api.adapters.web_server import Listening, WebServer
from gateway_api.graphql.schema import Graph
from gateway_api.handlers.authentication import Authenticator
from gateway_api.handlers.executor_feeds import ExecutorFeeds
from gateway_api.handlers.health import Health
from gateway_api.handlers.limits import Logins, RateLimits
from gateway_api.handlers.live_answers import LiveAnswers
from gateway_api.handlers.live_feeds import LiveFeeds
from gateway_api.handlers.page_feeds import PageFeeds
from gateway_api.handlers.repeats import Repeats
from gateway_api.handlers.requests import Requests
from gateway_api.handlers.turns import Turns
from gateway_api.handlers.watches import Watches
from gateway_api.rest import application
from gateway_api.rest.clients import Clients
from gateway_api.rest.connection import Terms
from gateway_api.rest.executors_socket import ExecutorsStream
from gateway_api.rest.market_socket import MarketStream
from gateway_api.rest.services import Gateway
from gateway_api.rest.socket_traffic import SocketTraffic
from gateway_api.rest.sockets import CLOSING, Sockets
from gateway_api.rest.traffic import Traffic
from gateway_api.settings import Settings

ANSWERS_KEPT = 24 * 3600.0
"""Seconds for which a request with an Idempotency-Key can be repeated."""


def build(settings: Settings) -> Service:
    """The gateway as a service of the bus that also serves HTTP; nothing is connected yet. Raises CertificateUnusable."""
    service = Service("gateway-api", settings)

    def trouble() -> str | None:
        if not service.bus.connected:
            return "NATS cannot be reached"
        return server.trouble()

    copies = Copies(service.bus, settings.services)
    service.on_start(copies.start)
    service.on_stop(copies.stop)
    live = _live_feeds(service, turns := Turns())
    requests = Requests(service.bus, copies, LiveAnswers(live))
    watches = Watches(turns)
    gateway = Gateway(
        services=requests,
        authenticator=Authenticator(
            settings.username,
            Argon2Password(settings.password_hash.get_secret_value()),
            ttl=settings.authentication_ttl,
        ),
        repeats=Repeats(Bucket(service.bus, naming.ANSWER_BUCKET, ttl=ANSWERS_KEPT), settings.digest_key()),
        limits=RateLimits(settings.rate_limit, settings.rate_window),
        logins=Logins(settings.login_failures, settings.login_lockout),
        graph=Graph(requests, PageFeeds(requests, watches)),
        bounds=settings.bounds,
        health=Health(service.bus, settings.services, settings.venue, trouble),
    )
    clients, traffic = Clients(settings.trusted_proxies), Traffic(service.metrics)
    sockets = Sockets(gateway, SocketTraffic(service.metrics), _terms(settings), most=settings.max_sockets)
    copies.on_drop("trading", watches.changed)
    executors, market = ExecutorsStream(ExecutorFeeds(requests, watches)), MarketStream(live)
    streams = (sockets.route(executors), sockets.route(market), sockets.graph_route())
    served = application.application(gateway, _cors(settings), service.tracing, traffic, clients, streams)
    server = WebServer(served, _listening(settings), sockets.stop)
    service.readiness("web server", server.trouble)
    service.on_start(server.start)
    service.on_stop(server.stop, seconds=settings.drain_delay + CLOSING + settings.drain_timeout + 1)
    return service


def _live_feeds(service: Service, turns: Turns) -> LiveFeeds:
    asked, count = Requests(service.bus), service.metrics.gauge("live_feeds", "Feeds of market data that are followed")
    feeds = LiveFeeds(
        service.bus, lambda query, timeout: asked.query(query, Metadata(actor=service.name), timeout=timeout), turns
    )

    async def measure() -> None:
        count.set(feeds.count())

    service.metrics.on_scrape(measure)
    service.on_stop(feeds.stop)
    return feeds


def openapi() -> dict[str, Any]:
    """The OpenAPI document of the gateway."""
    return application.openapi()


def _listening(settings: Settings) -> Listening:
    return Listening(
        host=settings.host,
        port=settings.port,
        identity=settings.identity(),
        head_timeout=settings.head_timeout,
        answer_timeout=settings.answer_timeout,
        connections=settings.max_connections,
        drain_delay=settings.drain_delay,
        drain_timeout=settings.drain_timeout,
    )


def _terms(settings: Settings) -> Terms:
    return Terms(heartbeat=settings.heartbeat, subscriptions=settings.max_subscriptions, patience=settings.answer_timeout)


def _cors(settings: Settings) -> application.Cors:
    return application.Cors(
        allow_origins=settings.cors_allow_origins,
        allow_origin_regex=settings.cors_allow_origin_regex,
        allow_credentials=settings.cors_allow_credentials,
        allow_methods=settings.cors_allow_methods,
        allow_headers=settings.cors_allow_headers,
    )
