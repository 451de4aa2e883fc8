"""Commands of auctions: checking a published log offline, describing the live channel."""

from pathlib import Path
from typing import Final

import click
import msgspec
from rich.console import Console

from auctions.engine.log import ADJUSTMENT, IDENTITY, LIMIT, PRICE, RESERVE, WORDS, LogEntry
from auctions.engine.outcome import Win
from auctions.engine.state import LotState
from auctions.engine.verification import Verification, verify
from marketplace.kernel.canonical import plain_decimal
from marketplace.platform.documents import document_text, keep


class _Page(msgspec.Struct):
    """One answer of ``GET /v1/auctions/{id}/log``."""

    head: str
    items: list[LogEntry]


@click.command("verify-auction")
@click.argument("pages", type=click.Path(exists=True, dir_okay=False, path_type=Path), nargs=-1)
@click.option("--head", help="Hash of the last entry, from elsewhere: finds a log cut short.")
def verify_auction(pages: tuple[Path, ...], head: str | None) -> None:
    """Check the published log of an auction, saved page by page in their order.

    Needs no server. Says what was proven and what this copy keeps closed; exits with 1 if anything
    does not fit.
    """
    if not pages:
        raise click.UsageError("Name the files that hold the log, in the order of the pages.")
    try:
        read = [msgspec.json.decode(path.read_bytes(), type=_Page) for path in pages]
    except msgspec.MsgspecError as error:
        raise click.ClickException(f"This is no page of an auction's log: {error}") from error
    entries = [entry for page in read for entry in page.items]
    found = verify(entries, head or read[-1].head)
    report = Console(highlight=False, soft_wrap=True)
    for line in findings(found):
        report.print(line)
    raise SystemExit(0 if found.sound else 1)


_FITS: Final = "[green]ok[/]"
_BROKEN: Final = "[red]broken[/]"


def findings(found: Verification) -> list[str]:
    """Say what a check found, a line per question."""
    lines = [
        f"{_FITS} chain of {found.entries} entries, head {found.head}"
        if found.broken_link is None
        else f"{_BROKEN} the chain does not fit at entry {found.broken_link}"
    ]
    lines += [
        f"{_BROKEN} entry {seq}: the opened {name} is not what was committed to"
        for seq, name in found.false_openings
    ]
    lines.append(
        f"{_FITS if not found.false_openings else _BROKEN} {found.opened} secrets opened; "
        f"{found.sealed} stay closed in this copy: bound by the chain, their content unchecked"
    )
    lines += [f"   closed: {count} × {_SECRETS[name]}" for name, count in found.closed.items()]
    if found.broken_link is None:
        lines.append(
            f"{_FITS} the clock: when bids counted, when the close moved, when it all ended"
            if found.impossible is None
            else f"{_BROKEN} entry {found.impossible} cannot be, by the clock of the log"
        )
    if not found.recomputed:
        return [*lines, "-- decisions not made again: for that all standing bids must be open"]
    if found.wrong_decision is not None:
        return [*lines, f"{_BROKEN} entry {found.wrong_decision} does not follow from the rules"]
    lines.append(f"{_FITS} every decision follows from the terms and the bids before it")
    return lines if found.state is None else [*lines, *_result(found, found.state)]


_SECRETS: Final = {
    IDENTITY: "whose an entry is",
    PRICE: "an amount",
    RESERVE: "the reserve",
    ADJUSTMENT: "what counts beside a price",
    LIMIT: "a proxy's limit, so what it bid was checked to be allowed and not to be due",
    WORDS: "what a bidder told the buyer, or is said to have told him",
}


def _result(found: Verification, state: LotState) -> list[str]:
    """Say who stands where, and who wins."""
    lines = []
    for rank, place in enumerate(state.order, start=1):
        amount = f"{plain_decimal(place.amount)} {state.currency_of(place.bidder)}"
        score = f"  ranked by {place.score:f}" if place.bidder in state.yardsticks else ""
        lines.append(f"   {rank}. {place.bidder}  {amount}{score}")
    if isinstance(found.outcome, Win):
        price = f"{plain_decimal(found.outcome.price)} {state.currency_of(found.outcome.bidder)}"
        unless = ", unless the reserve is lower" if RESERVE in found.closed else ""
        lines.append(f"   winner: {found.outcome.bidder} at {price}{unless}")
    elif found.outcome is not None:
        lines.append(f"   no winner by itself: {found.outcome.value}")
    return lines


@click.command("asyncapi")
@click.argument("path", type=click.Path(path_type=Path, dir_okay=False), required=False)
@click.option("--check", is_flag=True, help="Fail if the file is not what the code would write.")
def asyncapi(path: Path | None, *, check: bool) -> None:
    """Write the AsyncAPI document of the live channel, to PATH or to the terminal."""
    from auctions.live.document import asyncapi_document  # noqa: PLC0415 - see marketplace/commands

    keep(document_text(asyncapi_document()), path, check=check, cure="make openapi")
