"""Words of texts, names and metadata, to be searched as words"""

from __future__ import annotations

import sqlalchemy as sa

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

#: FTS5 keeps an index of ``passages`` and none of its text; triggers keep it true.
FULL_TEXT = (
    "CREATE VIRTUAL TABLE passages_index USING fts5(passage, about, content='passages', "
    "content_rowid='segment_id', tokenize='porter unicode61 remove_diacritics 2')",
    "CREATE TRIGGER passages_added AFTER INSERT ON passages BEGIN "
    "INSERT INTO passages_index(rowid, passage, about) "
    "VALUES (new.segment_id, new.passage, new.about); END",
    "CREATE TRIGGER passages_removed AFTER DELETE ON passages BEGIN "
    "INSERT INTO passages_index(passages_index, rowid, passage, about) "
    "VALUES ('delete', old.segment_id, old.passage, old.about); END",
    "CREATE TRIGGER passages_changed AFTER UPDATE ON passages BEGIN "
    "INSERT INTO passages_index(passages_index, rowid, passage, about) "
    "VALUES ('delete', old.segment_id, old.passage, old.about); "
    "INSERT INTO passages_index(rowid, passage, about) "
    "VALUES (new.segment_id, new.passage, new.about); END",
)


def upgrade() -> None:
    op.create_table(
        "passages",
        sa.Column("segment_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("passage", sa.Text(), nullable=False),
        sa.Column("about", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["segment_id"],
            ["segments.id"],
            name=op.f("fk_passages_segment_id_segments"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("segment_id", name=op.f("pk_passages")),
    )
    for statement in FULL_TEXT:
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP TABLE passages_index")
    op.drop_table("passages")
