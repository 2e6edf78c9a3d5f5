"""The certificate and key a server shows its clients: read, checked, and brought into one form."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from contracts.message import utc_now
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

SMALLEST_RSA = 2048
CURVES = (ec.SECP256R1, ec.SECP384R1)
"""What the TLS library of the web server takes."""


class CertificateUnusable(Exception):
    """A certificate or key that no server can be started with; the text names the setting and the reason."""


@dataclass(frozen=True, slots=True)
class Identity:
    """A certificate with its chain and its key, as PEM texts that any TLS library reads. `names` are the hosts it is for."""

    chain: bytes
    key: bytes = field(repr=False)
    names: tuple[str, ...]
    expires: datetime

    def __str__(self) -> str:
        return f"for {', '.join(self.names) or 'no name'}, until {self.expires:%Y-%m-%d %H:%M} UTC"


@dataclass(frozen=True, slots=True)
class IdentityFiles:
    """Where the operator keeps them; `prefix` is that of the settings `TLS_CERT`, `TLS_KEY` and `TLS_KEY_PASSWORD`."""

    prefix: str
    certificate: Path
    key: Path
    password: str | None = field(default=None, repr=False)

    def read(self, now: datetime | None = None) -> Identity:
        """The identity in these files. Raises CertificateUnusable: unreadable, expired, not yet valid, of another key."""
        chain = self._chain()
        key = self._key()
        own = chain[0]
        if _public(own.public_key()) != _public(key.public_key()):
            raise self._unusable("KEY", f"{self.key} is not the key of the certificate in {self.certificate}")
        present = now or utc_now()
        if own.not_valid_after_utc <= present:
            raise self._unusable("CERT", f"{self.certificate} has expired on {own.not_valid_after_utc:%Y-%m-%d %H:%M} UTC")
        if own.not_valid_before_utc > present:
            raise self._unusable(
                "CERT", f"{self.certificate} is not valid before {own.not_valid_before_utc:%Y-%m-%d %H:%M} UTC"
            )
        self._try()
        return Identity(
            chain=b"".join(each.public_bytes(Encoding.PEM) for each in chain),
            key=key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
            names=_names(own),
            expires=own.not_valid_after_utc,
        )

    def _chain(self) -> Sequence[x509.Certificate]:
        content = self._content("CERT", self.certificate)
        try:
            return x509.load_pem_x509_certificates(content)
        except ValueError:
            raise self._unusable("CERT", f"{self.certificate} holds no certificate in PEM") from None

    def _key(self) -> rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey:
        content = self._content("KEY", self.key)
        try:
            key = load_pem_private_key(content, self.password.encode() if self.password else None)
        except TypeError:
            reason = (
                f"{self.key} is encrypted" if self.password is None else f"{self.key} is not encrypted: it needs no password"
            )
            raise self._unusable("KEY_PASSWORD", reason) from None
        except (ValueError, UnsupportedAlgorithm):
            if self.password is not None:
                raise self._unusable("KEY_PASSWORD", f"it does not open {self.key}, or that holds no private key") from None
            raise self._unusable("KEY", f"{self.key} holds no private key in PEM") from None
        match key:
            case rsa.RSAPrivateKey() if key.key_size >= SMALLEST_RSA:
                return key
            case ec.EllipticCurvePrivateKey() if isinstance(key.curve, CURVES):
                return key
            case ed25519.Ed25519PrivateKey():
                return key
        raise self._unusable("KEY", f"{self.key} must be RSA of {SMALLEST_RSA} bits or more, ECDSA P-256 or P-384, or Ed25519")

    def _content(self, setting: str, file: Path) -> bytes:
        try:
            return file.read_bytes()
        except OSError as error:
            raise self._unusable(setting, f"{file} cannot be read: {error.strerror}") from None

    def _try(self) -> None:
        """OpenSSL's own opinion: what it refuses, such as a weak signature, no client would accept either."""
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(self.certificate, self.key, self.password or "")
        except ssl.SSLError as error:
            raise self._unusable("CERT", f"{self.certificate} cannot be used: {error.reason or error}") from None

    def _unusable(self, setting: str, reason: str) -> CertificateUnusable:
        return CertificateUnusable(f"{self.prefix}TLS_{setting}: {reason}")


def _public(key: object) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)  # type: ignore[attr-defined,no-any-return]


def _names(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    return (*names.get_values_for_type(x509.DNSName), *map(str, names.get_values_for_type(x509.IPAddress)))
