"""What the catalog's answers are marked by."""

from sqlalchemy import BigInteger, Identity
from sqlalchemy.orm import Mapped, mapped_column

from marketplace.platform.columns import Base


class CatalogChangeRow(Base):
    """Changes to what the catalog shows, counted by triggers.

    A row is added by every statement that changes something, so that nobody waits for anybody; now
    and then rows are folded into one. The sum over all rows is the number of changes committed, and
    grows whenever one more commits, in whatever order they began.
    """

    __tablename__ = "catalog_changes"
    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    changes: Mapped[int] = mapped_column(BigInteger)
