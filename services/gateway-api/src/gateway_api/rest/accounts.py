"""/accounts: accounts and their exchange credentials."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any

from contracts.accounts import AddCredential, CreateAccount, DeleteAccount, DeleteCredential, ListAccounts, ListCredentials
from fastapi import APIRouter, Body, Query
from pydantic import BeforeValidator, WithJsonSchema
from pydantic_core import PydanticCustomError
from starlette.responses import Response

from gateway_api.rest.answers import done, refusal, relayed, told
from gateway_api.rest.call import BASIC, AuthenticatedRoute, Bus, Commanding, Reading
from gateway_api.rest.documented import COMMON, UNKNOWN_ACCOUNT, commanded, refused
from gateway_api.rest.fields import AccountName, ConnectorName, Text
from gateway_api.views.accounts import Message

PROOF_TIMEOUT = 60.0
"""Seconds for adding a credential: the exchange is asked to accept it first."""

RELEASE_TIMEOUT = 45.0
"""Seconds for deletions: running sessions are stopped first."""

router = APIRouter(
    prefix="/accounts", tags=["Accounts"], route_class=AuthenticatedRoute, dependencies=[BASIC], responses=COMMON
)

AccountNameQuery = Annotated[Text, Query(description="Letters, digits, `_` and `-`, at most 64.", examples=["arbitrage"])]
Force = Annotated[bool, Query(description="Delete although orders are open; the orders stay open on the exchange.")]


MOST_PARTS = 100
"""Fields of a credential, and texts in one of them; no connector has as many."""


def _credential_value(value: Any) -> Any:
    if value is None or isinstance(value, str | int | bool | Decimal):
        return value
    if isinstance(value, list) and len(value) <= MOST_PARTS and all(isinstance(part, str) for part in value):
        return value
    message = "Input should be text, a number, a boolean, null or a list of at most {most} texts"
    raise PydanticCustomError("credential_value", message, {"most": MOST_PARTS})


CREDENTIAL_VALUE = {
    "anyOf": [
        *({"type": kind} for kind in ("string", "number", "boolean", "null")),
        {"type": "array", "items": {"type": "string"}, "maxItems": MOST_PARTS},
    ]
}

CredentialValues = Annotated[
    dict[str, Annotated[Any, BeforeValidator(_credential_value), WithJsonSchema(CREDENTIAL_VALUE)]],
    Body(
        max_length=MOST_PARTS,
        description="The fields that `/connectors/{connector_name}/config-map` lists.",
        examples=[{"binance_api_key": "...", "binance_api_secret": "..."}],
    ),
]


@router.get("/", response_model=list[str], summary="List accounts")
async def list_accounts(bus: Bus, metadata: Reading) -> Response:
    """The names of all accounts, `master_account` first."""
    return relayed(await bus.query(ListAccounts(), metadata))


@router.get(
    "/{account_name}/credentials",
    response_model=list[str],
    summary="List an account's credentials",
    responses={**refused(400, "Not an account name."), **UNKNOWN_ACCOUNT},
)
async def list_account_credentials(account_name: AccountName, bus: Bus, metadata: Reading) -> Response:
    """The connectors for which the account has a credential."""
    return relayed(await bus.query(ListCredentials(account=account_name), metadata))


@router.post(
    "/add-account",
    status_code=201,
    response_model=Message,
    summary="Create an account",
    responses={**commanded(), **refused(400, "The account exists, or the name is not an account name.")},
)
async def add_account(account_name: AccountNameQuery, bus: Bus, metadata: Commanding) -> Response:
    """Creates an account without credentials."""
    answer = await bus.command(CreateAccount(account=account_name), metadata)
    return told(answer, "Account added successfully.", 201)


@router.post(
    "/delete-account",
    response_model=Message,
    summary="Delete an account",
    responses={
        **commanded("Orders are open and `force` is not set."),
        **refused(400, "`master_account`, or not an account name."),
        **UNKNOWN_ACCOUNT,
    },
)
async def delete_account(account_name: AccountNameQuery, bus: Bus, metadata: Commanding, force: Force = False) -> Response:
    """Stops the account's sessions and deletes it with its credentials; its history stays."""
    answer = await bus.command(DeleteAccount(account=account_name, force=force), metadata, timeout=RELEASE_TIMEOUT)
    return told(answer, "Account deleted successfully.")


@router.post(
    "/delete-credential/{account_name}/{connector_name}",
    response_model=Message,
    summary="Delete a credential",
    responses={**commanded("Orders are open and `force` is not set."), **refused(400, "Not an account name.")},
)
async def delete_credential(
    account_name: AccountName, connector_name: ConnectorName, bus: Bus, metadata: Commanding, force: Force = False
) -> Response:
    """Stops the session and deletes the credential. Succeeds too when there was none, as the contract has it."""
    command = DeleteCredential(account=account_name, connector=connector_name, force=force)
    answer = await bus.command(command, metadata, timeout=RELEASE_TIMEOUT)
    deleted = "Credential deleted successfully."
    return done(deleted) if answer.status == 404 else told(answer, deleted)


@router.post(
    "/add-credential/{account_name}/{connector_name}",
    status_code=201,
    response_model=Message,
    summary="Add or replace a credential",
    responses={
        **commanded(),
        **refused(400, "Unknown account, connector or field, or the exchange refused the keys; nothing was stored."),
    },
)
async def add_credential(
    account_name: AccountName, connector_name: ConnectorName, values: CredentialValues, bus: Bus, metadata: Commanding
) -> Response:
    """Proves the credential against the exchange and stores it encrypted. Until then the old one keeps working."""
    command = AddCredential(account=account_name, connector=connector_name, values=values)
    answer = await bus.command(command, metadata, timeout=PROOF_TIMEOUT)
    if answer.status == 404:
        return refusal(answer, 400)
    return told(answer, "Connector credentials added successfully.", 201)
