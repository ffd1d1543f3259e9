"""One-time links: how a person sets a password without anybody else knowing it."""

import datetime
import hashlib
import secrets

from sqlalchemy import ForeignKey, String, delete, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from records import audit
from records.access import passwords
from records.access.accounts import Account, AccountRow, insert, load, seen
from records.access.actors import ADMIN, ROLES, Actor
from records.access.sessions import SessionRow
from records.database import Base, Database, UtcDateTime
from records.errors import RecordError

LASTS = datetime.timedelta(days=2)


class LinkRow(Base):
    """One link that was not used yet. Only its token's hash is kept."""

    __tablename__ = "link"

    token: Mapped[str] = mapped_column(String(64), primary_key=True)
    # None for the link by which the first administrator is made.
    account_id: Mapped[str | None] = mapped_column(ForeignKey("account.id"))
    made_at: Mapped[datetime.datetime] = mapped_column(UtcDateTime)


class LinkUsed(RecordError):
    """The link is unknown, too old, or was used before."""

    sentence = "This link has been used or is too old. Ask an administrator for a new one."


def for_first_admin(database: Database) -> str | None:
    """A token to make the first administrator with, None once there is an account.

    It replaces the one before: only the newest is good.
    """
    with database.write() as session:
        if session.scalar(select(AccountRow.id).limit(1)):
            return None
        return _make(session, None, database.now())


def for_account(database: Database, *, actor: Actor, account_id: str) -> str:
    """A token to set an account's password with; the one before is no longer good. For admins."""
    actor.require(ADMIN)
    with database.write() as session:
        load(session, account_id)
        audit.did(database, session, actor=actor, kind="one-time link made", object_id=account_id)
        return _make(session, account_id, database.now())


def whose(database: Database, token: str) -> Account | None:
    """Whose password a link sets, None for the first administrator's; LinkUsed if it is no good."""
    with database.read() as session:
        link = _find(session, token, database.now())
        return seen(load(session, link.account_id)) if link.account_id else None


def make_first_admin(database: Database, *, token: str, name: str, password: str) -> Account:
    """The first account, with both roles, by the link that the console showed."""
    passwords.check_rule(password, name=name)
    kept = passwords.hashed(password)
    with database.write() as session:
        link = _find(session, token, database.now())
        if link.account_id or session.scalar(select(AccountRow.id).limit(1)):
            raise LinkUsed
        row = insert(session, at=database.now(), name=name, roles=ROLES)
        row.password = kept
        session.delete(link)
        audit.append(
            session,
            at=database.now(),
            account_id=row.id,
            kind="first administrator made",
            object_id=row.id,
        )
        return seen(row)


def set_password(database: Database, *, token: str, password: str) -> Account:
    """Sets the password of the link's account and ends all its sessions; the link is used up."""
    account = whose(database, token)
    if account is None:
        raise LinkUsed
    passwords.check_rule(password, name=account.name)
    kept = passwords.hashed(password)
    with database.write() as session:
        _find(session, token, database.now())
        row = load(session, account.id)
        row.password = kept
        session.execute(delete(LinkRow).where(LinkRow.account_id == row.id))
        session.execute(
            update(SessionRow)
            .where(SessionRow.account_id == row.id, SessionRow.ended_at.is_(None))
            .values(ended_at=database.now())
        )
        audit.append(
            session,
            at=database.now(),
            account_id=row.id,
            kind="password set by link",
            object_id=row.id,
        )
        return seen(row)


def _make(session: Session, account_id: str | None, at: datetime.datetime) -> str:
    token = secrets.token_urlsafe(32)
    session.execute(delete(LinkRow).where(LinkRow.account_id == account_id))
    session.add(LinkRow(token=_hashed(token), account_id=account_id, made_at=at))
    return token


def _find(session: Session, token: str, at: datetime.datetime) -> LinkRow:
    link = session.get(LinkRow, _hashed(token))
    if link is None or at - link.made_at > LASTS:
        raise LinkUsed
    if link.account_id and load(session, link.account_id).disabled:
        raise LinkUsed
    return link


def _hashed(token: str) -> str:
    # 256 random bits need no slow hash.
    return hashlib.sha256(token.encode()).hexdigest()
