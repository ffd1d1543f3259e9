"""A place where backups are kept: a folder or a URL, sealed with a passphrase or not."""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass

from records.errors import RecordError
from records.keeping.store import Store, open_store
from records.keeping.vault import SALT, Vault

INFO = "backup.json"
ERASED = "erased"  # a folder of empty files: random ids of patients who must not come back
Progress = Callable[[float, str], None]


@dataclass(frozen=True)
class Place:
    """Where backups are kept, and how they are sealed."""

    files: Store
    vault: Vault
    salt: bytes

    def name(self, sha256: str) -> str:
        """The file's name in this place."""
        name = self.vault.name(sha256, salt=self.salt)
        return f"files/{name[:2]}/{name}"


def open_place(address: str, passphrase: str, *, make: bool = False) -> Place:
    """A place with backups; RecordError if there are none and none are to be made."""
    files, vault = open_store(address), Vault(passphrase)
    data = files.read(INFO)
    if data is None and not make:
        raise RecordError("There is no backup at this place.")
    if data is None:
        salt = os.urandom(SALT)
        info = {"format": 1, "sealed": bool(passphrase), "salt": salt.hex()}
        files.write(INFO, json.dumps(info).encode())
        return Place(files, vault, salt)
    try:
        info = json.loads(data)
        salt = bytes.fromhex(info["salt"])
    except (ValueError, KeyError, TypeError) as error:
        raise RecordError(f"The file {INFO} of the backups is damaged.") from error
    if info.get("format") != 1:
        raise RecordError("These backups were made by a newer version of DermTrace.")
    if bool(info["sealed"]) != bool(passphrase):
        raise RecordError(
            "These backups are encrypted. Give their passphrase."
            if info["sealed"]
            else "These backups are not encrypted. Choose another place for encrypted ones."
        )
    return Place(files, vault, salt)
