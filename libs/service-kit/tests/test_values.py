"""Sealing, cursors, settings, logs: what needs no server."""

from __future__ import annotations

import json
import logging

import pytest
from contracts.accounts import CreateAccount
from contracts.rejections import CommandUnreadable, CursorInvalid
from contracts.trading import PlaceOrder
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.trace import SpanKind
from pydantic import ValidationError
from pydantic_settings import SettingsConfigDict
from service_kit.paging import decode_cursor, encode_cursor, page
from service_kit.received import consumed_events
from service_kit.sealing import SealBroken, Sealer
from service_kit.settings import ServiceSettings
from service_kit.supervisor import backoff
from service_kit.telemetry import JsonFormatter, Tracing, current_trace_id, traceparent
from service_kit.wire import parse

KEY = bytes(range(32))
SECRET = {"binance_api_key": "k", "binance_api_secret": "s\u00fc"}


def test_what_is_sealed_opens_for_its_purpose_only():
    sealed = Sealer(KEY).seal(SECRET, purpose="prove")
    assert Sealer(KEY).open(sealed, purpose="prove") == SECRET
    assert sealed != Sealer(KEY).seal(SECRET, purpose="prove")
    assert sealed.isascii()
    with pytest.raises(SealBroken):
        Sealer(KEY).open(sealed, purpose="reveal")
    with pytest.raises(SealBroken):
        Sealer(bytes(32)).open(sealed, purpose="prove")


@given(st.text(max_size=80))
def test_other_text_is_no_seal(text):
    with pytest.raises(SealBroken):
        Sealer(KEY).open(text, purpose="prove")


def test_a_key_has_32_bytes():
    with pytest.raises(ValueError, match="32"):
        Sealer(b"short")


@given(st.dictionaries(st.text(), st.one_of(st.text(), st.integers(), st.none(), st.booleans())))
def test_a_cursor_comes_back(place):
    cursor = encode_cursor(place)
    assert decode_cursor(cursor) == place
    assert set(cursor) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


@pytest.mark.parametrize("cursor", ["", "x", "x1700000000", "é", "null", encode_cursor({"a": 1})[:-2] + "!!", "W10", "//8"])
def test_other_text_is_no_cursor(cursor):
    with pytest.raises(CursorInvalid):
        decode_cursor(cursor)


def test_a_page_is_the_envelope_of_the_contract():
    assert json.loads(page(['{"a": "1"}', '{"a": "é"}'], 10, True, "c", 42)) == {
        "data": [{"a": "1"}, {"a": "é"}],
        "pagination": {"limit": 10, "has_more": True, "next_cursor": "c", "total_count": 42},
    }


class Settings(ServiceSettings):
    """A service's own settings."""

    model_config = SettingsConfigDict(env_prefix="TRADING_")

    sandbox_url: str


def test_settings_come_from_the_file_and_the_environment_wins(monkeypatch, tmp_path):
    file = tmp_path / "trading.env"
    file.write_text("TRADING_NATS_URL=nats://u:hunter2@h:1\nTRADING_SANDBOX_URL=http://file\nHUMMINGBUS_VENUE=live\nOTHER=1\n")
    monkeypatch.setenv("HUMMINGBUS_ENV_FILE", str(file))
    monkeypatch.setenv("TRADING_SANDBOX_URL", "http://environment")
    settings = Settings()
    assert (settings.nats_url, settings.sandbox_url, settings.venue) == ("nats://u:hunter2@h:1", "http://environment", "live")
    assert settings.replica != Settings().replica
    assert "hunter2" not in repr(settings)
    with pytest.raises(ValidationError):
        settings.venue = "sandbox"


def test_missing_settings_are_named(monkeypatch):
    monkeypatch.delenv("TRADING_NATS_URL", raising=False)
    with pytest.raises(ValidationError, match="nats_url"):
        Settings(sandbox_url="x")


def test_a_log_line_is_one_json_object_without_passwords():
    formatter = JsonFormatter("accounts", "r1")
    record = logging.makeLogRecord({"name": "x", "levelname": "INFO", "msg": "to %s", "args": ("nats://me:hunter2@h:1",)})
    record.order = "o1"
    with Tracing("accounts").span("PlaceOrder", SpanKind.SERVER, None):
        line = formatter.format(record)
        assert json.loads(line)["trace_id"] == current_trace_id()
    assert "\n" not in line
    assert "hunter2" not in line
    read = json.loads(line)
    assert (read["message"], read["fields"], read["service"]) == ("to nats://***@h:1", {"order": "o1"}, "accounts")


TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
NOT_TRACED = ("", "x", f"00-{TRACE}-{SPAN}", f"ff-{TRACE}-{SPAN}-01", f"00-{'0' * 32}-{SPAN}-01", f"00-{TRACE}-{'0' * 16}-01")


@pytest.mark.parametrize("flags", ["00", "01"])
def test_a_span_nobody_sees_is_of_its_parents_trace(flags):
    tracing = Tracing("accounts")
    with tracing.span("outer", SpanKind.SERVER, f"00-{TRACE}-{SPAN}-{flags}"):
        outer = traceparent()
        assert outer.startswith(f"00-{TRACE}-")
        assert outer.endswith(f"-{flags}")
        assert SPAN not in outer
        with tracing.span("inner", SpanKind.CLIENT, None):
            inner = traceparent()
        assert (inner[:35], inner[-2:], inner == outer) == (outer[:35], flags, False)
        assert traceparent() == outer
    assert traceparent() is None


@pytest.mark.parametrize("parent", NOT_TRACED)
def test_a_parent_that_is_no_trace_begins_one(parent):
    with Tracing("accounts").span("PlaceOrder", SpanKind.SERVER, parent):
        assert traceparent().endswith("-01")
        assert TRACE not in traceparent()


def test_unreadable_names_every_field():
    with pytest.raises(CommandUnreadable) as raised:
        parse(PlaceOrder, b'{"account":"a.b","connector":"binance"}')
    assert raised.value.field == "account"
    assert "trading_pair: Field required" in raised.value.detail
    with pytest.raises(CommandUnreadable):
        parse(CreateAccount, b"\xff")


def test_filters_let_the_right_events_through():
    names = [event.__name__ for event in consumed_events("trading", ["evt.trading.*.*.OrderFilled", "evt.trading.session.>"])]
    assert "OrderFilled" in names
    assert "BalancesReported" in names
    assert "OrderPlaced" not in names
    assert consumed_events("accounts", ["evt.trading.>"]) == []


def test_backoff_grows_to_its_limit():
    assert 0.3 < backoff(1) <= 0.5
    assert 20 < backoff(50) <= 30
