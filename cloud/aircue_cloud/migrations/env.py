"""Run by Alembic for every command: steps on the connection it was given, in the transaction that is open there."""

from alembic import context

from aircue_cloud import tables


def run() -> None:
    connection = context.config.attributes["connection"]
    context.configure(connection=connection, target_metadata=tables.metadata)
    with context.begin_transaction():
        context.run_migrations()


if __name__ == "env_py":  # what Alembic calls this file
    run()
