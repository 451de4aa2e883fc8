"""The OpenAPI document."""

import json
import tempfile
from pathlib import Path

import click

from marketplace.commands.terminal import says_what_is_wrong
from marketplace.platform.documents import keep
from marketplace.platform.settings import Secrets, Settings


@click.command()
@click.argument("path", type=click.Path(path_type=Path, dir_okay=False), required=False)
@click.option("--check", is_flag=True, help="Fail if the file is not what the code would write.")
@says_what_is_wrong
def openapi(path: Path | None, check: bool) -> None:
    """Write the OpenAPI document, to PATH or to the terminal."""
    keep(_document(), path, check=check, cure="make openapi")


def _document() -> str:
    from marketplace.app import assemble, create_litestar
    from marketplace.platform.http.openapi import openapi_document

    with tempfile.TemporaryDirectory() as scratch:
        settings = Settings(
            "postgresql://localhost",
            "redis://localhost:6379",
            Secrets("of no use: nothing is served by it"),
            data_directory=Path(scratch),
        )
        document = openapi_document(create_litestar(assemble(settings)))
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
