"""A credential's fields, checked against the connector's config map before anything is sent to an exchange."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from contracts.accounts import CredentialFieldInvalid

REDACTED = "**********"
SHORTEST_REDACTED = 4
"""Shorter values are no secrets (`true`, an index), and would be found in the middle of ordinary words."""
TRUE_OR_FALSE = frozenset({"true", "false", "yes", "no", "1", "0"})


@dataclass(frozen=True, slots=True)
class FieldRule:
    """One field of a config map: `type` is the engine's annotation name (`SecretStr`, `str`, `int`, `bool`...)."""

    type: str
    required: bool
    allowed_values: tuple[str, ...] = ()


def checked_fields(connector: str, values: Mapping[str, str], config_map: Mapping[str, FieldRule]) -> dict[str, str]:
    """The fields to store: surrounding white space removed, empty optional fields left out.

    Raises CredentialFieldInvalid naming the field and the rule, never the value.
    """
    for name in values:
        if name not in config_map:
            known = ", ".join(config_map) or "none"
            raise CredentialFieldInvalid(f"{connector} has no field {name!r}; its fields are: {known}.", field=name)
    checked: dict[str, str] = {}
    for name, rule in config_map.items():
        value = values.get(name, "").strip()
        if value:
            _check_value(connector, name, value, rule)
            checked[name] = value
        elif rule.required:
            fault = "is empty" if name in values else "is missing"
            raise CredentialFieldInvalid(f"Field {name!r} of {connector} is required and {fault}.", field=name)
    return checked


def redacted(text: str, secrets: Iterable[str]) -> str:
    """`text` without the secrets, for what an exchange says about them."""
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= SHORTEST_REDACTED:
            text = text.replace(secret, REDACTED)
    return text


def _check_value(connector: str, name: str, value: str, rule: FieldRule) -> None:
    subject = f"Field {name!r} of {connector}"
    if rule.allowed_values and value not in rule.allowed_values:
        raise CredentialFieldInvalid(f"{subject} must be one of: {', '.join(rule.allowed_values)}.", field=name)
    if rule.type == "int" and not value.removeprefix("-").isdecimal():
        raise CredentialFieldInvalid(f"{subject} must be a whole number.", field=name)
    if rule.type == "bool" and value.lower() not in TRUE_OR_FALSE:
        raise CredentialFieldInvalid(f"{subject} must be true or false.", field=name)
