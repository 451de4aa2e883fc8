"""Documents that are made from the code and kept in the repository, so that changes are seen."""

from pathlib import Path
from typing import Any

import click
import msgspec


def document_text(document: Any) -> str:
    """Give a document as it is kept."""
    raw = msgspec.json.encode(document)
    return msgspec.json.format(raw, indent=2).decode() + "\n"


def keep(document: str, path: Path | None, *, check: bool, cure: str) -> None:
    """Write a document to `path`, or to the terminal; with `check` only compare it.

    Raises ClickException naming the cure where the file is not what the code says.
    """
    if path is None:
        click.echo(document, nl=False)
    elif not check:
        path.write_text(document)
    elif not path.exists() or path.read_text() != document:
        raise click.ClickException(f"{path} is not what the code says; write it anew: {cure}")
