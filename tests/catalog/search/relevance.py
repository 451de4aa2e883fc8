"""How well what is found answers what was typed: judged queries, and the figures made of them."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Judged:
    """What is typed, in a language, and among how many of the first an answer must be."""

    typed: str
    language: str
    wanted: str
    within: int = 1


@dataclass(frozen=True)
class Score:
    """Figures of a table of queries: by where in what was found the first answer stands."""

    places: Sequence[int | None]

    @property
    def mean_reciprocal_rank(self) -> float:
        """1 where each answer stands first, 1/2 where each stands second; nothing found adds 0."""
        return sum(1 / place for place in self.places if place) / len(self.places)

    def recall(self, first: int) -> float:
        """The share of queries with an answer among the first so many."""
        return sum(1 for place in self.places if place and place <= first) / len(self.places)

    def __str__(self) -> str:
        recalls = (f"recall@{first} {self.recall(first):.3f}" for first in (1, 5, 10))
        return f"MRR {self.mean_reciprocal_rank:.3f}, " + ", ".join(recalls)
