"""Which programs make up the stack, with what settings, on which ports, in which order."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from hummingbus.embedded.nats import NatsServer
from hummingbus.embedded.nats_permissions import CONTEXTS, MARKET_DATA, nats_users
from hummingbus.embedded.ports import LOOPBACK
from hummingbus.embedded.postgres import PostgresCluster
from hummingbus.embedded.process import Program, unprivileged_user
from hummingbus.home import Home
from hummingbus.secrets import InstallationSecrets
from hummingbus.settings import DEFAULT_PORT, GATEWAY, StackSettings
from hummingbus.stack.environment_file import rendered
from hummingbus.stack.provisioning import DATABASE, provision
from hummingbus.stack.readiness import http_check

CHILD_ENVIRONMENT = {
    "PYTHONUNBUFFERED": "1",
    # Fewer malloc arenas: a third less memory for an idle service, at no cost we could measure.
    "MALLOC_ARENA_MAX": "2",
}

GATEWAY_STOP = 150.0
"""Seconds: it ends by itself, but may be set to let requests run for two minutes."""


def wanted_ports(settings: StackSettings) -> dict[str, int]:
    """The port each part would like, all below those the system gives to outgoing connections. External servers need none."""
    ports = {"gateway-api": settings.port or DEFAULT_PORT}
    if settings.nats_url is None:
        ports["nats"] = 4222
        if settings.mqtt_url is None:
            ports["mqtt"] = 1883
    if settings.database_url is None:
        ports["postgres"] = 5432
    if settings.venue == "sandbox":
        ports["sandbox-exchange"] = 8090
    services = (*CONTEXTS, GATEWAY, *trading_replicas(settings)[1:], *market_data_replicas(settings))
    return ports | {f"{service}-health": 8101 + number for number, service in enumerate(services)}


def trading_replicas(settings: StackSettings) -> list[str]:
    """The names of the trading processes: `trading`, `trading-2` and so on."""
    return _numbered("trading", settings.trading_replicas)


def market_data_replicas(settings: StackSettings) -> list[str]:
    """The names of the processes of market data: `market-data`, `market-data-2` and so on."""
    return _numbered(MARKET_DATA, settings.market_data_replicas)


def _numbered(service: str, count: int) -> list[str]:
    return [service, *(f"{service}-{number}" for number in range(2, count + 1))]


@dataclass(frozen=True, slots=True)
class Layout:
    """The stack of one installation. Building it has no effect; `write_environment_files` writes the services' settings."""

    home: Home
    settings: StackSettings
    secrets: InstallationSecrets
    ports: Mapping[str, int]

    @property
    def url(self) -> str:
        """Where the gateway answers."""
        return f"{self.settings.scheme}://{LOOPBACK}:{self.ports[GATEWAY]}"

    def groups(self) -> list[list[Program]]:
        """All programs, in the order they start: the members of a group together, each group when the one before is ready."""
        outside = [self._service("sandbox-exchange", self.ports["sandbox-exchange"], "/health")] if self._sandbox else []
        infrastructure = [*self.database(), *self._nats(), *outside]
        contexts = [
            self._service(service, self.ports[f"{name}-health"], name=name)
            for service, names in (("accounts", ["accounts"]), *self._replicas.items())
            for name in names
        ]
        return [infrastructure, contexts, [self._service(GATEWAY, self.ports["gateway-api-health"], stop_seconds=GATEWAY_STOP)]]

    def environments(self) -> dict[str, dict[str, str]]:
        """The settings of each service; what the operator set wins over what is computed here."""
        computed = {
            "accounts": self._accounts(),
            **{name: self._trading(name) for name in self._replicas["trading"]},
            **{name: self._market_data(name) for name in self._replicas[MARKET_DATA]},
            "gateway-api": self._gateway(),
        } | ({"sandbox-exchange": self._exchange()} if self._sandbox else {})
        operators = self.settings.services | {
            name: self.settings.services.get(service, {}) for service, names in self._replicas.items() for name in names
        }
        return {process: values | operators.get(process, {}) for process, values in computed.items()}

    def write_environment_files(self) -> None:
        """Write each service's settings where only we may read them."""
        for service, values in self.environments().items():
            self.home.write_private(self.home.environment_file(service), rendered(values))

    @property
    def _sandbox(self) -> bool:
        return self.settings.venue == "sandbox"

    @property
    def _replicas(self) -> dict[str, list[str]]:
        """The processes of the services that may have several, by service."""
        return {MARKET_DATA: market_data_replicas(self.settings), "trading": trading_replicas(self.settings)}

    def _service(
        self, service: str, health_port: int, path: str = "/health/ready", stop_seconds: float = 15, name: str | None = None
    ) -> Program:
        """A process of a service; `name` where there are several of it."""
        name = name or service
        package = service.replace("-", "_")
        return Program(
            name=name,
            argv=(sys.executable, "-P", "-m", package),
            check=http_check(health_port, path),
            environment=CHILD_ENVIRONMENT | {"HUMMINGBUS_ENV_FILE": str(self.home.environment_file(name))},
            directory=self.home.path,
            port=self.ports.get(name, health_port),
            version=_version(service),
            stop_seconds=stop_seconds,
            background=service == MARKET_DATA,
        )

    def database(self) -> list[Program]:
        """Postgres, unless the operator named a server."""
        if self.settings.database_url is not None:
            return []
        user = unprivileged_user()
        cluster = PostgresCluster(self.home.postgres(user), self.ports["postgres"], self.secrets["postgres_superuser"], user)
        passwords = {context: self.secrets[f"postgres_{context}"] for context in CONTEXTS}
        return [cluster.program(provision=lambda: provision(cluster, passwords))]

    def _nats(self) -> list[Program]:
        if self.settings.nats_url is not None:
            return []
        users = nats_users(self.secrets.nats_hashes())
        return [NatsServer(self.home.nats, self.ports["nats"], self.ports.get("mqtt"), users).program()]

    def _common(self, service: str, process: str | None = None) -> dict[str, str]:
        process = process or service
        prefix = service.replace("-", "_").upper()
        values = {
            f"{prefix}_HEALTH_PORT": str(self.ports[f"{process}-health"]),
            f"{prefix}_LOG_LEVEL": self.settings.log_level,
            f"{prefix}_REPLICA": process if process != service else f"{service}-1",
            f"{prefix}_NATS_URL": self.nats_url(service),
            "HUMMINGBUS_VENUE": self.settings.venue,
        }
        if self.settings.otlp_endpoint:
            values[f"{prefix}_OTLP_ENDPOINT"] = self.settings.otlp_endpoint
        if service in CONTEXTS:
            values[f"{prefix}_DATABASE_URL"] = self._database_url(service)
        return values

    def nats_url(self, login: str) -> str:
        """The bus for one login, password included."""
        if self.settings.nats_url is not None:
            return self.settings.nats_url
        return f"nats://{login}:{self.secrets[f'nats_{login}']}@{LOOPBACK}:{self.ports['nats']}"

    def _database_url(self, service: str) -> str:
        if self.settings.database_url is not None:
            return self.settings.database_url
        return f"postgresql://{service}:{self.secrets[f'postgres_{service}']}@{LOOPBACK}:{self.ports['postgres']}/{DATABASE}"

    def _accounts(self) -> dict[str, str]:
        secret = {
            "ACCOUNTS_CONFIG_PASSWORD": self.secrets.config_password(self.settings),
            "ACCOUNTS_TRANSPORT_KEY": self.secrets["transport_key"],
        }
        if (following := self.secrets.config_password_next(self.settings)) is not None:
            secret["ACCOUNTS_CONFIG_PASSWORD_NEXT"] = following
        return self._common("accounts") | secret

    def _trading(self, process: str) -> dict[str, str]:
        values = self._common("trading", process) | {"TRADING_TRANSPORT_KEY": self.secrets["transport_key"]}
        if self._sandbox:
            values["TRADING_SANDBOX_URL"] = f"http://{LOOPBACK}:{self.ports['sandbox-exchange']}"
        return values

    def _market_data(self, process: str) -> dict[str, str]:
        values = self._common(MARKET_DATA, process) | {"MARKET_DATA_CANDLE_DIR": str(self.home.candles)}
        if self._sandbox:
            values["MARKET_DATA_SANDBOX_URL"] = f"http://{LOOPBACK}:{self.ports['sandbox-exchange']}"
        return values

    def _gateway(self) -> dict[str, str]:
        return self._common("gateway-api") | {
            "GATEWAY_API_HOST": LOOPBACK,
            "GATEWAY_API_PORT": str(self.ports["gateway-api"]),
            "GATEWAY_API_USERNAME": self.settings.username,
            "GATEWAY_API_PASSWORD_HASH": self.secrets.password_hash(self.settings),
            "GATEWAY_API_ANSWER_KEY": self.secrets["gateway_answer_key"],
        }

    def _exchange(self) -> dict[str, str]:
        return {
            "SANDBOX_EXCHANGE_PORT": str(self.ports["sandbox-exchange"]),
            "SANDBOX_EXCHANGE_DATA_DIR": str(self.home.sandbox),
            "SANDBOX_EXCHANGE_ADMIN_TOKEN": self.secrets["sandbox_admin_token"],
            "SANDBOX_EXCHANGE_LOG_LEVEL": self.settings.log_level,
        }


def _version(service: str) -> str:
    try:
        return version(service)
    except PackageNotFoundError:
        return ""
