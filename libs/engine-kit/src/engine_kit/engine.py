"""The Hummingbot engine in this process: loaded once, in a thread, with nothing written to its installation.

Loading takes about five seconds of CPU, so `start` runs it off the event loop; until then `pending` says so. What the engine
would do behind our back is switched off: its logger builds the whole desktop application on the first network warning.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aiohttp
from contracts.rejections import Unavailable

from engine_kit import clock, permit, throttle
from engine_kit.venue import Venue

logger = logging.getLogger(__name__)

CONNECT_SECONDS = 10
CALL_SECONDS = 30
REPEAT_SECONDS = 60
DIRECTORIES = ("conf/connectors", "conf/strategies", "conf/scripts", "conf/controllers", "data", "logs", "certs", "scripts")


class Engine:
    """The loaded engine: its connector settings and transport.

    `directory` is a private place for the files the engine believes it owns; None makes a temporary one.
    """

    def __init__(self, venue: Venue, directory: Path | None = None) -> None:
        self.venue = venue
        self._directory = directory
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        self._settings: dict[str, Any] | None = None
        self._acting: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        """Load the engine. Repeats do nothing."""
        if self._settings is not None:
            return
        if self._directory is None:
            self._temporary = tempfile.TemporaryDirectory(prefix="hummingbus-engine-")
            self._directory = Path(self._temporary.name)
        started = time.monotonic()
        settings = await asyncio.to_thread(_load, self._directory)
        await self._open_transport()
        self._settings = settings
        took = time.monotonic() - started
        logger.info("engine loaded: %d connectors, venue %s, %.1f s", len(settings), self.venue.name, took)

    async def stop(self) -> None:
        """Close the engine's transport and remove the temporary directory."""
        if self._acting is not None:
            await self._acting.close()
            await _connections_factory().close()
        self._acting = None
        self._settings = None
        if self._temporary is not None:
            self._temporary.cleanup()
            self._temporary = None
            self._directory = None

    def pending(self) -> str | None:
        """None when loaded, else why not: for readiness."""
        return None if self._settings is not None else "the engine is loading"

    @property
    def settings(self) -> Mapping[str, Any]:
        """The engine's ConnectorSetting by connector name. Unavailable while loading."""
        if self._settings is None:
            msg = "the engine is loading"
            raise Unavailable(msg, retry_after=5)
        return self._settings

    async def _open_transport(self) -> None:
        """Our own client sessions in place of the engine's: no shared cookies, no ceiling that streams could use up."""
        rest = importlib.import_module("hummingbot.core.web_assistant.connections.rest_connection").RESTConnection
        stream = importlib.import_module("hummingbot.core.web_assistant.connections.ws_connection").WSConnection
        connector = aiohttp.TCPConnector(limit=0, limit_per_host=0)
        factory = _connections_factory()
        await factory.close()
        factory._shared_client = _client(connector)
        self._acting = _client(connector, owner=False, traces=[permit.checking()])
        # aiohttp repeats a DELETE whose connection broke, which may have been a cancel that was done.
        self._acting._retry_connection = False
        self.venue.install(rest, stream, self._acting)


def _client(
    connector: aiohttp.TCPConnector, *, owner: bool = True, traces: list[aiohttp.TraceConfig] | None = None
) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=connector,
        connector_owner=owner,
        timeout=aiohttp.ClientTimeout(total=CALL_SECONDS, connect=CONNECT_SECONDS),
        cookie_jar=aiohttp.DummyCookieJar(),
        trace_configs=traces,
    )


def _connections_factory() -> Any:
    return importlib.import_module("hummingbot.core.web_assistant.connections.connections_factory").ConnectionsFactory()


def _load(directory: Path) -> dict[str, Any]:
    factory, logger_class = logging.getLogRecordFactory(), logging.getLoggerClass()
    try:
        hummingbot = importlib.import_module("hummingbot")
        _settle(hummingbot, directory)
        _quieten(importlib.import_module("hummingbot.logger").HummingbotLogger)
        throttle.install(importlib.import_module("hummingbot.core.api_throttler.async_throttler").AsyncThrottler)
        clock.install(importlib.import_module("hummingbot.connector.time_synchronizer").TimeSynchronizer)
        settings = importlib.import_module("hummingbot.client.settings")
        found: dict[str, Any] = settings.AllConnectorSettings.get_connector_settings()
    finally:
        # The engine's record factory and logger class are process-wide: ours stay, its loggers are made with its class.
        logging.setLogRecordFactory(factory)
        logging.setLoggerClass(_logger_class(logger_class))
    return dict(found)


def _settle(hummingbot: Any, directory: Path) -> None:
    """Make the engine take `directory` for its root, before anything reads it."""
    package = Path(hummingbot.__file__).parent
    for name in DIRECTORIES:
        (directory / name).mkdir(parents=True, exist_ok=True)
    link = directory / "hummingbot"
    if not link.is_symlink():
        link.symlink_to(package)
    hummingbot.root_path = lambda: directory
    hummingbot.set_prefix_path(str(directory))
    hummingbot.set_data_path(str(directory / "data"))


def _logger_class(ours: type[logging.Logger]) -> type[logging.Logger]:
    engines = importlib.import_module("hummingbot.logger").HummingbotLogger
    if issubclass(ours, engines) or hasattr(ours, "knows_engine"):
        return ours

    class EngineAwareLogger(ours):  # type: ignore[valid-type, misc]
        """Makes the engine's own loggers with the engine's class."""

        knows_engine = True

        def __new__(cls, name: str) -> Any:
            made = object.__new__(engines if name.startswith("hummingbot.") else ours)
            made.__init__(name)
            return made

    return EngineAwareLogger


def _quieten(logger_class: Any) -> None:
    """Plain logging in place of the engine's: no application is built, and a repeated message is written once a minute."""
    last: dict[tuple[str, str], float] = {}

    def network(self: Any, log_msg: str, app_warning_msg: str | None = None, *args: Any, **kwargs: Any) -> None:
        self.log(logging.WARNING if app_warning_msg else logging.DEBUG, log_msg, *args, **kwargs)

    def notify(self: Any, msg: str) -> None:
        self.info(msg)

    def handle(self: Any, record: logging.LogRecord) -> None:
        key = (record.name, str(record.msg)[:120])
        now = time.monotonic()
        if record.levelno >= logging.WARNING and now - last.get(key, -REPEAT_SECONDS) < REPEAT_SECONDS:
            return
        if len(last) > 1000:
            last.clear()
        last[key] = now
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, OSError | TimeoutError | aiohttp.ClientError):
            record.msg, record.args, record.exc_info = f"{record.getMessage()} {error!r}", (), None
        logging.Logger.handle(self, record)

    logger_class.network, logger_class.notify, logger_class.handle = network, notify, handle
