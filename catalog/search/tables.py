"""What the catalog's answers are marked by, and what searching looks at."""

from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ForeignKey,
    Identity,
    Index,
    Numeric,
    Text,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column

from marketplace.platform.columns import Base, Id, Instant


class CatalogChangeRow(Base):
    """Changes to what the catalog shows, counted by triggers.

    A row is added by every statement that changes something, so that nobody waits for anybody; now
    and then rows are folded into one. The sum over all rows is the number of changes committed, and
    grows whenever one more commits, in whatever order they began.
    """

    __tablename__ = "catalog_changes"
    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    changes: Mapped[int] = mapped_column(BigInteger)


class SearchDocumentRow(Base):
    """What a product is found by in one language; '' is the text of no known language.

    Written by triggers on what it follows from (the function `search_index`), for products that
    buyers find. `languages` are those that have a document of their own.
    `facets` are ``c:category`` of its category and those above, and ``a:attribute=value``.
    """

    __tablename__ = "search_documents"
    product_id: Mapped[UUID] = mapped_column(ForeignKey("products.id"), primary_key=True)
    language: Mapped[str] = mapped_column(primary_key=True)
    languages: Mapped[list[str]] = mapped_column(ARRAY(Text))
    name: Mapped[str]
    name_key: Mapped[str] = mapped_column(Text(collation="C"))
    codes: Mapped[list[str]] = mapped_column(ARRAY(Text))
    facets: Mapped[list[str]] = mapped_column(ARRAY(Text))
    number_codes: Mapped[list[str]] = mapped_column(ARRAY(Text))
    number_values: Mapped[list[Decimal]] = mapped_column(ARRAY(Numeric))
    document: Mapped[Any] = mapped_column(TSVECTOR)
    __table_args__ = (
        Index("ix_search_documents_document", "document", postgresql_using="gin"),
        Index("ix_search_documents_name_key", "name_key", "product_id"),
        Index("ix_search_documents_name", "name", "product_id"),  # in the collation C
    )


class SearchWordRow(Base):
    """A word that stands in documents, for typing errors and compounds; some stand here twice.

    There is no constraint against that: two imports would wait for each other.
    """

    __tablename__ = "search_words"
    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    word: Mapped[str] = mapped_column(Text(collation="C"))
    __table_args__ = (
        Index("ix_search_words_word", "word"),
        Index(
            "ix_search_words_trigrams",
            "word",
            postgresql_using="gin",
            postgresql_ops={"word": "gin_trgm_ops"},
        ),
    )


class SearchSynonymRow(Base):
    """The operator's word of what else to look for; `language` '' is for every one.

    Without `replacements` all `terms` mean the same; with them, each term is also looked for by
    these, and not the other way round.
    """

    __tablename__ = "search_synonyms"
    id: Mapped[Id]
    language: Mapped[str]
    terms: Mapped[list[str]] = mapped_column(ARRAY(Text))
    replacements: Mapped[list[str]] = mapped_column(ARRAY(Text))
    version: Mapped[int] = mapped_column(server_default=text("1"))
    created_at: Mapped[Instant] = mapped_column(server_default=func.clock())
    __table_args__ = (Index("ix_search_synonyms_terms", "terms", postgresql_using="gin"),)


class BoughtTogetherRow(Base):
    """Two products that at least so many buyers ordered together; see `catalog.search.related`."""

    __tablename__ = "bought_together"
    product_id: Mapped[UUID] = mapped_column(ForeignKey("products.id"), primary_key=True)
    related_id: Mapped[UUID] = mapped_column(ForeignKey("products.id"), primary_key=True)
    buyers: Mapped[int]
