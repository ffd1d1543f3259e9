"""Changes of the database's form, applied in order by Alembic when the program starts."""
