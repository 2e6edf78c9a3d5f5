"""`python -m gateway_api`."""

from __future__ import annotations

import sys

from service_kit.certificates import CertificateUnusable
from service_kit.service import run

from gateway_api.app import build
from gateway_api.settings import Settings

if __name__ == "__main__":
    try:
        service = build(Settings())
    except CertificateUnusable as error:
        sys.exit(str(error))
    run(service)
