"""python -m aircue_cloud.migrations.draft writes the first step anew from the tables, as long as nothing is released.

Its name carries a hash of its content, so that a database of another draft is refused, not misread.
"""

import hashlib
import re
import sys
from typing import Any, Literal

from alembic.autogenerate import produce_migrations, render_python_code
from alembic.operations.ops import UpgradeOps
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_engine

from aircue_cloud import tables
from aircue_cloud.migrations import FOLDER
from aircue_cloud.tables import guards
from aircue_cloud.tables.columns import Document, Moment

FIRST = FOLDER / "versions" / "first.py"
_TEXT = '''"""The first step: all tables. Written by python -m aircue_cloud.migrations.draft"""
# fmt: off
# ruff: noqa: E501, RUF100

import sqlalchemy as sa
from alembic import op

revision = "{name}"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    {body}
    for statement in GUARDS[op.get_bind().dialect.name]:
        op.execute(statement)


# What makes append-only tables so.
GUARDS = {{
{guards}
}}
'''


def text() -> str:
    """The step's source."""
    body, made = _body(), _guards()
    name = f"0001_{hashlib.sha256((body + made).encode()).hexdigest()[:12]}"
    return _TEXT.format(name=name, body=body, guards=made)


def main() -> None:
    FIRST.write_text(text(), encoding="utf-8")
    sys.stdout.write(f"{FIRST} written\n")


def _guards() -> str:
    """By dialect, as the lines of a dictionary."""
    lines = []
    for dialect in ("sqlite", "postgresql"):
        lines += [f'    "{dialect}": (', *(f"        {statement!r}," for statement in guards.made(dialect)), "    ),"]
    return "\n".join(lines)


def _body() -> str:
    engine = create_engine("sqlite://")
    with engine.connect() as connection:
        steps = produce_migrations(MigrationContext.configure(connection), tables.metadata).upgrade_ops
    engine.dispose()
    if not isinstance(steps, UpgradeOps):
        raise TypeError(f"expected the operations of an upgrade, got {type(steps).__name__}")
    code = render_python_code(steps, render_item=_rendered)
    return re.sub(r"^ *#.*\n", "", code, flags=re.MULTILINE).strip()


def _rendered(kind: str, item: Any, _context: Any) -> str | Literal[False]:
    """Types of our own as what the database knows them as: a step must not change when they do."""
    if kind != "type" or not isinstance(item, Moment | Document):
        return False
    return "sa.BigInteger()" if isinstance(item, Moment) else "sa.Text()"


if __name__ == "__main__":
    main()
