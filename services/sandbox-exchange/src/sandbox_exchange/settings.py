"""Settings of the sandbox exchange, from the environment and from the env file named by HUMMINGBUS_ENV_FILE."""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """`port` 0 picks a free port. `replay_csv` is a comma list of `BASE-QUOTE=file.csv`; empty means none."""

    model_config = SettingsConfigDict(
        env_prefix="SANDBOX_EXCHANGE_", frozen=True, extra="ignore", env_file=os.environ.get("HUMMINGBUS_ENV_FILE")
    )

    host: str = "127.0.0.1"
    port: int = 0
    data_dir: Path
    admin_token: SecretStr
    seed: int = 20260101
    replay_csv: str = ""
    log_level: str = "INFO"
