from decimal import Decimal

import pytest
from eventlog.scenario import Scenario
from purse_domain import PURSE, CoinsPut, CoinsTaken, PurseTooLight, PutCoins, TakeCoins

FIVE = Decimal(5)


def test_events_of_an_accepted_command() -> None:
    Scenario(PURSE).given(CoinsPut(amount=FIVE)).when(TakeCoins(amount=FIVE)).then(CoinsTaken(amount=FIVE))


def test_the_outcome_is_given_to_the_next_command() -> None:
    after = Scenario(PURSE).when(PutCoins(amount=FIVE)).then(CoinsPut(amount=FIVE))
    after.when(TakeCoins(amount=FIVE)).then(CoinsTaken(amount=FIVE)).when(TakeCoins(amount=FIVE)).then_rejected(PurseTooLight)


def test_a_rejection_with_its_field() -> None:
    rejection = Scenario(PURSE).when(TakeCoins(amount=FIVE)).then_rejected(PurseTooLight, field="amount")
    assert rejection.detail == "0 coins are less than 5"


def test_nothing_changes() -> None:
    Scenario(PURSE).when(PutCoins(amount=Decimal(0))).then_nothing()


def test_a_wrong_expectation_shows_both_sides() -> None:
    outcome = Scenario(PURSE).when(PutCoins(amount=FIVE))
    with pytest.raises(AssertionError, match=r"(?s)expected\n  CoinsTaken.*but got\n  CoinsPut"):
        outcome.then(CoinsTaken(amount=FIVE))
    with pytest.raises(AssertionError, match="nothing"):
        outcome.then_nothing()
    with pytest.raises(AssertionError, match="PurseTooLight"):
        outcome.then_rejected(PurseTooLight)


def test_a_rejection_is_not_an_event_and_has_one_class_and_field() -> None:
    outcome = Scenario(PURSE).when(TakeCoins(amount=FIVE))
    with pytest.raises(AssertionError, match="PurseTooLight for amount: 0 coins"):
        outcome.then_nothing()
    with pytest.raises(AssertionError, match="for price"):
        outcome.then_rejected(PurseTooLight, field="price")
