"""What Alembic runs a revision in: the connection, transaction and version table that `eventlog.migration` gives it."""

from __future__ import annotations

from alembic import context

_given = context.config.attributes

context.configure(connection=_given["connection"], version_table=_given["version_table"], **_given["comparison"])
with context.begin_transaction():
    context.run_migrations()
