"""The base of all tables and the few column types they are made of."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, DateTime, LargeBinary, MetaData, Numeric, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, mapped_column

Id = Annotated[UUID, mapped_column(Uuid, primary_key=True)]
"""Primary key, UUIDv7."""
Amount = Annotated[Decimal, mapped_column(Numeric(24, 6))]
"""Unit price or amount: 18 digits before the point, six places after it."""
Quantity = Annotated[Decimal, mapped_column(Numeric(24, 6))]
CurrencyCode = Annotated[str, mapped_column(Text)]
Instant = Annotated[datetime, mapped_column(DateTime(timezone=True))]
"""An instant, in UTC; microseconds."""
Hash = Annotated[bytes, mapped_column(LargeBinary)]
"""SHA-256."""
Number = Annotated[int, mapped_column(BigInteger)]


class Base(DeclarativeBase):
    """All tables of all packages, in one MetaData, so that one `alembic check` sees them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy's own form
        str: Text,
        datetime: DateTime(timezone=True),
        dict[str, Any]: JSONB,
        list[dict[str, Any]]: JSONB,
        list[UUID]: ARRAY(Uuid),
        list[str]: ARRAY(Text),
    }
