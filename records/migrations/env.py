"""Alembic's entry: migrates the connection that records.schema hands over, in its transaction."""

from alembic import context

from records.database import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    transactional_ddl=True,  # SQLite's DDL is, where BEGIN is sent by hand as we do
    transaction_per_migration=False,
    render_as_batch=True,
)
context.run_migrations()
