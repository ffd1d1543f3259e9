"""Encryption of backups with a passphrase: scrypt makes the key, AES-256-GCM seals each chunk.

A sealed file is MAGIC, 16 bytes of salt, then chunks. A chunk's nonce counts up and its associated
data says whether it is the last, so chunks can be neither swapped, dropped nor cut off unnoticed.
Source of the construction: Hoang, Reyhanitabar, Rogaway, Vizár, "Online Authenticated-Encryption
and its Nonce-Reuse Misuse-Resistance" (2015), STREAM.
"""

import hashlib
import hmac
import os
from dataclasses import dataclass, field
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from records.errors import RecordError

MAGIC = b"DermTrace sealed 1\n"
SALT = 16
CHUNK = 1 << 20
TAG = 16
SHORTEST = 12  # characters of a passphrase


class SealBroken(RecordError):
    """The passphrase is wrong, or the file was changed; which of them cannot be told."""

    sentence = "The backup cannot be opened: wrong passphrase, or the file is damaged."


@dataclass(frozen=True)
class Vault:
    """A passphrase; without one, nothing is sealed and everything passes as it is."""

    passphrase: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        if self.passphrase and len(self.passphrase) < SHORTEST:
            raise RecordError(f"A backup's passphrase needs at least {SHORTEST} characters.")

    def seal(self, data: bytes, *, salt: bytes) -> bytes:
        """Sealed bytes, under a key of this passphrase, the salt and a nonce of its own."""
        if not self.passphrase:
            return data
        # One derivation for a whole backup is slow on purpose; each file then gets its own key.
        nonce = os.urandom(SALT)
        box = AESGCM(_file_key(self.passphrase, salt, nonce))
        chunks = [data[at : at + CHUNK] for at in range(0, max(len(data), 1), CHUNK)]
        sealed = [
            box.encrypt(_count(number), chunk, b"last" if number == len(chunks) - 1 else b"")
            for number, chunk in enumerate(chunks)
        ]
        return b"".join((MAGIC, salt, nonce, *sealed))

    def open(self, sealed: bytes) -> bytes:
        """The bytes that were sealed; SealBroken."""
        if not sealed.startswith(MAGIC):
            if self.passphrase:
                raise SealBroken
            return sealed
        if not self.passphrase:
            raise RecordError("The backup is encrypted. Give its passphrase.")
        at = len(MAGIC)
        salt, nonce = sealed[at : at + SALT], sealed[at + SALT : at + 2 * SALT]
        box = AESGCM(_file_key(self.passphrase, salt, nonce))
        body = sealed[at + 2 * SALT :]
        chunks = [body[at : at + CHUNK + TAG] for at in range(0, len(body), CHUNK + TAG)]
        if not chunks:
            raise SealBroken
        try:
            return b"".join(
                box.decrypt(_count(number), chunk, b"last" if number == len(chunks) - 1 else b"")
                for number, chunk in enumerate(chunks)
            )
        except InvalidTag as error:
            raise SealBroken from error

    def name(self, sha256: str, *, salt: bytes) -> str:
        """What a file is called in a backup: a sealed one's name does not tell its contents."""
        if not self.passphrase:
            return sha256
        key = _master(self.passphrase, salt)
        return hmac.new(key, sha256.encode(), hashlib.sha256).hexdigest()


def _count(number: int) -> bytes:
    return number.to_bytes(12, "big")


def _file_key(passphrase: str, salt: bytes, nonce: bytes) -> bytes:
    return hmac.new(_master(passphrase, salt), b"file" + nonce, hashlib.sha256).digest()


@lru_cache(maxsize=4)
def _master(passphrase: str, salt: bytes) -> bytes:
    # 2**15 rounds of 8: 32 MiB and about a tenth of a second (RFC 7914 asks for this or more).
    return hashlib.scrypt(
        passphrase.encode(), salt=salt, n=2**15, r=8, p=1, maxmem=64 << 20, dklen=32
    )
