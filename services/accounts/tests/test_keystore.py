"""The keystore files are read by the real engine."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from accounts.adapters.keystore import Keystore
from pydantic import SecretStr

PASSWORD = "pass wörd"


def test_the_engine_decrypts_what_we_write() -> None:
    crypt = pytest.importorskip("hummingbot.client.config.config_crypt")
    engine = crypt.ETHKeyFileSecretManger(PASSWORD)
    keystore = Keystore(SecretStr(PASSWORD), iterations=1000)
    assert engine.decrypt_secret_value("x", keystore.encrypted(SecretStr("sécret"))) == "sécret"
    assert engine.decrypt_secret_value("x", keystore.password_verification()) == crypt.PASSWORD_VERIFICATION_WORD
    with pytest.raises(ValueError, match="MAC mismatch"):
        crypt.ETHKeyFileSecretManger("other").decrypt_secret_value("x", keystore.encrypted(SecretStr("s")))


def test_the_engine_reads_a_connector_file(tmp_path: Path) -> None:
    helpers = pytest.importorskip("hummingbot.client.config.config_helpers")
    crypt = pytest.importorskip("hummingbot.client.config.config_crypt")
    fields = {
        "hyperliquid_address": SecretStr("0xabc"),
        "hyperliquid_secret_key": SecretStr("key: 'quoted'"),
        "use_vault": SecretStr("true"),
    }
    file = tmp_path / "hyperliquid.yml"
    secrets = {"hyperliquid_address", "hyperliquid_secret_key"}
    file.write_text(Keystore(SecretStr(PASSWORD), iterations=1000).connector_file("hyperliquid", fields, secrets))
    assert yaml.safe_load(file.read_text())["connector"] == "hyperliquid"
    from hummingbot.client.config.security import Security

    Security.secrets_manager = crypt.ETHKeyFileSecretManger(PASSWORD)
    config = helpers.load_connector_config_map_from_file(file)
    assert config.hyperliquid_secret_key.get_secret_value() == "key: 'quoted'"
    assert config.use_vault is True
    assert "quoted" not in file.read_text()


def test_the_default_strength_is_the_engine_s() -> None:
    document = yaml.safe_load(bytes.fromhex(Keystore(SecretStr("x")).encrypted(SecretStr("y"))).decode())
    assert document["crypto"]["kdfparams"]["c"] == 1_000_000
