"""The certificate of the API, when the operator gave one."""

from __future__ import annotations

from pathlib import Path

from service_kit.certificates import CertificateUnusable, Identity, IdentityFiles

from hummingbus.settings import GATEWAY, TLS_CERT, TLS_KEY, StackSettings

PREFIX = "GATEWAY_API_"


def read_identity(settings: StackSettings) -> Identity | None:
    """What the gateway shows its clients; None without TLS. Raises CertificateUnusable, naming the setting."""
    given = settings.services.get(GATEWAY, {})
    certificate, key = given.get(TLS_CERT), given.get(TLS_KEY)
    if certificate is None and key is None:
        return None
    if certificate is None or key is None:
        missing, present = (TLS_CERT, TLS_KEY) if certificate is None else (TLS_KEY, TLS_CERT)
        msg = f"{missing} is needed beside {present}"
        raise CertificateUnusable(msg)
    return IdentityFiles(PREFIX, Path(certificate), Path(key), given.get(f"{PREFIX}TLS_KEY_PASSWORD")).read()
