"""Patients, lesions, visits, photos, assessments, diagnoses, plans, and what surrounds them."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

MOMENT = sa.DateTime(timezone=True)
FOLDED = sa.String(300).with_variant(sa.String(300, collation="C"), "postgresql")
LIVE: dict[str, Any] = {
    "sqlite_where": sa.text("deleted_at IS NULL"),
    "postgresql_where": sa.text("deleted_at IS NULL"),
}


def upgrade() -> None:
    """Makes the tables."""
    op.create_table(
        "backup",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("begun_at", MOMENT, nullable=False),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.Column("ok", sa.Boolean(), nullable=False),
        sa.Column("sentence", sa.Text(), nullable=False),
        sa.Column("account_id", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_backup"),
    )
    op.create_index("ix_backup_begun_at", "backup", ["begun_at"])
    op.create_table(
        "blob",
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("stored_at", MOMENT, nullable=False),
        sa.Column("fault", sa.String(8), nullable=False),
        sa.Column("fault_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("sha256", name="pk_blob"),
    )
    op.create_table(
        "deletion",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("object_id", sa.String(32), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("account_id", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_deletion"),
    )
    op.create_index("ix_deletion_at", "deletion", ["at"])
    op.create_table(
        "erasure",
        sa.Column("patient_id", sa.String(32), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("patient_id", name="pk_erasure"),
    )
    op.create_table(
        "patient",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("clinic_id", sa.String(64), nullable=False),
        sa.Column("clinic_key", FOLDED, nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("year_of_birth", sa.Integer(), nullable=True),
        sa.Column("sex", sa.String(16), nullable=False),
        sa.Column("phototype", sa.Integer(), nullable=True),
        sa.Column("added_at", MOMENT, nullable=False),
        sa.Column("added_by", sa.String(64), nullable=False),
        sa.Column("edition", sa.Integer(), nullable=False),
        sa.Column("deleted_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_patient"),
    )
    op.create_index("ix_patient_clinic_key", "patient", ["clinic_key"], unique=True, **LIVE)
    op.create_table(
        "preference",
        sa.Column("name", sa.String(40), nullable=False),
        sa.Column("value", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_preference"),
    )
    op.create_table(
        "receipt",
        sa.Column("account_id", sa.String(64), nullable=False),
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("made", sa.JSON(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("account_id", "key", name="pk_receipt"),
    )
    op.create_index("ix_receipt_at", "receipt", ["at"])
    op.create_table(
        "lesion",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("patient_id", sa.String(32), nullable=False),
        sa.Column("label", sa.String(80), nullable=False),
        sa.Column("site", sa.String(40), nullable=False),
        sa.Column("map_view", sa.String(8), nullable=False),
        sa.Column("map_x", sa.Double(), nullable=True),
        sa.Column("map_y", sa.Double(), nullable=True),
        sa.Column("history", sa.Text(), nullable=False),
        sa.Column("excised_on", sa.Date(), nullable=True),
        sa.Column("added_at", MOMENT, nullable=False),
        sa.Column("added_by", sa.String(64), nullable=False),
        sa.Column("edition", sa.Integer(), nullable=False),
        sa.Column("deleted_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(
            ["patient_id"], ["patient.id"], name="fk_lesion_patient_id_patient"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_lesion"),
    )
    op.create_index("ix_lesion_patient_id", "lesion", ["patient_id"])
    op.create_table(
        "overview",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("patient_id", sa.String(32), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("media_type", sa.String(40), nullable=False),
        sa.Column("taken_on", sa.Date(), nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("added_at", MOMENT, nullable=False),
        sa.Column("added_by", sa.String(64), nullable=False),
        sa.Column("deleted_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(
            ["patient_id"], ["patient.id"], name="fk_overview_patient_id_patient"
        ),
        sa.ForeignKeyConstraint(["sha256"], ["blob.sha256"], name="fk_overview_sha256_blob"),
        sa.PrimaryKeyConstraint("id", name="pk_overview"),
    )
    op.create_index(
        "ix_overview_patient_id_sha256", "overview", ["patient_id", "sha256"], unique=True, **LIVE
    )
    op.create_index("ix_overview_sha256", "overview", ["sha256"])
    op.create_table(
        "recent",
        sa.Column("account_id", sa.String(64), nullable=False),
        sa.Column("patient_id", sa.String(32), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["patient_id"], ["patient.id"], name="fk_recent_patient_id_patient"
        ),
        sa.PrimaryKeyConstraint("account_id", "patient_id", name="pk_recent"),
    )
    op.create_index("ix_recent_account_id_at", "recent", ["account_id", "at"])
    op.create_index("ix_recent_patient_id", "recent", ["patient_id"])
    op.create_table(
        "term",
        sa.Column("term", FOLDED, nullable=False),
        sa.Column("patient_id", sa.String(32), nullable=False),
        sa.ForeignKeyConstraint(["patient_id"], ["patient.id"], name="fk_term_patient_id_patient"),
        sa.PrimaryKeyConstraint("term", "patient_id", name="pk_term"),
    )
    op.create_index("ix_term_patient_id", "term", ["patient_id"])
    op.create_table(
        "confirmation",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("lesion_id", sa.String(32), nullable=False),
        sa.Column("code", sa.String(16), nullable=False),
        sa.Column("other", sa.String(200), nullable=False),
        sa.Column("method", sa.String(20), nullable=False),
        sa.Column("confirmed_on", sa.Date(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("replaces_id", sa.String(32), nullable=True),
        sa.Column("current", sa.Boolean(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("account_id", sa.String(64), nullable=False),
        sa.ForeignKeyConstraint(
            ["lesion_id"], ["lesion.id"], name="fk_confirmation_lesion_id_lesion"
        ),
        sa.ForeignKeyConstraint(
            ["replaces_id"], ["confirmation.id"], name="fk_confirmation_replaces_id_confirmation"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_confirmation"),
        sa.UniqueConstraint("replaces_id", name="uq_confirmation_replaces_id"),
    )
    op.create_index("ix_confirmation_lesion_id", "confirmation", ["lesion_id"])
    op.create_table(
        "impression",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("lesion_id", sa.String(32), nullable=True),
        sa.Column("code", sa.String(16), nullable=False),
        sa.Column("confidence", sa.Integer(), nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("account_id", sa.String(64), nullable=False),
        sa.ForeignKeyConstraint(
            ["lesion_id"], ["lesion.id"], name="fk_impression_lesion_id_lesion"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_impression"),
    )
    op.create_index("ix_impression_lesion_id", "impression", ["lesion_id"])
    op.create_table(
        "plan",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("lesion_id", sa.String(32), nullable=False),
        sa.Column("action", sa.String(16), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("done_on", sa.Date(), nullable=True),
        sa.Column("current", sa.Boolean(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("account_id", sa.String(64), nullable=False),
        sa.ForeignKeyConstraint(["lesion_id"], ["lesion.id"], name="fk_plan_lesion_id_lesion"),
        sa.PrimaryKeyConstraint("id", name="pk_plan"),
    )
    op.create_index("ix_plan_current_done_on_due_on", "plan", ["current", "done_on", "due_on"])
    op.create_index("ix_plan_lesion_id", "plan", ["lesion_id"])
    op.create_table(
        "visit",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("lesion_id", sa.String(32), nullable=False),
        sa.Column("day", sa.Date(), nullable=True),
        sa.Column("magnification", sa.Double(), nullable=True),
        sa.Column("polarisation", sa.String(16), nullable=False),
        sa.Column("contact", sa.String(16), nullable=False),
        sa.Column("device", sa.String(120), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("added_at", MOMENT, nullable=False),
        sa.Column("added_by", sa.String(64), nullable=False),
        sa.Column("edition", sa.Integer(), nullable=False),
        sa.Column("deleted_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["lesion_id"], ["lesion.id"], name="fk_visit_lesion_id_lesion"),
        sa.PrimaryKeyConstraint("id", name="pk_visit"),
    )
    op.create_index("ix_visit_lesion_id", "visit", ["lesion_id"])
    op.create_table(
        "assessment",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("lesion_id", sa.String(32), nullable=False),
        sa.Column("impression_id", sa.String(32), nullable=True),
        sa.Column("model_version", sa.String(120), nullable=False),
        sa.Column("model_sha256", sa.String(64), nullable=False),
        sa.Column("result", sa.JSON(), nullable=False),
        sa.Column("photos", sa.JSON(), nullable=False),
        sa.Column("maps_sha256", sa.String(64), nullable=True),
        sa.Column("made_at", MOMENT, nullable=False),
        sa.Column("saved_at", MOMENT, nullable=False),
        sa.Column("account_id", sa.String(64), nullable=False),
        sa.ForeignKeyConstraint(
            ["impression_id"], ["impression.id"], name="fk_assessment_impression_id_impression"
        ),
        sa.ForeignKeyConstraint(
            ["lesion_id"], ["lesion.id"], name="fk_assessment_lesion_id_lesion"
        ),
        sa.ForeignKeyConstraint(
            ["maps_sha256"], ["blob.sha256"], name="fk_assessment_maps_sha256_blob"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_assessment"),
    )
    op.create_index("ix_assessment_impression_id", "assessment", ["impression_id"])
    op.create_index("ix_assessment_lesion_id", "assessment", ["lesion_id"])
    op.create_index("ix_assessment_maps_sha256", "assessment", ["maps_sha256"])
    op.create_table(
        "photo",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("lesion_id", sa.String(32), nullable=False),
        sa.Column("visit_id", sa.String(32), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("media_type", sa.String(40), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("orientation", sa.Integer(), nullable=False),
        sa.Column("taken_on", sa.Date(), nullable=True),
        sa.Column("notes", sa.JSON(), nullable=False),
        sa.Column("warnings", sa.JSON(), nullable=False),
        sa.Column("added_at", MOMENT, nullable=False),
        sa.Column("added_by", sa.String(64), nullable=False),
        sa.Column("deleted_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["lesion_id"], ["lesion.id"], name="fk_photo_lesion_id_lesion"),
        sa.ForeignKeyConstraint(["sha256"], ["blob.sha256"], name="fk_photo_sha256_blob"),
        sa.ForeignKeyConstraint(["visit_id"], ["visit.id"], name="fk_photo_visit_id_visit"),
        sa.PrimaryKeyConstraint("id", name="pk_photo"),
    )
    op.create_index(
        "ix_photo_lesion_id_sha256", "photo", ["lesion_id", "sha256"], unique=True, **LIVE
    )
    op.create_index("ix_photo_sha256", "photo", ["sha256"])
    op.create_index("ix_photo_visit_id", "photo", ["visit_id"])
