"""Commands of procedures: checking an opening offline."""

from pathlib import Path
from typing import TypeVar

import click
import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from msgspec import UNSET
from rich.console import Console

from rfq.bids.schemas import ReceiptView
from rfq.rules.bid import Part
from rfq.rules.envelopes import Commitments
from rfq.rules.proof import FORM, OpeningProof, SignedReceipt, find_document, verify_opening
from rfq.rules.receipt import Receipt

T = TypeVar("T")


@click.command("verify-opening")
@click.argument("path", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--receipt",
    "receipts",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A receipt as it was answered to a submission; may be given several times.",
)
@click.option(
    "--attachment",
    "attachments",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A document as it was downloaded, to find the bid that names it; several times.",
)
@click.option("--key", help="The marketplace's signing key, in hexadecimal, from elsewhere.")
def check_opening(
    path: Path, receipts: tuple[Path, ...], attachments: tuple[Path, ...], key: str | None
) -> None:
    """Check the opening of a procedure, saved from ``GET /v1/procedures/{id}/opening``.

    Needs no server. Finds a bid that was changed, dropped or added after the close; exits with 1 if
    anything does not fit.
    """
    opening = _read(path, OpeningProof, "the document of an opening")
    if opening.form != FORM:
        raise click.ClickException(f"{path} has the form {opening.form!r}; known is {FORM!r}.")
    kept = [_read(each, ReceiptView, "a receipt") for each in receipts]
    try:
        signer = Ed25519PublicKey.from_public_bytes(bytes.fromhex(key)) if key else None
        signed = [_signed(view) for view in kept]
        found = verify_opening(opening, signed, signer)
        found += tuple(find_document(opening, each.name, each.read_bytes()) for each in attachments)
    except ValueError as error:
        raise click.ClickException(f"A key or hash is not in hexadecimal: {error}") from error
    report = Console(highlight=False, soft_wrap=True)
    for each in found:
        report.print(f"{'[green]ok[/]' if each.fits else '[red]broken[/]'} {each.what}")
    if kept and signer is None:
        report.print("-- signatures not checked: give the marketplace's key with --key")
    raise SystemExit(0 if all(each.fits for each in found) else 1)


def _read(path: Path, type_: type[T], what: str) -> T:
    try:
        return msgspec.json.decode(path.read_bytes(), type=type_)
    except msgspec.MsgspecError as error:
        raise click.ClickException(f"{path} is not {what}: {error}") from error


def _signed(view: ReceiptView) -> SignedReceipt:
    receipt = Receipt(
        view.procedure_id,
        view.bidder_id,
        view.bid_id,
        view.version,
        view.submitted_at,
        bytes.fromhex(view.commitment),
        view.variant,
    )
    parts = None
    if view.parts is not UNSET:
        named = {each.part: bytes.fromhex(each.commitment) for each in view.parts}
        parts = Commitments(named[Part.TECHNICAL], named[Part.FINANCIAL])
    return SignedReceipt(receipt, bytes.fromhex(view.signature), parts)
