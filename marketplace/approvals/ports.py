"""What approvals need from the packages whose documents wait."""

from typing import Protocol
from uuid import UUID

from marketplace.platform.database import Transaction


class ApprovalSubject(Protocol):
    """One kind of document that can wait for approval; joins the deciding transaction.

    Locks are taken in this order: the approval, its subject, what belongs to the subject.
    """

    async def content_hash(self, tx: Transaction, subject_id: UUID) -> bytes:
        """Lock the document and give the hash of its content as it is now."""
        ...

    async def approved(self, tx: Transaction, subject_id: UUID) -> None:
        """Go on with the document: all levels have approved it."""
        ...

    async def rejected(self, tx: Transaction, subject_id: UUID) -> None:
        """End the document: somebody rejected it."""
        ...


class ApprovalSubjects:
    """The kinds of documents that installed features let wait."""

    def __init__(self) -> None:
        self._by_kind: dict[str, ApprovalSubject] = {}

    def add(self, kind: str, subject: ApprovalSubject) -> None:
        """Add a kind; raises ValueError for one that is there already."""
        if kind in self._by_kind:
            msg = f"approvals of {kind} are supplied twice"
            raise ValueError(msg)
        self._by_kind[kind] = subject

    def of(self, kind: str) -> ApprovalSubject:
        """Give the kind's implementation; raises LookupError where no feature supplies it."""
        try:
            return self._by_kind[kind]
        except KeyError:
            raise LookupError(f"no installed feature lets {kind} wait for approval") from None
