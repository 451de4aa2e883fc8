"""Arrays as Postgres reads them, for parameters that are cast.

The driver looks at each value of an array that it is given, which takes longer than all that
Postgres does with them.
"""

from collections.abc import Iterable


def array(texts: Iterable[str]) -> str:
    """Write an array of what needs no quotes, or has them."""
    return "{" + ",".join(texts) + "}"


def quoted(text: str) -> str:
    """Write any text as a value of an array."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
