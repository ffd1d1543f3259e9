"""Outlines that clinicians drew by hand."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision: str | None = "0005"


def upgrade() -> None:
    """Makes the table."""
    op.create_table(
        "outline",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("photo_id", sa.String(32), nullable=False),
        sa.Column("points", sa.JSON(), nullable=False),
        sa.Column("replaces_id", sa.String(32), nullable=True),
        sa.Column("current", sa.Boolean(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("account_id", sa.String(64), nullable=False),
        sa.ForeignKeyConstraint(["photo_id"], ["photo.id"], name="fk_outline_photo_id_photo"),
        sa.ForeignKeyConstraint(
            ["replaces_id"], ["outline.id"], name="fk_outline_replaces_id_outline"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_outline"),
        sa.UniqueConstraint("replaces_id", name="uq_outline_replaces_id"),
    )
    op.create_index("ix_outline_photo_id", "outline", ["photo_id"])
