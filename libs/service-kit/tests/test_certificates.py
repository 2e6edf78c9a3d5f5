"""Certificates as operators have them, and every way in which they cannot be used."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import PrivateFormat
from service_kit.certificates import CertificateUnusable, IdentityFiles

from tests.certificates import DAY, NOW, Key, certificate, new_key, private


@pytest.fixture
def files(tmp_path: Path) -> IdentityFiles:
    key = ec.generate_private_key(ec.SECP256R1())
    (tmp_path / "cert.pem").write_bytes(certificate(key))
    (tmp_path / "key.pem").write_bytes(private(key))
    return IdentityFiles("X_", tmp_path / "cert.pem", tmp_path / "key.pem")


@pytest.mark.parametrize(
    "key",
    [
        ec.generate_private_key(ec.SECP256R1()),
        ec.generate_private_key(ec.SECP384R1()),
        rsa.generate_private_key(65537, 2048),
        ed25519.Ed25519PrivateKey.generate(),
    ],
    ids=lambda key: type(key).__name__,
)
@pytest.mark.parametrize("password", [None, "opens it"])
def test_keys_in_use_are_read(tmp_path: Path, key: Key, password: str | None) -> None:
    (tmp_path / "cert.pem").write_bytes(certificate(key))
    (tmp_path / "key.pem").write_bytes(private(key, password))
    identity = IdentityFiles("X_", tmp_path / "cert.pem", tmp_path / "key.pem", password).read()
    assert identity.names == ("localhost", "127.0.0.1")
    assert identity.expires == NOW + 90 * DAY
    assert b"BEGIN PRIVATE KEY" in identity.key
    assert "BEGIN" not in repr(identity).replace(repr(identity.chain), "")


def test_a_traditional_key_and_a_chain_are_read(files: IdentityFiles) -> None:
    key, authority = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    files.key.write_bytes(private(key, form=PrivateFormat.TraditionalOpenSSL))
    files.certificate.write_bytes(b"# the server's own\n" + certificate(key) + certificate(authority))
    assert files.read().chain.count(b"BEGIN CERTIFICATE") == 2


def damaged(files: IdentityFiles, how: str) -> IdentityFiles:
    key = new_key()
    contents = {
        "torn certificate": (files.certificate.read_bytes()[:200], None),
        "torn key": (None, files.key.read_bytes()[:60]),
        "another key": (None, private(key)),
        "weak key": (None, private(rsa.generate_private_key(65537, 1024))),  # noqa: S505
        "odd curve": (None, private(ec.generate_private_key(ec.SECP521R1()))),
        "encrypted key": (None, private(key, "pw")),
        "wrong password": (None, private(key, "pw")),
        "expired": (certificate(key, NOW - 2 * DAY, NOW - DAY), private(key)),
        "not yet valid": (certificate(key, NOW + DAY, NOW + 2 * DAY), private(key)),
    }
    for path, content in zip((files.certificate, files.key), contents.get(how, (None, None)), strict=True):
        if content is not None:
            path.write_bytes(content)
    if how == "no certificate":
        files.certificate.unlink()
    if how == "no key":
        files.key.unlink()
    return dataclasses.replace(files, password="not pw") if how.endswith("password") else files


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ("no certificate", r"X_TLS_CERT: .*cert\.pem cannot be read: No such file"),
        ("no key", r"X_TLS_KEY: .*key\.pem cannot be read: No such file"),
        ("torn certificate", r"X_TLS_CERT: .*cert\.pem holds no certificate in PEM"),
        ("torn key", r"X_TLS_KEY: .*key\.pem holds no private key in PEM"),
        ("another key", r"X_TLS_KEY: .*key\.pem is not the key of the certificate in .*cert\.pem"),
        ("weak key", r"X_TLS_KEY: .* must be RSA of 2048 bits or more"),
        ("odd curve", r"X_TLS_KEY: .* must be .*ECDSA P-256 or P-384"),
        ("encrypted key", r"X_TLS_KEY_PASSWORD: .*key\.pem is encrypted"),
        ("wrong password", r"X_TLS_KEY_PASSWORD: it does not open .*key\.pem"),
        ("needless password", r"X_TLS_KEY_PASSWORD: .*key\.pem is not encrypted"),
        ("expired", r"X_TLS_CERT: .*cert\.pem has expired on"),
        ("not yet valid", r"X_TLS_CERT: .*cert\.pem is not valid before"),
    ],
)
def test_what_cannot_be_used_is_named(files: IdentityFiles, how: str, told: str) -> None:
    with pytest.raises(CertificateUnusable, match=told):
        damaged(files, how).read()
