"""Building the engine's connector objects from credential fields, and logging in with them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, get_args, get_origin

from contracts.accounts import CredentialFieldInvalid, CredentialRefused
from contracts.rejections import Unavailable
from engine_kit.answer import read
from engine_kit.asking import asked
from engine_kit.public import connector_class, imported
from pydantic import SecretStr, ValidationError

OWN_NAME = "connector"
"""The field of every config map that only repeats the connector's name."""


def validated(setting: Any, fields: Mapping[str, str]) -> Any:
    """The connector's config map filled with `fields`. CredentialFieldInvalid names the field; it never shows a value."""
    model = type(setting.config_keys)
    known = {name: info for name, info in model.model_fields.items() if name != OWN_NAME}
    for name in fields:
        if name not in known:
            msg = f"Field '{name}' is not a field of '{setting.name}'; it has: {', '.join(known)}"
            raise CredentialFieldInvalid(msg, field=name)
    for name, info in known.items():
        if info.is_required() and not str(fields.get(name, "")).strip():
            raise CredentialFieldInvalid(f"Field '{name}' of '{setting.name}' is required", field=name)
    values = {name: _parsed(known[name].annotation, value) for name, value in fields.items()}
    try:
        return model.model_validate({OWN_NAME: setting.name, **values})
    except ValidationError as refused:
        error = refused.errors(include_input=False, include_url=False)[0]
        name = str(error["loc"][0]) if error["loc"] else next(iter(known))
        allowed = allowed_values(known[name].annotation) if name in known else None
        reason = f"must be one of {', '.join(allowed)}" if allowed else "is not valid"
        raise CredentialFieldInvalid(f"Field '{name}' of '{setting.name}' {reason}", field=name) from None


def allowed_values(annotation: Any) -> tuple[str, ...] | None:
    """The values of a Literal annotation, else None."""
    if getattr(annotation, "__name__", None) == "Literal" or str(get_origin(annotation)) == "typing.Literal":
        return tuple(str(value) for value in get_args(annotation))
    return None


def _parsed(annotation: Any, value: str) -> Any:
    """Structured fields (lists, maps, unions of models) arrive as JSON text."""
    if annotation in (str, int, bool, SecretStr) or allowed_values(annotation) is not None:
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


def build(setting: Any, fields: Mapping[str, str], trading_pairs: Sequence[str] = ()) -> Any:
    """A connector that may trade with these fields; nothing is connected. Raises CredentialFieldInvalid.

    A value the connector cannot even load (a private key that is none) is the credential's fault, not ours.
    """
    config = validated(setting, fields)
    keys = {name: _plain(getattr(config, name)) for name in type(config).model_fields if name != OWN_NAME}
    parameters = setting._replace(config_keys=config).conn_init_parameters(
        trading_pairs=list(trading_pairs),
        trading_required=True,
        api_keys=keys,
        balance_asset_limit={},
        rate_limits_share_pct=Decimal(100),
    )
    try:
        return connector_class(setting)(**parameters)
    except (ValueError, LookupError, ArithmeticError) as refused:
        msg = f"The fields of '{setting.name}' do not make a usable key ({type(refused).__name__})"
        raise CredentialFieldInvalid(msg, field=next(iter(keys), None)) from None


def _plain(value: Any) -> Any:
    return value.get_secret_value() if isinstance(value, SecretStr) else value


async def made(setting: Any, fields: Mapping[str, str]) -> Any:
    """`build`, with the connector's code imported off the loop. Unavailable when a library is missing."""
    await imported(setting)
    return build(setting, fields)


async def logged_in(connector: Any) -> None:
    """One authenticated call. CredentialRefused with the exchange's reason, or Unavailable when it gave none."""
    await connector._update_time_synchronizer(pass_on_non_cancelled_error=True)
    try:
        await asked(connector._update_balances())
    except Unavailable as unanswered:
        answer = read(unanswered.__cause__ or unanswered)
        if answer.turned_away and answer.status not in (418, 429):
            raise CredentialRefused(answer.reason) from None
        raise
