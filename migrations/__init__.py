"""Alembic migrations, and how they say who sees what (`security`)."""
