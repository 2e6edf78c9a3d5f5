"""The installation under examination: what its files say, read once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from hummingbus.embedded.ports import read_ports
from hummingbus.embedded.postgres import PostgresCluster
from hummingbus.home import Home
from hummingbus.secrets import InstallationSecrets, SecretsUnusable, load_secrets
from hummingbus.settings import StackSettings
from hummingbus.stack.layout import Layout
from hummingbus.stack.provisioning import DATABASE
from hummingbus.stack.report import StackReport, read_report

OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class Installation:
    """Nothing here is created or changed. `supervisor` is the pid of the running one, `report` what it (or the last) told."""

    home: Home
    settings: StackSettings
    ports: dict[str, int]
    secrets: InstallationSecrets | None
    supervisor: int | None
    report: StackReport | None

    @staticmethod
    def read(settings: StackSettings) -> Installation:
        """The installation these settings name; secrets that cannot be opened are None."""
        home = Home(settings.home)
        try:
            secrets = load_secrets(home) if home.secrets.is_dir() else InstallationSecrets({})
        except (SecretsUnusable, OSError):
            secrets = None
        supervisor, report = home.supervisor(), read_report(home)
        return Installation(home, settings, read_ports(home.ports), secrets, supervisor, report)

    @property
    def postgres_data(self) -> Path:
        """Where the embedded Postgres keeps its data, whether or not it is there."""
        record = self.home.path / "postgres.location"
        return Path(record.read_text().strip()) if record.exists() else self.home.path / "postgres"

    def nats_url(self) -> str | None:
        """The bus with the operator's login; None when neither the settings nor a start of ours tell where it is."""
        if self.settings.nats_url is None and ("nats" not in self.ports or not self._started):
            return None
        secrets = self.secrets or InstallationSecrets({})
        return Layout(self.home, self.settings, secrets, self.ports).nats_url(OPERATOR)

    def database_url(self) -> str | None:
        """The database with its owner's login; None as for `nats_url`."""
        if self.settings.database_url is not None:
            return self.settings.database_url
        if "postgres" not in self.ports or not self._started or self.secrets is None:
            return None
        password = self.secrets["postgres_superuser"]
        return PostgresCluster(self.postgres_data, self.ports["postgres"], password, None).url(DATABASE)

    @property
    def _started(self) -> bool:
        return self.supervisor is not None and self.secrets is not None and bool(self.secrets.values)
