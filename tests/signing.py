"""People for the tests: signed in without a database, or with a session in a real one."""

import datetime
from collections.abc import Iterable

from records.access import accounts, sessions
from records.access.accounts import Account
from records.access.actors import CLINICIAN, CONSOLE
from records.access.sessions import SignedIn
from records.database import Database
from records.schema import open_database

LONG_AGO = datetime.datetime(2025, 3, 12, 9, 30, tzinfo=datetime.UTC)


def somebody(*roles: str, name: str = "Anna Berg") -> SignedIn:
    """A person as pages see them, for whom no account needs to exist."""
    account = Account(
        id="anna",
        name=name,
        roles=frozenset(roles or {CLINICIAN}),
        disabled=False,
        has_password=True,
        vouched=False,
        made_at=LONG_AGO,
    )
    return SignedIn("a-session", account)


def admit(database: Database, *roles: str, name: str = "Anna Berg") -> str:
    """The token of a new session of a new account with these roles."""
    return start(database, add(database, *roles, name=name))


def add(database: Database, *roles: str, name: str = "Anna Berg") -> Account:
    """A new account, without a password."""
    return accounts.add(database, actor=CONSOLE, name=name, roles=roles or {CLINICIAN})


def start(database: Database, account: Account) -> str:
    """The token of a new session."""
    return sessions.start(database, account_id=account.id)


def admit_to(url: str, roles: Iterable[str]) -> str:
    """The same for a database by its URL, which is made if need be."""
    database = open_database(url)
    try:
        return admit(database, *roles)
    finally:
        database.close()
