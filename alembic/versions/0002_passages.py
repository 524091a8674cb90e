"""Words of texts, names and metadata, to be searched as words"""

from __future__ import annotations

import sqlalchemy as sa

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

#: FTS5 keeps an index of ``passages`` and none of its text; triggers keep it true.
FTS5 = (
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

#: What the above does, as PostgreSQL has it: accents go, what is neither letter nor digit separates
#: words, and Porter's stems are kept with how often each occurs. Functions that RETURN, instead
#: of holding SQL as text, keep their meaning when a backup is restored.
TSVECTOR = (
    r"CREATE FUNCTION passages_plain(said text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE "
    r"RETURN trim(regexp_replace(regexp_replace(normalize(left(said, 100000), NFD), "
    r"'[\u0300-\u036f]', '', 'g'), "
    r"'[\u0001-\u002f\u003a-\u0040\u005b-\u0060\u007b-\u00bf\u2000-\u206f\u3000-\u303f]+', "
    r"' ', 'g'))",
    "CREATE TEXT SEARCH DICTIONARY passages_stem (TEMPLATE = snowball, LANGUAGE = porter)",
    "CREATE TEXT SEARCH CONFIGURATION passages_words (COPY = simple)",
    "ALTER TEXT SEARCH CONFIGURATION passages_words "
    "ALTER MAPPING REPLACE simple WITH passages_stem",
    'ALTER TABLE passages ALTER passage TYPE text COLLATE "C", ALTER about TYPE text COLLATE "C"',
    "ALTER TABLE passages "
    "ADD index_words tsvector NOT NULL GENERATED ALWAYS AS "
    "(to_tsvector('passages_words', passages_plain(passage || ' ' || about))) STORED, "
    "ADD index_length int NOT NULL GENERATED ALWAYS AS "
    "(cardinality(string_to_array(passages_plain(passage || ' ' || about), ' '))) STORED",
    "CREATE INDEX passages_index ON passages USING gin (index_words) WITH (fastupdate = off)",
    "CREATE INDEX passages_index_length ON passages (index_length)",
)
FULL_TEXT = {"sqlite": FTS5, "postgresql": TSVECTOR}
NO_FULL_TEXT = {
    "sqlite": ("DROP TABLE passages_index",),
    "postgresql": (
        "ALTER TABLE passages DROP index_words, DROP index_length",
        "DROP TEXT SEARCH CONFIGURATION passages_words",
        "DROP TEXT SEARCH DICTIONARY passages_stem",
        "DROP FUNCTION passages_plain",
    ),
}


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
    for statement in FULL_TEXT[op.get_bind().dialect.name]:
        op.get_bind().exec_driver_sql(statement)


def downgrade() -> None:
    for statement in NO_FULL_TEXT[op.get_bind().dialect.name]:
        op.get_bind().exec_driver_sql(statement)
    op.drop_table("passages")
