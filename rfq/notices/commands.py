"""`marketplace import-notice FILE`: take a notice over as a draft, and see what was not."""

from pathlib import Path
from typing import Any, Final

import click
import httpx
from rich.console import Console

from catalog.imports.commands import ImportFailed, answered
from marketplace.kernel.ids import new_id

ROWS_SHOWN: Final = 20


@click.command("import-notice")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--url", default="http://127.0.0.1:8000", show_default=True, help="The API.")
@click.option("--key", envvar="MARKETPLACE_KEY", required=True, help="Your API key.")
@click.option("--currency", default="EUR", show_default=True, help="Where the notice names none.")
@click.option("--dry-run", is_flag=True, help="Tell what would come of it; write nothing.")
@click.option("--all", "everything", is_flag=True, help="Show every row of the report.")
def import_notice(
    file: Path, url: str, key: str, currency: str, dry_run: bool, everything: bool
) -> None:
    """Make a draft of FILE (OCDS 1.1 or eForms), and show what was taken over."""
    console = Console(highlight=False, soft_wrap=True)
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/octet-stream"}
    if not dry_run:
        headers["Idempotency-Key"] = str(new_id())
    address = "/v1/procedures/import/check" if dry_run else "/v1/procedures/import"
    try:
        with httpx.Client(base_url=url, headers=headers, timeout=60) as http:
            answer = http.post(address, params={"currency": currency}, content=file.read_bytes())
    except httpx.TransportError as error:
        raise ImportFailed(f"{url} does not answer: {error!r}") from error
    tell(answered(answer), console, None if everything else ROWS_SHOWN)


def tell(done: dict[str, Any], console: Console, most: int | None) -> None:
    """Show what became of a notice; of each list `most` rows."""
    report = done["report"]
    console.print(f"{report['kind']} {report['notice_id']} ({report['format']})", markup=False)
    _rows(
        console,
        f"Taken over ({report['mapped_count']})",
        [
            f"{row['field']} = {row['value']}" + (f" ({row['note']})" if row["note"] else "")
            for row in report["mapped"]
        ],
        most,
    )
    _rows(
        console,
        f"Not taken over ({report['unmapped_count']})",
        [f"{row['source']} = {row['value']} [{row['reason']}]" for row in report["unmapped"]],
        most,
    )
    _rows(
        console,
        "Documents to upload",
        [f"{row['title']} {row['address']}" for row in report["documents"]],
        most,
    )
    _rows(
        console,
        "For you to decide",
        [f"{', '.join(row['fields'])} {row['detail']}".strip() for row in report["decisions"]],
        None,
    )
    made = done.get("procedure")
    where = f"The draft is {made['id']}." if made else "Dry run, nothing was written."
    console.print(where, markup=False)


def _rows(console: Console, heading: str, rows: list[str], most: int | None) -> None:
    if not rows:
        return
    console.print(f"{heading}:", markup=False)
    for row in rows[:most]:
        console.print(f"  {row}", markup=False)
    if most is not None and len(rows) > most:
        console.print(f"  … {len(rows) - most} more; --all shows them", markup=False)
