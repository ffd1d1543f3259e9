"""Accounts: who may sign in, by which name, and with which roles."""

import datetime
import unicodedata
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, String, UniqueConstraint, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from records import audit
from records.access import passwords
from records.access.actors import ADMIN, CLINICIAN, ROLES, Actor
from records.database import Base, Database, UtcDateTime
from records.errors import InvalidRecord, NotFound, RecordError

LONGEST_NAME = 80  # characters
NOBODY = ""  # the audit log's account where nobody is signed in


class AccountRow(Base):
    """One account. Never deleted, because the audit log names it; disabled instead."""

    __tablename__ = "account"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    name: Mapped[str] = mapped_column(String(LONGEST_NAME))
    key: Mapped[str] = mapped_column(String(4 * LONGEST_NAME), unique=True)
    password: Mapped[str | None] = mapped_column(String(255))
    clinician: Mapped[bool]
    admin: Mapped[bool]
    disabled: Mapped[bool]
    made_at: Mapped[datetime.datetime] = mapped_column(UtcDateTime)
    # Who vouches for this person, and under which name, where it is the clinic's own sign-in.
    issuer: Mapped[str | None] = mapped_column(String(255))
    subject: Mapped[str | None] = mapped_column(String(255))

    __table_args__ = (UniqueConstraint("issuer", "subject"),)


@dataclass(frozen=True)
class Account:
    """An account as others see it; `vouched` means that the clinic's own sign-in vouches for it."""

    id: str
    name: str
    roles: frozenset[str]
    disabled: bool
    has_password: bool
    vouched: bool
    made_at: datetime.datetime


class NameTaken(InvalidRecord):
    """There is an account of this name."""

    def __init__(self) -> None:
        super().__init__({"name": "There is an account of this name already."})


class LastAdmin(RecordError):
    """Nobody could manage the accounts any more."""

    sentence = "This is the only administrator. Make another account administrator first."


class WrongPassword(RecordError):
    """The name or the password is wrong; which of them is not said."""

    sentence = "The name or the password is wrong."


def exist(database: Database) -> bool:
    """Whether there is any account yet."""
    with database.read() as session:
        return session.scalar(select(AccountRow.id).limit(1)) is not None


def everyone(database: Database, *, actor: Actor) -> list[Account]:
    """All accounts by name. For admins."""
    actor.require(ADMIN)
    with database.read() as session:
        return [seen(row) for row in session.scalars(select(AccountRow).order_by(AccountRow.key))]


def names(database: Database, *, actor: Actor) -> dict[str, str]:
    """Every account's name by its id, for all who are signed in."""
    actor.require(*ROLES)
    with database.read() as session:
        return {row.id: row.name for row in session.execute(select(AccountRow.id, AccountRow.name))}


def add(database: Database, *, actor: Actor, name: str, roles: Iterable[str]) -> Account:
    """A new account, without a password until a one-time link sets one. For admins."""
    actor.require(ADMIN)
    with database.write() as session:
        row = insert(session, at=database.now(), name=name, roles=roles)
        audit.append(
            session,
            at=row.made_at,
            account_id=actor.account_id,
            kind="account added",
            object_id=row.id,
            detail=_as_detail(row),
        )
        return seen(row)


def set_roles(
    database: Database, *, actor: Actor, account_id: str, roles: Iterable[str]
) -> Account:
    """Gives an account exactly these roles, from its next click on. For admins."""
    actor.require(ADMIN)
    wanted = _checked(roles)
    with database.write() as session:
        row = load(session, account_id)
        row.clinician, row.admin = CLINICIAN in wanted, ADMIN in wanted
        _keep_an_admin(session)
        audit.did(
            database,
            session,
            actor=actor,
            kind="account roles changed",
            object_id=row.id,
            detail=_as_detail(row),
        )
        return seen(row)


def set_disabled(database: Database, *, actor: Actor, account_id: str, disabled: bool) -> Account:
    """Locks an account out at its next click, or lets it in again. For admins."""
    actor.require(ADMIN)
    with database.write() as session:
        row = load(session, account_id)
        row.disabled = disabled
        _keep_an_admin(session)
        audit.did(
            database,
            session,
            actor=actor,
            kind="account disabled" if disabled else "account enabled",
            object_id=row.id,
        )
        return seen(row)


