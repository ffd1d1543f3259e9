"""Sessions: who is signed in, as rows that every click looks at again."""

import datetime
import hashlib
import secrets
import uuid
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    ForeignKey,
    Row,
    Select,
    String,
    bindparam,
    delete,
    select,
    update,
)
from sqlalchemy.orm import Mapped, Session, mapped_column

from records import audit
from records.access import passwords
from records.access.accounts import Account, AccountRow, WrongPassword, load, seen
from records.access.actors import Actor
from records.database import Base, Database, UtcDateTime
from records.errors import RecordError

# By which the gate tells the pages whose session asks; what arrives under it is removed.
HEADER = "x-dermtrace-session"
IDLE = datetime.timedelta(minutes=30)
LONGEST = datetime.timedelta(hours=12)
# Noted only this often, so that a click seldom has to write.
NOTED_EVERY = datetime.timedelta(minutes=1)
KEPT = datetime.timedelta(days=2)  # an ended session's row still tells its browser why


class SessionRow(Base):
    """One browser's session. Only its token's hash is kept: who reads the table gets in nowhere."""

    __tablename__ = "session"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    token: Mapped[str] = mapped_column(String(64), unique=True)
    account_id: Mapped[str] = mapped_column(ForeignKey("account.id"), index=True)
    made_at: Mapped[datetime.datetime] = mapped_column(UtcDateTime)
    seen_at: Mapped[datetime.datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime.datetime | None] = mapped_column(UtcDateTime)


# A session with its account in one query of plain columns: every click asks it three times.
_SESSION, _ACCOUNT = SessionRow.__table__.c, AccountRow.__table__.c
_LOOK = select(
    *_ACCOUNT,
    _SESSION.id.label("session_id"),
    _SESSION.made_at.label("session_made_at"),
    _SESSION.seen_at,
    _SESSION.ended_at,
).where(_ACCOUNT.id == _SESSION.account_id)
BY_ID = _LOOK.where(_SESSION.id == bindparam("key"))
BY_TOKEN = _LOOK.where(_SESSION.token == bindparam("key"))


@dataclass(frozen=True)
class SignedIn:
    """A live session and its account as it is at this moment."""

    id: str
    account: Account

    @property
    def actor(self) -> Actor:
        """Who acts, for record calls."""
        return Actor(self.account.id, self.account.roles)


class SignedOut(RecordError):
    """There is no such session, or it has ended."""

    sentence = "You are signed out."


class Idle(SignedOut):
    """Nobody did anything for too long."""

    sentence = "You were signed out after 30 minutes without use."


class TooLong(SignedOut):
    """A session lasts a working day at most."""

    sentence = "You were signed out after 12 hours. Sign in again."


class Disabled(SignedOut):
    """An administrator disabled the account."""

    sentence = "This account is disabled. Ask an administrator."


def start(database: Database, *, account_id: str, instead_of: str | None = None) -> str:
    """Signs an account in and returns the new session's token; `instead_of` is a token that ends.

    Disabled if the account is.
    """
    token = secrets.token_urlsafe(32)
    now = database.now()
    with database.write() as session:
        if load(session, account_id).disabled:
            raise Disabled
        session.execute(delete(SessionRow).where(SessionRow.seen_at < now - KEPT))
        if instead_of:
            _end(session, SessionRow.token == _hashed(instead_of), now)
        session.add(
            SessionRow(
                id=uuid.uuid4().hex,
                token=_hashed(token),
                account_id=account_id,
                made_at=now,
                seen_at=now,
            )
        )
        audit.append(session, at=now, account_id=account_id, kind="signed in")
    return token


def find(database: Database, token: str) -> SignedIn:
    """The live session of a token; SignedOut, or the kind that says why, if there is none."""
    return _live(_look(database, BY_TOKEN, _hashed(token)), database.now())


def check(database: Database, session_id: str, *, active: bool = False) -> SignedIn:
    """The live session of this id; SignedOut, or the kind that says why, if there is none.

    `active`: somebody did something, so the time without use begins anew.
    """
    now = database.now()
    row = _look(database, BY_ID, session_id)
    found = _live(row, now)
    if active and row and now - row.seen_at > NOTED_EVERY:
        with database.write() as session:
            session.execute(
                update(SessionRow).where(SessionRow.id == session_id).values(seen_at=now)
            )
    return found


def end(database: Database, signed_in: SignedIn) -> None:
    """Signs out here."""
    _sign_out(database, signed_in, SessionRow.id == signed_in.id, kind="signed out")


def end_everywhere(database: Database, signed_in: SignedIn) -> None:
    """Signs the account out in all browsers, this one too."""
    mine = SessionRow.account_id == signed_in.account.id
    _sign_out(database, signed_in, mine, kind="signed out everywhere")


def change_password(database: Database, signed_in: SignedIn, *, old: str, new: str) -> None:
    """Changes the own password and signs out all other browsers; WrongPassword if `old` is."""
    with database.read() as session:
        row = load(session, signed_in.account.id)
    if not passwords.matches(old, row.password):
        with database.write() as session:
            audit.append(
                session,
                at=database.now(),
                account_id=row.id,
                kind="password change refused",
                object_id=row.id,
            )
        raise WrongPassword("The present password is wrong.")
    passwords.check_rule(new, name=row.name)
    kept = passwords.hashed(new)
    now = database.now()
    with database.write() as session:
        row = load(session, signed_in.account.id)
        row.password = kept
        others = (SessionRow.account_id == row.id) & (SessionRow.id != signed_in.id)
        _end(session, others, now)
        audit.append(session, at=now, account_id=row.id, kind="password changed", object_id=row.id)


def _sign_out(
    database: Database, signed_in: SignedIn, which: ColumnElement[bool], *, kind: str
) -> None:
    now = database.now()
    with database.write() as session:
        _end(session, which, now)
        audit.append(session, at=now, account_id=signed_in.account.id, kind=kind)


def _end(session: Session, which: ColumnElement[bool], at: datetime.datetime) -> None:
    session.execute(
        update(SessionRow).where(which, SessionRow.ended_at.is_(None)).values(ended_at=at)
    )


def _look(database: Database, how: Select[Any], key: str) -> Row[Any] | None:
    with database.glance() as connection:
        return connection.execute(how, {"key": key}).one_or_none()


def _live(row: Row[Any] | None, now: datetime.datetime) -> SignedIn:
    if row is None or row.ended_at:
        raise SignedOut
    if row.disabled:
        raise Disabled
    if now - row.session_made_at > LONGEST:
        raise TooLong
    if now - row.seen_at > IDLE:
        raise Idle
    return SignedIn(row.session_id, seen(row))


def _hashed(token: str) -> str:
    # 256 random bits need no slow hash.
    return hashlib.sha256(token.encode()).hexdigest()
