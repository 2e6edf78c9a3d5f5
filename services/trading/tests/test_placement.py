"""Accounts on replicas: fair, whole, and moved only where they must be."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st
from trading.domain.placement import placed

NAMES = st.sampled_from(["r1", "r2", "r3", "r4"])
ACCOUNTS = st.sets(st.sampled_from([f"a{number}" for number in range(12)]))
HELD = st.dictionaries(st.sampled_from([f"a{number}" for number in range(12)]), st.lists(NAMES, max_size=3))


@given(ACCOUNTS, st.sets(NAMES, min_size=1), HELD)
def test_every_account_has_a_replica_and_none_has_two_more_than_another(
    accounts: set[str], members: set[str], held: dict[str, list[str]]
) -> None:
    found = placed(accounts, members, held, members)
    assert found.keys() == accounts
    loads = Counter(found.values())
    assert loads.keys() <= members
    assert max(loads[member] for member in members) - min(loads[member] for member in members) <= 1


@given(ACCOUNTS, st.sets(NAMES, min_size=1), HELD)
def test_what_was_placed_stays(accounts: set[str], members: set[str], held: dict[str, list[str]]) -> None:
    found = placed(accounts, members, held, members)
    assert placed(accounts, members, {account: [replica] for account, replica in found.items()}, members) == found


def test_a_new_replica_is_given_half_and_the_rest_stays() -> None:
    held = {f"a{number}": ["r1"] for number in range(4)}
    found = placed(held, ["r1", "r2"], held, {"r1", "r2"})
    assert Counter(found.values()) == {"r1": 2, "r2": 2}


def test_an_account_on_two_replicas_goes_to_the_one_that_holds_more_of_it() -> None:
    assert placed(["a"], ["r1", "r2"], {"a": ["r1", "r2", "r2"]}, {"r1", "r2"}) == {"a": "r2"}


def test_the_accounts_of_a_dead_replica_are_shared_and_no_other_moves() -> None:
    held = {"a1": ["r1"], "a2": ["r1"], "a3": ["r2"], "a4": ["r3"]}
    found = placed(held, ["r2", "r3"], held, {"r2", "r3"})
    assert found["a3"] == "r2"
    assert found["a4"] == "r3"
    assert {found["a1"], found["a2"]} == {"r2", "r3"}


def test_nobody_is_nowhere() -> None:
    assert placed(["a"], [], {}, set()) == {}


def test_a_replica_that_came_just_now_is_given_only_what_nobody_holds() -> None:
    held = {"a1": ["r1"], "a2": ["r1"], "a3": ["r1"]}
    found = placed([*held, "new"], ["r1", "r2"], held, {"r1"})
    assert found == {"a1": "r1", "a2": "r1", "a3": "r1", "new": "r2"}
