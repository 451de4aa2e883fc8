"""`marketplace import FILE`: upload a file and watch what becomes of it."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Final

import click
import httpx
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
)

from catalog.imports.schemas import DecimalWish, ImportKind, OnError

PIECE_BYTES: Final = 256 * 1024
POLL_SECONDS: Final = 0.5
ERRORS_SHOWN: Final = 20
_WORDS: Final = {
    "waiting": "waiting for a worker",
    "reading": "reading",
    "checking": "checking",
    "writing": "writing",
    "publishing": "publishing",
    "finished": "finished",
}


class ImportFailed(click.ClickException):
    """The import did not go through; the message says why."""


@click.command("import")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--kind", type=click.Choice([kind.value for kind in ImportKind]), required=True)
@click.option("--url", default="http://127.0.0.1:8000", show_default=True, help="The API.")
@click.option("--key", envvar="MARKETPLACE_KEY", required=True, help="Your API key.")
@click.option("--price-list", "price_list_id", help="The list that prices are for.")
@click.option("--publish", is_flag=True, help="Publish the list when the prices are in it.")
@click.option("--dry-run", is_flag=True, help="Tell what would come of it; write nothing.")
@click.option(
    "--on-error",
    type=click.Choice([each.value for each in OnError]),
    default=OnError.REFUSE_ALL.value,
    show_default=True,
)
@click.option(
    "--decimal",
    type=click.Choice([each.value for each in DecimalWish]),
    default=DecimalWish.AUTO.value,
    show_default=True,
)
def import_file(file: Path, url: str, key: str, **wishes: Any) -> None:
    """Upload FILE (CSV, XLSX, NDJSON or BMEcat) and show how far its import is.

    Ctrl-C cancels it; nothing is written then.
    """
    console = Console(highlight=False)
    params = {
        name: str(value).lower() if isinstance(value, bool) else value
        for name, value in wishes.items()
        if value not in {None, False}
    }
    headers = {"Authorization": f"Bearer {key}"}
    try:
        with httpx.Client(base_url=url, headers=headers, timeout=60) as http:
            done = run(http, file, params, console)
    except httpx.TransportError as error:
        raise ImportFailed(f"{url} does not answer: {error!r}") from error
    _tell(done, console)


def run(http: httpx.Client, file: Path, params: dict[str, Any], console: Console) -> dict[str, Any]:
    """Upload a file and wait for the end of its import; give the import as the API shows it."""
    with Progress(
        TextColumn("{task.description:22}"),
        BarColumn(),
        TaskProgressColumn(),
        DownloadColumn(),
        TextColumn("{task.fields[rows]}"),
        TimeElapsedColumn(),
        console=console,
    ) as progress:
        size = file.stat().st_size
        sending = progress.add_task("uploading", total=size, rows="")
        with file.open("rb") as opened:
            answer = http.post(
                "/v1/imports",
                params=params,
                content=_pieces(opened, lambda sent: progress.advance(sending, sent)),
                headers={"Content-Type": "application/octet-stream"},
            )
        found = answered(answer)
        working = progress.add_task(_WORDS["waiting"], total=size, rows="")
        try:
            for shown in _watched(http, found):
                found = shown
                progress.update(
                    working,
                    completed=found["progress"]["done"],
                    description=_WORDS[found["phase"]],
                    rows=_rows(found),
                )
        except KeyboardInterrupt:
            found = _cancelled(http, found)
    return found


def _cancelled(http: httpx.Client, found: dict[str, Any]) -> dict[str, Any]:
    """Cancel the import and give it as it is then; what is finished by now has not been."""
    answer = http.post(f"/v1/imports/{found['id']}/cancel")
    finished = answer.status_code == httpx.codes.CONFLICT
    return answered(http.get(f"/v1/imports/{found['id']}") if finished else answer)


def _watched(http: httpx.Client, found: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Give the import as it is, again and again, until it has ended."""
    yield found
    while found["status"] not in {"done", "failed"}:
        time.sleep(POLL_SECONDS)
        found = answered(http.get(f"/v1/imports/{found['id']}"))
        yield found


def _pieces(opened: BinaryIO, tell: Any) -> Iterator[bytes]:
    while piece := opened.read(PIECE_BYTES):
        yield piece
        tell(len(piece))


def _rows(found: dict[str, Any]) -> str:
    read, total = found["rows_read"], found.get("rows_total_estimated")
    if not read:
        return ""
    return f"{read:,} rows" if total in {None, read} else f"{read:,} of about {total:,} rows"


def answered(answer: httpx.Response) -> dict[str, Any]:
    """Give what the API answered; raises ImportFailed with all it says is wrong."""
    if answer.is_success:
        found: dict[str, Any] = answer.json()
        return found
    try:
        problem = answer.json()
        told = [problem.get("detail") or problem.get("title", "")]
        told += [f"  {e['pointer']}: {e['detail']}" for e in problem.get("errors", ())]
    except ValueError:
        told = [answer.text[:500]]
    raise ImportFailed(f"{answer.status_code}: " + "\n".join(told))


def _tell(done: dict[str, Any], console: Console) -> None:
    for error in done["errors"][:ERRORS_SHOWN]:
        place = f"line {error['line']}" if error["line"] else "file"
        column = f", {error['column']}" if error["column"] else ""
        value = f" ({error['value']!r})" if error["value"] else ""
        console.print(f"  {place}{column}: {error['detail']}{value}", markup=False)
    if done["error_count"] > ERRORS_SHOWN:
        console.print(f"  … {done['error_count']:,} errors in all")
    if done["status"] == "failed":
        raise ImportFailed("The import failed; nothing was written.")
    result = ", ".join(f"{name} {count:,}" for name, count in done["result"].items())
    console.print("Dry run, nothing was written:" if done["dry_run"] else "Done:", result)
