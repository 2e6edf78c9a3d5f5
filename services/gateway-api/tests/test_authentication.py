"""Credentials are verified once, together, and forgotten in time."""

from __future__ import annotations

import asyncio
import base64

import httpx
from argon2 import PasswordHasher
from gateway_api.adapters.passwords import Argon2Password
from gateway_api.handlers.authentication import Authenticator


class CountingVerifier:
    """A PasswordVerifier that counts, and waits until it is let go."""

    def __init__(self, right: str) -> None:
        self.right = right
        self.calls = 0
        self.running = 0
        self.most_running = 0
        self.go = asyncio.Event()
        self.go.set()

    async def verify(self, password: str) -> bool:
        self.calls += 1
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        await self.go.wait()
        self.running -= 1
        return password == self.right


async def test_many_callers_one_verification() -> None:
    verifier = CountingVerifier("pw")
    verifier.go.clear()
    authenticator = Authenticator("user", verifier)
    callers = [asyncio.create_task(authenticator.authenticate("user", "pw")) for _ in range(100)]
    await asyncio.sleep(0)
    callers[0].cancel()
    await asyncio.sleep(0)
    verifier.go.set()
    assert all(await asyncio.gather(*callers[1:]))
    assert verifier.calls == 1
    assert await authenticator.authenticate("user", "pw")
    assert verifier.calls == 1


async def test_verdicts_expire() -> None:
    now = 0.0
    verifier = CountingVerifier("pw")
    authenticator = Authenticator("user", verifier, ttl=300, refused_ttl=5, clock=lambda: now)
    assert await authenticator.authenticate("user", "pw")
    assert not await authenticator.authenticate("user", "no")
    now = 4
    assert not await authenticator.authenticate("user", "no")
    assert verifier.calls == 2
    now = 6
    assert not await authenticator.authenticate("user", "no")
    assert verifier.calls == 3
    now = 301
    assert await authenticator.authenticate("user", "pw")
    assert verifier.calls == 4


async def test_the_right_password_of_another_user_is_refused() -> None:
    authenticator = Authenticator("user", CountingVerifier("pw"))
    assert not await authenticator.authenticate("admin", "pw")
    assert not await authenticator.authenticate("userp", "w")


async def test_an_unknown_user_costs_the_same_hash() -> None:
    """How long a refusal takes must not tell whether the user exists."""
    verifier = CountingVerifier("pw")
    authenticator = Authenticator("u", verifier)
    assert not await authenticator.authenticate("nobody", "guess")
    assert verifier.calls == 1
    assert not await authenticator.authenticate("u", "guess")
    assert verifier.calls == 2


async def test_guessing_neither_takes_the_processor_nor_the_memory() -> None:
    verifier = CountingVerifier("pw")
    authenticator = Authenticator("user", verifier, remembered=10)
    assert await authenticator.authenticate("user", "pw")
    await asyncio.gather(*(authenticator.authenticate("user", f"guess {number}") for number in range(50)))
    assert verifier.most_running <= 2
    assert len(authenticator._verdicts) <= 10
    calls = verifier.calls
    assert await authenticator.authenticate("user", "pw")
    assert verifier.calls == calls


async def test_argon2() -> None:
    encoded = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash("pässword")
    verifier = Argon2Password(encoded)
    assert await verifier.verify("pässword")
    assert not await verifier.verify("password")


async def test_scheme_is_case_insensitive_and_any_encoding_is_read(anonymous: httpx.AsyncClient) -> None:
    encoded = base64.b64encode(b"trader:correct horse").decode()
    response = await anonymous.get("/accounts/", headers={"authorization": f"bASIC {encoded}"})
    assert response.status_code == 200
    for text in ("trader:pässword".encode(), "trader:pässword".encode("latin-1")):
        wrong = base64.b64encode(text).decode()
        response = await anonymous.get("/accounts/", headers={"authorization": f"Basic {wrong}"})
        assert response.json() == {"detail": "Incorrect username or password"}
