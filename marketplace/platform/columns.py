"""The base of all tables and the few column types they are made of."""

from datetime import date, datetime
from decimal import Decimal
from types import NoneType, UnionType
from typing import Annotated, Any, ClassVar, Final, TypeVar, Union, cast, get_args, get_origin
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    FromClause,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    Table,
    Text,
    Uuid,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import MappedColumn, mapped_column
from sqlalchemy.types import NullType, TypeEngine

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

_TYPES: Final[dict[Any, TypeEngine[Any]]] = {
    UUID: Uuid(),
    str: Text(),
    int: Integer(),
    bool: Boolean(),
    bytes: LargeBinary(),
    Decimal: Numeric(),
    date: Date(),
    datetime: DateTime(timezone=True),
    dict[str, Any]: JSONB(),
    list[dict[str, Any]]: JSONB(),
    list[UUID]: ARRAY(Uuid),
    list[str]: ARRAY(Text),
}

R = TypeVar("R", bound="Base")


class Base:
    """All tables of all packages, in one MetaData, so that one `alembic check` sees them.

    A class is declared as SQLAlchemy's mapped classes are and typed as these, and its attributes
    are the plain columns of its table: we make statements and no objects, and mappers took 9 MB
    and a fifth of a second of every process. See docs/decisions/0130-plain-columns.md.
    """

    metadata: ClassVar = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    __tablename__: ClassVar[str]
    __table_args__: ClassVar[tuple[Any, ...]] = ()
    __table__: ClassVar[Table]

    def __init_subclass__(cls) -> None:
        """Make the table of what is declared."""
        declared = [
            _column(name, annotation, cls.__dict__.get(name))
            for name, annotation in cls.__annotations__.items()
        ]
        cls.__table__ = Table(cls.__tablename__, cls.metadata, *declared, *cls.__table_args__)
        for column in declared:
            setattr(cls, column.key, column)

    @classmethod
    def __clause_element__(cls) -> FromClause:
        """Stand for the table in statements."""
        return cls.__table__


def another(row: type[R]) -> type[R]:
    """Give the same table under a name of its own, for a statement that reads it twice."""
    alias = row.__table__.alias()
    attributes = {column.key: column for column in alias.columns}
    standing_for = {"__clause_element__": staticmethod(lambda: alias)}
    return cast("type[R]", type(row.__name__, (), {**attributes, **standing_for}))


def _column(name: str, annotation: Any, given: MappedColumn[Any] | None) -> Column[Any]:
    """Make the column `name` of its annotation, `Mapped[…]`, and what was `given` beside it."""
    (python_type,) = get_args(annotation)
    nullable = get_origin(python_type) in {Union, UnionType}
    if nullable:
        (python_type,) = (each for each in get_args(python_type) if each is not NoneType)
    shared = None
    if get_origin(python_type) is Annotated:
        python_type, shared = get_args(python_type)
    column: Column[Any] = given.column if given is not None else Column()
    if shared is not None:
        column.primary_key = column.primary_key or shared.column.primary_key
    if isinstance(column.type, NullType):
        column.type = shared.column.type if shared is not None else _TYPES[python_type]
    column.name = column.key = name
    column.nullable = nullable
    return column
