"""All words of a patient beside each of them, so that a search for several reads one index."""

from itertools import groupby

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision: str | None = "0006"

FOLDED = sa.String(300).with_variant(sa.String(300, collation="C"), "postgresql")


def upgrade() -> None:
    """Makes the table anew, with the words of the old one."""
    connection = op.get_bind()
    before = sa.table("term", sa.column("term"), sa.column("patient_id"))
    found = connection.execute(sa.select(before).order_by(before.c.patient_id, before.c.term))
    rows = []
    for patient_id, pairs in groupby(found.all(), key=lambda row: row.patient_id):
        terms = [pair.term for pair in pairs]
        words = " " + " ".join(terms)
        rows += [{"term": term, "patient_id": patient_id, "words": words} for term in terms]
    op.drop_table("term")
    made = op.create_table(
        "term",
        sa.Column("term", FOLDED, nullable=False),
        sa.Column("patient_id", sa.String(32), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["patient_id"], ["patient.id"], name="fk_term_patient_id_patient"),
        sa.PrimaryKeyConstraint("term", "patient_id", name="pk_term"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_term_patient_id", "term", ["patient_id"])
    if rows:
        connection.execute(sa.insert(made), rows)
