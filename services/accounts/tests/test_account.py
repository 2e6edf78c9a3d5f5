"""The aggregate `account`, given, when, then."""

from __future__ import annotations

import pytest
from accounts.domain.account import Account, StoreCredential, account_stream, decider
from contracts.accounts import (
    AccountCreated,
    AccountDeleted,
    AccountExists,
    AccountNameInvalid,
    AccountProtected,
    AccountUnknown,
    CreateAccount,
    CredentialAdded,
    CredentialDeleted,
    CredentialReplaced,
    DeleteAccount,
    DeleteCredential,
)
from contracts.rejections import Rejection
from eventlog.scenario import Scenario
from hypothesis import given
from hypothesis import strategies as st

NAME = "main-1"
CREATED = AccountCreated(account=NAME)
ADDED = CredentialAdded(account=NAME, connector="binance", credential_version=1)


def store(connector: str = "binance") -> StoreCredential:
    return StoreCredential(account=NAME, connector=connector)


def delete(connector: str = "binance") -> DeleteCredential:
    return DeleteCredential(account=NAME, connector=connector)


def scenario() -> Scenario:
    return Scenario(decider)


def test_an_account_is_created_once() -> None:
    created = scenario().when(CreateAccount(account=NAME)).then(CREATED)
    created.when(CreateAccount(account=NAME)).then_rejected(AccountExists, "account_name")


@pytest.mark.parametrize("name", ["", "a b", "a.b", "a*", "ä", "x" * 65, "a\n", "../x"])
def test_a_name_that_could_forge_a_subject_is_refused(name: str) -> None:
    scenario().when(CreateAccount(account=name)).then_rejected(AccountNameInvalid, "account_name")
    with pytest.raises(AccountNameInvalid):
        account_stream(name)


def test_a_credential_is_added_and_then_replaced_under_the_next_version() -> None:
    replaced = CredentialReplaced(account=NAME, connector="binance", credential_version=2)
    scenario().given(CREATED).when(store()).then(ADDED).when(store()).then(replaced)


def test_versions_are_never_used_twice_even_after_the_account_was_deleted() -> None:
    gone = scenario().given(CREATED, ADDED).when(DeleteAccount(account=NAME))
    again = gone.then(CredentialDeleted(account=NAME, connector="binance"), AccountDeleted(account=NAME))
    recreated = again.when(CreateAccount(account=NAME)).then(CREATED)
    recreated.when(store()).then(CredentialAdded(account=NAME, connector="binance", credential_version=2))


def test_deleting_a_credential_that_is_not_there_changes_nothing() -> None:
    deleted = scenario().given(CREATED, ADDED).when(delete()).then(CredentialDeleted(account=NAME, connector="binance"))
    deleted.when(delete()).then_nothing()


def test_nothing_happens_to_an_unknown_account() -> None:
    for command in (store(), delete(), DeleteAccount(account=NAME)):
        scenario().when(command).then_rejected(AccountUnknown, "account_name")


def test_the_master_account_is_protected_even_when_forced() -> None:
    master = AccountCreated(account="master_account")
    scenario().given(master).when(DeleteAccount(account="master_account", force=True)).then_rejected(AccountProtected)


connectors = st.sampled_from(["binance", "kraken", "okx"])
commands = st.one_of(
    st.just(CreateAccount(account=NAME)),
    st.just(DeleteAccount(account=NAME)),
    connectors.map(store),
    connectors.map(delete),
)


@given(st.lists(commands, max_size=40))
def test_any_story_agrees_with_a_simple_model(story: list) -> None:
    state, exists, held, versions = decider.initial, False, set[str](), list[int]()
    refusals: list[tuple[type, type]] = []
    for command in story:
        try:
            events = decider.decide(state, command)
        except Rejection as rejection:
            refusals.append((type(rejection), AccountExists if exists else AccountUnknown))
            continue
        state = decider.fold(state, events)
        match command:
            case CreateAccount():
                exists = True
            case DeleteAccount():
                exists, held = False, set()
            case StoreCredential(connector=connector):
                held.add(connector)
                versions.append(state.last_credential_version)
            case DeleteCredential(connector=connector):
                held.discard(connector)
        assert state.exists == exists
        assert set(state.credentials) == held
    assert all(actual is expected for actual, expected in refusals)
    assert versions == sorted(set(versions))
    assert state == Account(exists, dict(state.credentials), max(versions, default=0))
