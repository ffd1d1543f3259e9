"""The audit log cannot be changed unnoticed, and holds no text about patients."""

import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import text as sql

from records import audit, chain
from records.access.actors import Actor
from records.database import Database, file_of
from records.errors import NotAllowed, RecordError
from records.schema import open_database
from tests.records.clinic import CLINIC, OFFICE, Clock


def write(database: Database, count: int, *, actor: Actor = CLINIC) -> None:
    for number in range(count):
        with database.write() as session:
            audit.append(
                session,
                at=database.now(),
                account_id=actor.account_id,
                kind="patient added",
                object_id=f"{number:032}",
                detail={"photos": number},
            )


def test_a_chain_is_whole_and_newest_come_first(database: Database) -> None:
    write(database, 3)
    verdict = chain.verify(database, actor=OFFICE, copied=chain.head(database, actor=OFFICE))
    assert verdict == chain.Verdict(
        True, 3, "The audit log is whole: 3 entries, and entry 3 of the copied head is in it."
    )
    assert [row.seq for row in audit.entries(database, actor=OFFICE)] == [3, 2, 1]
    assert [row.seq for row in audit.entries(database, actor=OFFICE, before=3, limit=1)] == [2]
    assert len(audit.entries(database, actor=OFFICE, object_id=f"{1:032}")) == 1
    assert audit.entries(database, actor=OFFICE, account_id="other") == []
    with pytest.raises(NotAllowed):
        audit.entries(database, actor=CLINIC)


@pytest.mark.parametrize(
    "statement", ["UPDATE audit SET kind = 'nothing'", "DELETE FROM audit WHERE seq = 2"]
)
def test_the_database_refuses_changes(database: Database, statement: str) -> None:
    write(database, 2)
    with pytest.raises(RecordError), database.write() as session:
        session.execute(sql(statement))
    assert chain.verify(database, actor=OFFICE).sound


@pytest.mark.parametrize(
    ("statement", "at"),
    [
        ("UPDATE audit SET account_id = 'x' WHERE seq = 2", 2),
        ("UPDATE audit SET detail = '{}' WHERE seq = 3", 3),
        ("UPDATE audit SET at = '2025-03-12 09:30:00.000001' WHERE seq = 1", 1),
        ("DELETE FROM audit WHERE seq = 2", 2),
        ("UPDATE audit SET seq = 9 WHERE seq = 4", 4),
    ],
)
def test_tampering_with_the_file_is_found(
    sqlite_url: str, clock: Clock, statement: str, at: int
) -> None:
    database = open_database(sqlite_url, clock=clock)
    write(database, 4)
    raw = sqlite3.connect(file_of(sqlite_url) or Path())
    raw.execute("DROP TRIGGER audit_no_update")
    raw.execute("DROP TRIGGER audit_no_delete")
    raw.execute(statement)
    raw.commit()
    raw.close()
    verdict = chain.verify(database, actor=OFFICE)
    assert not verdict.sound and f"entry {at}." in verdict.sentence
    database.close()


def test_a_copied_head_shows_that_the_end_was_cut_off(sqlite_url: str) -> None:
    database = open_database(sqlite_url)
    write(database, 3)
    head = chain.head(database, actor=OFFICE)
    raw = sqlite3.connect(file_of(sqlite_url) or Path())
    raw.execute("DROP TRIGGER audit_no_delete")
    raw.execute("DELETE FROM audit WHERE seq = 3")
    raw.commit()
    raw.close()
    assert chain.verify(database, actor=OFFICE).sound
    assert not chain.verify(database, actor=OFFICE, copied=head).sound
    database.close()


def test_an_entry_is_saved_with_the_deed_or_not_at_all(database: Database) -> None:
    with pytest.raises(ZeroDivisionError), database.write() as session:
        audit.append(session, at=database.now(), account_id="a", kind="patient added")
        raise ZeroDivisionError
    assert chain.head(database, actor=OFFICE).seq == 0


@pytest.mark.parametrize("text", ["x" * 81, "Müller; Anna", "born <1958>", 0.3])
def test_text_about_patients_is_refused(database: Database, text: str) -> None:
    with pytest.raises(ValueError, match="does not belong"), database.write() as session:
        audit.append(
            session, at=database.now(), account_id="a", kind="patient added", detail={"name": text}
        )


def test_a_page_that_reruns_is_one_look(database: Database, clock: Clock) -> None:
    for _ in range(3):
        audit.looked(database, actor=CLINIC, kind="patient viewed", object_id="p")
    audit.looked(database, actor=OFFICE, kind="patient viewed", object_id="p")
    clock.pass_by(minutes=16)
    audit.looked(database, actor=CLINIC, kind="patient viewed", object_id="p")
    clock.pass_by(days=-1)  # a clock that was put back does not hide a look
    audit.looked(database, actor=CLINIC, kind="patient viewed", object_id="p")
    assert chain.head(database, actor=OFFICE).seq == 4


def test_csv_cannot_run_as_a_formula(database: Database) -> None:
    write(database, 1)
    table = audit.to_csv(
        audit.entries(database, actor=OFFICE), names={CLINIC.account_id: "=HYPERLINK(1)"}
    )
    assert "'=HYPERLINK(1),patient added," in table and "photos 0" in table
