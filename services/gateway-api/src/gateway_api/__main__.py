"""`python -m gateway_api`."""

from __future__ import annotations

from service_kit.service import run

from gateway_api.app import build
from gateway_api.settings import Settings

if __name__ == "__main__":
    run(build(Settings()))
