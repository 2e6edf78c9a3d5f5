"""A stream of bytes encrypted under a passphrase, in chunks, so that neither its size nor a torn copy matters.

Layout: the header (magic, salt, argon2id's cost), then chunks: one byte that tells the last, four of length, the ciphertext.
Each chunk is AES-256-GCM with its number as nonce; the key is this file's own, for its salt is random. Header and the mark of
the last chunk are authenticated: a file that was cut, reordered or changed does not open.
"""

from __future__ import annotations

import io
import os
import struct
from types import TracebackType
from typing import BinaryIO

from argon2.low_level import Type, hash_secret_raw
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

MAGIC = b"HUMMINGBUS-BACKUP-1\n"
HEADER = struct.Struct(f">{len(MAGIC)}s16sIII")
FRAME = struct.Struct(">BI")
CHUNK_BYTES = 1024**2
TAG_BYTES = 16
COST = (3, 64 * 1024, 4)
"""argon2id's passes, KiB of memory and lanes: RFC 9106's second recommendation."""
HIGHEST_COST = (20, 1024**2, 16)


class ArchiveBroken(Exception):
    """The file is no backup, was cut or changed, or the passphrase is another one."""


class SealedWriter(io.RawIOBase):
    """Encrypts what is written to `file`; only `finish` makes it whole."""

    def __init__(self, file: BinaryIO, passphrase: bytes, cost: tuple[int, int, int] = COST) -> None:
        self._file = file
        salt = os.urandom(16)
        self._header = HEADER.pack(MAGIC, salt, *cost)
        self._cipher = _cipher(passphrase, salt, cost)
        self._number = 0
        self._pending = bytearray()
        file.write(self._header)

    def writable(self) -> bool:
        """It is."""
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        """Take `data`, and write full chunks."""
        self._pending += data
        while len(self._pending) > CHUNK_BYTES:
            self._chunk(bytes(self._pending[:CHUNK_BYTES]), last=False)
            del self._pending[:CHUNK_BYTES]
        return len(data)

    def finish(self) -> None:
        """Write the last chunk."""
        self._chunk(bytes(self._pending), last=True)

    def _chunk(self, plain: bytes, *, last: bool) -> None:
        frame = FRAME.pack(last, len(plain) + TAG_BYTES)
        self._file.write(frame + self._cipher.encrypt(self._number.to_bytes(12), plain, self._header + frame))
        self._number += 1


class SealedReader(io.RawIOBase):
    """Decrypts `file`. Every read raises ArchiveBroken for bytes the writer did not write."""

    def __init__(self, file: BinaryIO, passphrase: bytes) -> None:
        self._file = file
        self._header = file.read(HEADER.size)
        if len(self._header) != HEADER.size or not self._header.startswith(MAGIC):
            raise ArchiveBroken("this is not a backup made by hummingbus")
        _, salt, *cost = HEADER.unpack(self._header)
        if any(one > most or one < 1 for one, most in zip(cost, HIGHEST_COST, strict=True)):
            raise ArchiveBroken("the header was changed")
        self._cipher = _cipher(passphrase, salt, (cost[0], cost[1], cost[2]))
        self._number = 0
        self._pending = bytearray()
        self._ended = False

    def readable(self) -> bool:
        """It is."""
        return True

    def read(self, size: int = -1) -> bytes:
        """`size` bytes, fewer only at the end."""
        while not self._ended and (size < 0 or len(self._pending) < size):
            self._pending += self._chunk()
        wanted = len(self._pending) if size < 0 else size
        data = bytes(self._pending[:wanted])
        del self._pending[:wanted]
        return data

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Read to the end, so that a file that was cut is noticed."""
        if error is None:
            while self.read(CHUNK_BYTES):
                pass
        super().__exit__(kind, error, trace)

    def _chunk(self) -> bytes:
        frame = self._file.read(FRAME.size)
        if len(frame) != FRAME.size:
            raise ArchiveBroken("the file was cut")
        last, length = FRAME.unpack(frame)
        if not TAG_BYTES <= length <= CHUNK_BYTES + TAG_BYTES:
            raise ArchiveBroken("the file was changed")
        try:
            plain = self._cipher.decrypt(self._number.to_bytes(12), self._file.read(length), self._header + frame)
        except InvalidTag:
            why = "the file was cut or changed" if self._number else "the passphrase is another one, or the file was changed"
            raise ArchiveBroken(why) from None
        self._number += 1
        self._ended = bool(last)
        return plain


def _cipher(passphrase: bytes, salt: bytes, cost: tuple[int, int, int]) -> AESGCM:
    time_cost, memory_kib, lanes = cost
    return AESGCM(hash_secret_raw(passphrase, salt, time_cost, memory_kib, lanes, 32, Type.ID))
