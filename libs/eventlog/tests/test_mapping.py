from decimal import Decimal
from pathlib import Path
from typing import ClassVar

import pytest
from contracts.message import Event
from contracts.registry import events
from eventlog import mapping
from eventlog.errors import EventUnknown
from eventlog.log import EventLog
from purse_domain import CoinsPut

STREAM = "money.purse-a"


class _Oddity:
    context: ClassVar[str] = "money"
    noun: ClassVar[str] = "oddity"


def test_every_event_of_the_contracts_is_registered() -> None:
    for name, event in events().items():
        assert mapping._envelopes[name].message is event


def test_an_old_event_is_upcast_step_by_step() -> None:
    event = mapping.load(STREAM, 1, "CoinsPut", b'{"coins": "2.50"}')
    assert event == CoinsPut(amount=Decimal("2.5"), note="old 2.50")
    event = mapping.load(STREAM, 1, "CoinsPut", b'{"amount": "3", "class_version": 2}')
    assert event == CoinsPut(amount=Decimal(3), note="old 3")


async def test_an_old_event_of_the_table_is_upcast(log: EventLog) -> None:
    await log.fetch(
        "INSERT INTO stored_events (originator_id, originator_version, topic, state, message_id, actor, recorded_at, hash)"
        """ VALUES ($1, 1, 'CoinsPut', '{"coins": "1"}', gen_random_uuid(), 'a', now(), '')""",
        STREAM,
    )
    assert [one.event for one in await log.read(STREAM)] == [CoinsPut(amount=Decimal(1), note="old 1")]


def test_an_unknown_type_is_told_and_never_imported() -> None:
    with pytest.raises(EventUnknown, match="antigravity"):
        mapping.load(STREAM, 1, "antigravity", b"{}")


def test_names_are_unique_and_fields_not_reserved() -> None:
    twin = type("CoinsPut", (_Oddity, Event), {"__module__": __name__, "__annotations__": {}})
    with pytest.raises(EventUnknown, match="another class"):
        mapping.store(twin(), STREAM, 1)
    with pytest.raises(Exception, match="already registered"):
        mapping.register(twin)

    class OddityFound(_Oddity, Event):
        originator_id: str

    with pytest.raises(ValueError, match="reserved: originator_id"):
        mapping.register(OddityFound)


EXAMPLES = sorted((Path(__file__).parents[2] / "contracts" / "examples").glob("*.json"))


@pytest.mark.parametrize("path", [path for path in EXAMPLES if path.stem in events()], ids=lambda path: path.stem)
def test_what_is_stored_is_what_the_library_would_store(path: Path) -> None:
    event = events()[path.stem].model_validate_json(path.read_text())
    envelope = mapping._envelopes[path.stem](STREAM, 1, event.model_dump(mode="json"))
    stored = mapping._mapper.to_stored_event(envelope)
    assert mapping.store(event, STREAM, 1) == (stored.topic, stored.state)
    again = mapping._mapper.to_domain_event(stored)
    assert isinstance(again, mapping.Envelope)
    assert mapping.load(STREAM, 1, stored.topic, stored.state) == again.open() == event
