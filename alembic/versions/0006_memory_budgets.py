"""What the indexes of a collection may take in memory"""

from __future__ import annotations

import sqlalchemy as sa

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("collections", sa.Column("budget_bytes", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    op.drop_column("collections", "budget_bytes")
