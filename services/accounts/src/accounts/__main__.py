"""Run the service."""

from __future__ import annotations

from service_kit.service import run

from accounts.app import build
from accounts.settings import Settings

if __name__ == "__main__":
    run(build(Settings()))