def verify(database: Database, *, name: str, password: str) -> Account:
    """The account of this name and password, also if it is disabled; WrongPassword otherwise.

    Takes about as long for an unknown name as for a known one.
    """
    with database.read() as session:
        row = session.scalar(select(AccountRow).where(AccountRow.key == key_of(name)))
    kept = row.password if row else None
    right = passwords.matches(password, kept)
    if not right or row is None or row.disabled:
        with database.write() as session:
            audit.append(
                session,
                at=database.now(),
                account_id=NOBODY,
                kind="sign-in refused",
                object_id=row.id if row else "",
            )
    if not right or row is None:
        raise WrongPassword
    if kept and passwords.is_outdated(kept):
        with database.write() as session:
            load(session, row.id).password = passwords.hashed(password)
    return seen(row)


def vouched_for(
    database: Database, *, issuer: str, subject: str, name: str, roles: Iterable[str]
) -> Account:
    """The account of somebody the clinic's own sign-in vouches for; made at the first time.

    It has the roles that sign-in says, each time anew. The name is taken only then, and with a
    number behind it where it belongs to another account.
    """
    wanted = _checked(roles)
    with database.write() as session:
        row = session.scalar(
            select(AccountRow).where(AccountRow.issuer == issuer, AccountRow.subject == subject)
        )
        kind = "account roles changed"
        if row is None:
            free = _free_name(session, name)
            row = insert(session, at=database.now(), name=free, roles=wanted)
            row.issuer, row.subject = issuer, subject
            kind = "account added"
        elif _roles(row) == wanted:
            return seen(row)
        row.clinician, row.admin = CLINICIAN in wanted, ADMIN in wanted
        audit.append(
            session,
            at=database.now(),
            account_id=NOBODY,
            kind=kind,
            object_id=row.id,
            detail=_as_detail(row) | {"by": "own sign-in"},
        )
        return seen(row)


def insert(
    session: Session, *, at: datetime.datetime, name: str, roles: Iterable[str]
) -> AccountRow:
    """A new row in the caller's transaction; InvalidRecord if the name cannot be taken."""
    shown = " ".join(unicodedata.normalize("NFC", name).split())
    if not shown or len(shown) > LONGEST_NAME or not shown.isprintable():
        sentence = f"Give a name of 1 to {LONGEST_NAME} letters, digits and signs."
        raise InvalidRecord({"name": sentence})
    if session.scalar(select(AccountRow.id).where(AccountRow.key == key_of(shown))):
        raise NameTaken
    wanted = _checked(roles)
    row = AccountRow(
        id=uuid.uuid4().hex,
        name=shown,
        key=key_of(shown),
        clinician=CLINICIAN in wanted,
        admin=ADMIN in wanted,
        disabled=False,
        made_at=at,
    )
    session.add(row)
    session.flush()
    return row


def load(session: Session, account_id: str) -> AccountRow:
    """The row of an account; NotFound for an id that is none."""
    row = session.get(AccountRow, account_id)
    if row is None:
        raise NotFound
    return row


def seen(row: AccountRow | Row[Any]) -> Account:
    """A row as others see it."""
    return Account(
        id=row.id,
        name=row.name,
        roles=_roles(row),
        disabled=row.disabled,
        has_password=row.password is not None,
        vouched=row.issuer is not None,
        made_at=row.made_at,
    )


def _roles(row: AccountRow | Row[Any]) -> frozenset[str]:
    return frozenset(
        role for role, held in ((CLINICIAN, row.clinician), (ADMIN, row.admin)) if held
    )


def _checked(roles: Iterable[str]) -> frozenset[str]:
    wanted = frozenset(roles)
    if not wanted or not wanted <= ROLES:
        raise InvalidRecord({"roles": "Choose at least one role."})
    return wanted


def _keep_an_admin(session: Session) -> None:
    session.flush()
    wanted = select(func.count()).where(AccountRow.admin, ~AccountRow.disabled)
    if not session.scalar(wanted):
        raise LastAdmin


def _free_name(session: Session, name: str) -> str:
    plain = "".join(c if c.isprintable() else " " for c in name)
    start = " ".join(plain.split())[: LONGEST_NAME - 6] or "Account"
    taken = select(AccountRow.id)
    free, number = start, 1
    while session.scalar(taken.where(AccountRow.key == key_of(free))):
        number += 1
        free = f"{start} {number}"
    return free


def key_of(name: str) -> str:
    """The form of a name by which an account is found, whatever its capitals, widths and spaces."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())[: 4 * LONGEST_NAME]


def _as_detail(row: AccountRow) -> dict[str, audit.Value]:
    return {"clinician": row.clinician, "admin": row.admin}
