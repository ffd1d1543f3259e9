"""Scales: distances marked in photos, and the width of a visit's field of view."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision: str | None = "0007"


def upgrade() -> None:
    """Makes the table, and the visits' columns."""
    op.create_table(
        "scale",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("photo_id", sa.String(32), nullable=False),
        sa.Column("ends", sa.JSON(), nullable=False),
        sa.Column("millimetres", sa.Double(), nullable=False),
        sa.Column("replaces_id", sa.String(32), nullable=True),
        sa.Column("current", sa.Boolean(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("account_id", sa.String(64), nullable=False),
        sa.ForeignKeyConstraint(["photo_id"], ["photo.id"], name="fk_scale_photo_id_photo"),
        sa.ForeignKeyConstraint(["replaces_id"], ["scale.id"], name="fk_scale_replaces_id_scale"),
        sa.PrimaryKeyConstraint("id", name="pk_scale"),
        sa.UniqueConstraint("replaces_id", name="uq_scale_replaces_id"),
    )
    op.create_index("ix_scale_photo_id", "scale", ["photo_id"])
    op.add_column("visit", sa.Column("field_mm", sa.Double(), nullable=True))
    op.add_column("visit", sa.Column("field_within_mm", sa.Double(), nullable=True))
