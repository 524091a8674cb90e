"""The SQL tables. Nothing here is particular to SQLite.

A *generation* is what a collection looks like after one commit: the rows of ``files`` and
``tombstones`` that commit left. Files on disk that no row names are left-overs.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, MetaData, String, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

#: SQLite only numbers rows by itself when the key is exactly INTEGER.
Key = BigInteger().with_variant(Integer, "sqlite")


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class LibraryRow(Base):
    """One row: the next ids to give out, and whether the last writer closed the library."""

    __tablename__ = "library"
    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    next_item_id: Mapped[int] = mapped_column(BigInteger)
    next_segment_id: Mapped[int] = mapped_column(BigInteger)
    next_file_number: Mapped[int] = mapped_column(BigInteger)
    clean: Mapped[bool]


class CollectionRow(Base):
    """``budget_bytes`` is what its indexes may take in memory; NULL is no limit."""

    __tablename__ = "collections"
    __table_args__ = {"sqlite_autoincrement": True}  # noqa: RUF012 - SQLAlchemy's own idiom
    id: Mapped[int] = mapped_column(Key, primary_key=True)
    name: Mapped[str] = mapped_column(String(200), unique=True)
    encoder: Mapped[str] = mapped_column(String(200))
    identity: Mapped[str] = mapped_column(String(200))
    options: Mapped[str] = mapped_column(Text)
    dim: Mapped[int]
    generation: Mapped[int]
    budget_bytes: Mapped[int | None] = mapped_column(BigInteger)


class RootRow(Base):
    """A folder or file that was indexed."""

    __tablename__ = "roots"
    __table_args__ = (Index(None, "collection_id", "path", unique=True),)
    id: Mapped[int] = mapped_column(Key, primary_key=True)
    collection_id: Mapped[int] = mapped_column(ForeignKey("collections.id", ondelete="CASCADE"))
    path: Mapped[str] = mapped_column(Text)


class ItemRow(Base):
    """A media file. ``recipe`` digests how it was cut and embedded; ``row`` is its
    metadata.jsonl row and ``metadata`` what the file says of itself, both as JSON text, which
    is only parsed for hits; filters use ``fields``."""

    __tablename__ = "items"
    __table_args__ = (
        Index(None, "collection_id", "path", unique=True),
        Index(None, "collection_id", "sha256"),
    )
    id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    collection_id: Mapped[int] = mapped_column(ForeignKey("collections.id", ondelete="CASCADE"))
    path: Mapped[str] = mapped_column(Text)
    modality: Mapped[str] = mapped_column(String(16))
    mime_type: Mapped[str] = mapped_column(String(100))
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    modified_ns: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(String(64))
    recipe: Mapped[str] = mapped_column(String(64))
    duration_s: Mapped[float | None]
    row: Mapped[str] = mapped_column(Text)
    metadata_: Mapped[str] = mapped_column("metadata", Text)


class FieldRow(Base):
    """One value of one metadata field, so that filters use an index. Lists give several rows."""

    __tablename__ = "fields"
    __table_args__ = (
        Index(None, "item_id"),
        Index(None, "name", "number", "item_id"),
        Index(None, "name", "text", "item_id"),
    )
    id: Mapped[int] = mapped_column(Key, primary_key=True)
    item_id: Mapped[int] = mapped_column(ForeignKey("items.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(200))
    text: Mapped[str] = mapped_column(String(1000))
    number: Mapped[float | None]


class SegmentRow(Base):
    """What is found; ``id`` is the id of its vector, given out by ``LibraryRow``."""

    __tablename__ = "segments"
    __table_args__ = (Index(None, "item_id"),)
    id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    item_id: Mapped[int] = mapped_column(ForeignKey("items.id", ondelete="CASCADE"))
    modality: Mapped[str] = mapped_column(String(16))
    ordinal: Mapped[int]
    start: Mapped[float | None]
    end: Mapped[float | None]
    unit: Mapped[str | None] = mapped_column(String(8))


class PassageRow(Base):
    """Words of a segment: the ``passage`` of a text, and with an item's first segment what is said
    ``about`` the item. ``passages_index`` is SQLite's full-text index of it."""

    __tablename__ = "passages"
    segment_id: Mapped[int] = mapped_column(
        BigInteger,
        ForeignKey("segments.id", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    )
    passage: Mapped[str] = mapped_column(Text)
    about: Mapped[str] = mapped_column(Text)


class FileRow(Base):
    """A file of vectors or of an index. Of an index, ``last_id`` is the newest segment it holds and
    ``trained_on`` the number of vectors its lists and codes were learnt from. ``settled``
    files were checked, or written by a writer that closed the library in order."""

    __tablename__ = "files"
    __table_args__ = (Index(None, "collection_id", "modality"),)
    id: Mapped[int] = mapped_column(Key, primary_key=True)
    collection_id: Mapped[int] = mapped_column(ForeignKey("collections.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(String(16))
    modality: Mapped[str] = mapped_column(String(16))
    path: Mapped[str] = mapped_column(String(200), unique=True)
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    checksum: Mapped[str] = mapped_column(String(64))
    rows: Mapped[int] = mapped_column(BigInteger)
    first_id: Mapped[int] = mapped_column(BigInteger)
    last_id: Mapped[int] = mapped_column(BigInteger)
    trained_on: Mapped[int] = mapped_column(BigInteger, default=0)
    settled: Mapped[bool] = mapped_column(default=False)
    points: Mapped[list[PointRow]] = relationship(
        lazy="selectin", cascade="all, delete-orphan", passive_deletes=True
    )


class PointRow(Base):
    """The effort of searching an index for queries of the modality ``asked``, as measured when it
    held ``rows`` vectors: share of lists ``probed``, candidates a hit (``rerank_factor``)."""

    __tablename__ = "operating_points"
    __table_args__ = (Index(None, "file_id"),)
    id: Mapped[int] = mapped_column(Key, primary_key=True)
    file_id: Mapped[int] = mapped_column(ForeignKey("files.id", ondelete="CASCADE"))
    asked: Mapped[str] = mapped_column(String(16))
    probed: Mapped[float]
    rerank_factor: Mapped[int]
    recall: Mapped[float]
    queries: Mapped[int]
    rows: Mapped[int] = mapped_column(BigInteger)


class TombstoneRow(Base):
    """A vector that is still in a shard but no longer anyone's."""

    __tablename__ = "tombstones"
    __table_args__ = (Index(None, "collection_id", "modality"),)
    segment_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    collection_id: Mapped[int] = mapped_column(ForeignKey("collections.id", ondelete="CASCADE"))
    modality: Mapped[str] = mapped_column(String(16))


class KeyRow(Base):
    """A key of the server: only its SHA-256, for a key is 256 random bits. Times are Unix s."""

    __tablename__ = "keys"
    id: Mapped[int] = mapped_column(Key, primary_key=True)
    name: Mapped[str] = mapped_column(String(200), unique=True)
    digest: Mapped[str] = mapped_column(String(64))
    scope: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[float]


class JobRow(Base):
    """An index job of the server. ``paths``, ``options``, ``progress`` and ``report`` are JSON
    text. Its worker writes ``heartbeat``; all times are Unix s."""

    __tablename__ = "jobs"
    __table_args__ = (Index(None, "state"),)
    id: Mapped[int] = mapped_column(Key, primary_key=True)
    collection: Mapped[str] = mapped_column(String(200))
    paths: Mapped[str] = mapped_column(Text)
    options: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(16))
    progress: Mapped[str] = mapped_column(Text)
    report: Mapped[str | None] = mapped_column(Text)
    error: Mapped[str | None] = mapped_column(Text)
    cancel: Mapped[bool] = mapped_column(default=False)
    heartbeat: Mapped[float] = mapped_column(default=0.0)
    created_at: Mapped[float]
    started_at: Mapped[float | None]
    finished_at: Mapped[float | None]
