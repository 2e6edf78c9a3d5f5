"""Check of the certificate the API shows its clients."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from contracts.message import utc_now
from service_kit.certificates import CertificateUnusable

from hummingbus.doctor.finding import Finding, failure, ok, warning
from hummingbus.doctor.installation import Installation
from hummingbus.stack.tls import read_identity

WARNED = timedelta(days=14)
RENEW = "renew it in place, then: hummingbus down && hummingbus up"


def expiry(installation: Installation, now: datetime | None = None) -> Iterator[Finding]:
    """The certificate can be used, and for long enough; nothing without TLS."""
    try:
        identity = read_identity(installation.settings)
    except CertificateUnusable as error:
        yield failure("certificate", str(error), RENEW)
        return
    if identity is None:
        return
    left = identity.expires - (now or utc_now())
    found = f"{identity} ({left.days} days)"
    yield warning("certificate", found, RENEW) if left < WARNED else ok("certificate", found)
