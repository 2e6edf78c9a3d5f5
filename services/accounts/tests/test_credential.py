"""Credential fields against a config map."""

from __future__ import annotations

import pytest
from accounts.domain.credential import FieldRule, checked_fields, redacted
from contracts.accounts import CredentialFieldInvalid

CONFIG_MAP = {
    "api_key": FieldRule("SecretStr", required=True),
    "index": FieldRule("int", required=True),
    "mode": FieldRule("Literal", required=False, allowed_values=("www", "app")),
    "use_vault": FieldRule("bool", required=False),
}
GIVEN = {"api_key": "k-1234", "index": "3"}


def test_optional_fields_may_be_left_out_or_empty_and_edges_are_trimmed() -> None:
    checked = checked_fields("okx", {**GIVEN, "api_key": " k-1234\n", "mode": ""}, CONFIG_MAP)
    assert checked == GIVEN


@pytest.mark.parametrize(
    ("change", "field", "rule"),
    [
        ({"api_secret": "x"}, "api_secret", "has no field 'api_secret'; its fields are: api_key, index, mode, use_vault"),
        ({"api_key": "  "}, "api_key", "is required and is empty"),
        ({"index": "one"}, "index", "whole number"),
        ({"mode": "com"}, "mode", "must be one of: www, app"),
        ({"use_vault": "perhaps"}, "use_vault", "true or false"),
    ],
)
def test_a_wrong_field_is_named_with_the_rule_and_without_the_value(change: dict[str, str], field: str, rule: str) -> None:
    with pytest.raises(CredentialFieldInvalid, match=rule) as refused:
        checked_fields("okx", {**GIVEN, **change}, CONFIG_MAP)
    assert refused.value.field == field
    assert "k-1234" not in refused.value.detail


def test_a_missing_field_is_named() -> None:
    with pytest.raises(CredentialFieldInvalid, match="is missing") as refused:
        checked_fields("okx", {"index": "1"}, CONFIG_MAP)
    assert refused.value.field == "api_key"


def test_what_an_exchange_quotes_is_redacted() -> None:
    assert redacted("Invalid key k-12345, got k-1234", ["k-1234", "k-12345", "a"]) == "Invalid key **********, got **********"
