"""The shared fixtures give each test clean, real servers."""

from __future__ import annotations

import asyncpg
import nats
import pytest


@pytest.mark.parametrize("_run", [1, 2])
async def test_a_test_sees_no_stream_of_another(nats_url: str, _run: int) -> None:
    client = await nats.connect(nats_url)
    jetstream = client.jetstream()
    assert await jetstream.streams_info() == []
    await jetstream.add_stream(name="EVT_TEST", subjects=["evt.test.>"])
    assert (await jetstream.publish("evt.test.a", b"1")).seq == 1
    await client.close()


@pytest.mark.parametrize("_run", [1, 2])
async def test_a_test_sees_no_table_of_another(database_url: str, _run: int) -> None:
    connection = await asyncpg.connect(database_url)
    await connection.execute("CREATE TABLE left_behind (n int)")
    assert await connection.fetchval("SELECT count(*) FROM left_behind") == 0
    await connection.close()
