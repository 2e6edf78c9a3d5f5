"""What is the same for every WebSocket address: contract 9.1 on the real web server with a real client."""

from __future__ import annotations

import asyncio
import base64
import ssl
from pathlib import Path

import aiohttp
import pytest
from gateway_api.rest.connection import Terms
from gateway_api.rest.outbox import MOST_REPLIES, Outbox
from service_kit.certificates import IdentityFiles
from socket_server import BASIC, DEADLINE, TOKEN, connected, served

from conftest import PASSWORD, USERNAME
from tests.certificates import certificate, new_key, private

URL_TOKEN = base64.urlsafe_b64encode(f"{USERNAME}:{PASSWORD}".encode()).decode().rstrip("=")


async def test_the_first_frame_tells_the_connection() -> None:
    async with served() as server:
        for path, length in (("/ws/ticks", 8), ("/ws/executors", 12), ("/ws/executors/", 12)):
            async with connected(server.url + path, greet=False) as client:
                frame = await client.receive()
                assert sorted(frame) == ["connection_id", "timestamp", "type"]
                assert (frame["type"], len(frame["connection_id"]), type(frame["timestamp"])) == ("connected", length, float)


@pytest.mark.parametrize(
    ("headers", "query"),
    [
        (BASIC, ""),
        (BASIC, "?token=nonsense"),
        ({}, f"?token={TOKEN}"),
        ({}, f"?token={TOKEN.rstrip('=')}"),
        ({}, f"?username={USERNAME}&password={PASSWORD.replace(' ', '%20')}"),
    ],
)
async def test_credentials(headers: dict[str, str], query: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(0)
    async with served() as server, connected(f"{server.url}/ws/ticks{query}", headers=headers) as client:
        assert (await client.ask(action="ping"))["type"] == "pong"
    # asyncio and aiohttp are the test's own side.
    logged = [record.getMessage() for record in caplog.records if record.name.startswith(("gateway_api", "service_kit"))]
    assert not [line for line in logged if TOKEN.rstrip("=") in line or PASSWORD in line or "token" in line]


async def test_a_browser_logs_in_by_subprotocol() -> None:
    async with (
        served() as server,
        connected(f"{server.url}/ws/ticks", headers={}, protocols=("hummingbus", f"basic.{URL_TOKEN}")) as client,
    ):
        assert client.socket.protocol == "hummingbus"


@pytest.mark.parametrize(
    ("headers", "query"),
    [
        ({}, ""),
        ({"Authorization": "Basic nonsense"}, f"?token={TOKEN}"),
        ({"Authorization": "Bearer x"}, f"?token={TOKEN}"),
        ({}, f"?token=nonsense&username={USERNAME}&password={PASSWORD}"),
        ({}, f"?username={USERNAME}&password=wrong"),
        ({}, f"?username={USERNAME}"),
        ({}, "?token=%ed%a0%80"),
    ],
)
async def test_wrong_credentials_are_told_and_closed_with_4001(headers: dict[str, str], query: str) -> None:
    async with served() as server, connected(f"{server.url}/ws/ticks{query}", headers=headers, greet=False) as client:
        assert await client.receive() == {"type": "error", "message": "Authentication failed"}
        assert await client.closed() == 4001
        assert await server.measure("socket_refusals_total") == 1
        assert await server.measure("sockets") == 0


async def test_guessing_locks_out() -> None:
    async with served(failures=3) as server:
        for number in range(3):
            url = f"{server.url}/ws/ticks?username={USERNAME}&password=guess{number}"
            async with connected(url, headers={}, greet=False) as client:
                assert (await client.receive())["message"] == "Authentication failed"
        async with connected(f"{server.url}/ws/ticks", greet=False) as client:
            assert (await client.receive())["message"] == "Too many wrong passwords; try again later"
            assert await client.closed() == 4001


@pytest.mark.parametrize("headers", [{"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}])
async def test_foreign_pages_open_no_socket(headers: dict[str, str]) -> None:
    async with served() as server, aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await session.ws_connect(f"{server.url}/ws/ticks", headers={**BASIC, **headers})
        assert refused.value.status == 403
        async with connected(f"{server.url}/ws/ticks", headers={**BASIC, "Origin": "http://localhost:3000"}):
            pass


async def test_unknown_addresses_and_too_many_requests_are_refused() -> None:
    async with served(rate=3) as server, aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await session.ws_connect(f"{server.url}/ws/nothing", headers=BASIC)
        assert refused.value.status in {403, 404}
        async with connected(f"{server.url}/ws/ticks") as client:
            assert (await client.ask(action="ping"))["type"] == "pong"
            assert (await client.ask(action="ping"))["type"] == "pong"
            frame = await client.ask(action="ping")
            assert frame["message"].startswith("More than 3 requests in 1000 seconds by this user")
        async with connected(f"{server.url}/ws/ticks", greet=False) as client:
            assert (await client.receive())["type"] == "error"
            assert await client.closed() == 1013
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await session.ws_connect(f"{server.url}/ws/ticks", headers=BASIC)
        assert refused.value.status == 429


async def test_frames_and_their_errors() -> None:
    async with served() as server, connected(f"{server.url}/ws/ticks") as client:
        for text in ("{", "[]", "1", '"ping"', "null", "NaN", '{"a": NaN}', "[" * 100 + "]" * 100):
            await client.socket.send_str(text)
            assert await client.receive() == {"type": "error", "message": "A frame is one JSON object, sent as text"}
        await client.socket.send_bytes(b'{"action": "ping"}')
        assert (await client.receive())["type"] == "error"
        for action in (None, "stop", 1, ["ping"]):
            answer = await client.ask(action=action)
            assert answer["message"] == f"Unknown action: {action}. Valid actions: subscribe, unsubscribe, ping"
        assert (await client.ask(action="subscribe", type="none"))["message"] == "only tick"
        assert (await client.ask(action="unsubscribe"))["message"] == "unsubscribe requires 'subscription_id'"
        assert (await client.ask(action="unsubscribe", subscription_id="x"))["message"] == "Subscription not found: x"
        assert sorted(await client.ask(action="ping")) == ["timestamp", "type"]


async def test_a_frame_that_is_too_large_ends_the_connection() -> None:
    async with served(Terms(frame=1000)) as server, connected(f"{server.url}/ws/ticks") as client:
        await client.socket.send_str('{"action": "' + "x" * 1000 + '"}')
        assert await client.closed() == 1009


async def test_the_acknowledgement_is_before_the_data() -> None:
    async with served() as server, connected(f"{server.url}/ws/ticks") as client:
        for _ in range(2):
            ack = await client.ask(action="subscribe", type="tick", name="a")
            assert ack == {"type": "subscribed", "subscription_id": "tick_a", "by": USERNAME}
            assert (await client.receive())["n"] == server.ticks.count
        assert [tick.closed for tick in server.ticks.opened] == [True, False]
        server.ticks.tick()
        assert (await client.receive())["n"] == 1
        assert await server.measure("socket_subscriptions") == 1
        ended = await client.ask(action="unsubscribe", subscription_id="tick_a")
        assert ended == {"type": "unsubscribed", "subscription_id": "tick_a"}
        server.ticks.tick()
        assert (await client.ask(action="ping"))["type"] == "pong"
        assert [tick.closed for tick in server.ticks.opened] == [True, True]
        assert await server.measure("socket_subscriptions") == 0
        await server.reaches("socket_frames_total", 8)


async def test_a_connection_that_ends_closes_its_subscriptions() -> None:
    async with served() as server:
        async with connected(f"{server.url}/ws/ticks") as client:
            await client.ask(action="subscribe", type="tick")
            assert await server.measure("sockets") == 1
            client.socket._response.close()
        await server.reaches("sockets", 0)
        assert [tick.closed for tick in server.ticks.opened] == [True]


async def test_limits_of_subscriptions_and_connections() -> None:
    async with served(Terms(subscriptions=2), most=1) as server, connected(f"{server.url}/ws/ticks") as client:
        for name in "ab":
            assert (await client.ask(action="subscribe", type="tick", name=name))["type"] == "subscribed"
            await client.until("tick")
        refused = await client.ask(action="subscribe", type="tick", name="c")
        assert refused["message"] == "A connection has at most 2 subscriptions"
        async with connected(f"{server.url}/ws/ticks", greet=False) as second:
            assert (await second.receive())["message"].startswith("More than 1 WebSocket connections")
            assert await second.closed() == 1013


async def test_heartbeats() -> None:
    async with served(Terms(heartbeat=0.05)) as server, connected(f"{server.url}/ws/ticks") as client:
        for _ in range(3):
            frame = await client.receive()
            assert (frame["type"], sorted(frame)) == ("heartbeat", ["timestamp", "type"])


async def test_a_stop_closes_all_sockets_and_lets_nobody_in() -> None:
    async with served() as server, connected(f"{server.url}/ws/ticks") as client:
        stopping = asyncio.create_task(server.server.stop())
        assert await client.closed() == 1001
        async with asyncio.timeout(DEADLINE):
            await stopping
        async with aiohttp.ClientSession() as session:
            with pytest.raises(aiohttp.ClientConnectorError):
                await session.ws_connect(f"{server.url}/ws/ticks")


async def test_tls(tmp_path: Path) -> None:
    key = new_key()
    (tmp_path / "cert.pem").write_bytes(certificate(key))
    (tmp_path / "key.pem").write_bytes(private(key, None))
    identity = IdentityFiles("X_", tmp_path / "cert.pem", tmp_path / "key.pem", None).read()
    trust = ssl.create_default_context(cafile=str(tmp_path / "cert.pem"))
    async with served(identity=identity) as server, connected(f"{server.url}/ws/ticks", trust=trust) as client:
        await client.ask(action="subscribe", type="tick")
        assert (await client.receive())["n"] == 0
        stopping = asyncio.create_task(server.server.stop())
        assert await client.closed() == 1001
        await stopping


async def test_a_slow_reader_gets_the_latest_state_and_what_it_missed() -> None:
    async with served() as server, connected(f"{server.url}/ws/ticks") as client:
        server.ticks.size = 1 << 20
        await client.ask(action="subscribe", type="tick")
        # The client's own buffers hold a few frames; then nothing more is taken from the source.
        client.socket._conn.transport.pause_reading()  # type: ignore[union-attr]
        async with asyncio.timeout(DEADLINE):
            while True:
                server.ticks.tick()
                await asyncio.sleep(0.005)
                if server.ticks.count - server.ticks.opened[0].taken > 50:
                    break
        assert server.ticks.opened[0].taken < server.ticks.count - 50
        client.socket._conn.transport.resume_reading()  # type: ignore[union-attr]
        last, dropped = -1, 0
        while last < server.ticks.count:
            frame = await client.receive()
            assert frame["n"] > last
            last, dropped = frame["n"], dropped + frame["dropped"]
        assert dropped >= 50
        assert await server.measure("socket_states_dropped_total") == dropped


async def test_a_reader_that_takes_nothing_is_cut_off() -> None:
    async with served(Terms(patience=0.3)) as server, connected(f"{server.url}/ws/ticks") as client:
        server.ticks.size = 64 << 20
        client.socket._conn.transport.pause_reading()  # type: ignore[union-attr]
        await client.send(action="subscribe", type="tick")
        await server.reaches("sockets", 0)
        client.socket._conn.transport.abort()  # type: ignore[union-attr]


async def test_replies_are_bounded() -> None:
    outbox = Outbox()
    outbox.ready("a")
    for number in range(MOST_REPLIES):
        outbox.reply(str(number))
    waiting = asyncio.create_task(outbox.room())
    await asyncio.sleep(0)
    assert not waiting.done()
    assert await outbox.next() == ("0", None)
    await waiting
    for number in range(1, MOST_REPLIES):
        assert await outbox.next() == (str(number), None)
    assert await outbox.next() == (None, "a")
