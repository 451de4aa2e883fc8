"""What who runs an installation does by hand."""

import asyncio
import os
from pathlib import Path

import click

from marketplace import development
from marketplace.commands.terminal import says_what_is_wrong, terminal
from marketplace.platform.settings import Settings, load_settings


@click.command()
@click.option("--retry", is_flag=True, help="Hand them over once more, when the cause is mended.")
@says_what_is_wrong
def parked(*, retry: bool) -> None:
    """Tell which events were parked, since a consumer failed to take them."""
    os.environ.update(development.found_environment(os.environ))
    asyncio.run(_parked(load_settings(), retry=retry))


async def _parked(settings: Settings, *, retry: bool) -> None:
    from marketplace.app import assemble
    from marketplace.platform.consumers import parked_events, retry_parked

    assembly = assemble(settings)
    consumers = {c.name: c for feature in assembly.features for c in feature.consumers}
    try:
        for event in await parked_events(assembly.platform):
            click.echo(
                f"{event.consumer}  {event.number}  {event.kind}  {event.subject_id}  "
                f"{event.error}  {event.parked_at.isoformat()}"
            )
            if retry:
                # In order, and to the first that fails again: that stays, with those after it.
                await retry_parked(assembly.platform, consumers[event.consumer], event.number)
                click.echo("  taken")
    finally:
        await assembly.platform.close()


@click.command("audit-heads")
@click.option(
    "--check",
    "kept",
    type=click.Path(exists=True, path_type=Path, dir_okay=False),
    help="A file that was kept elsewhere: compare all trails with it.",
)
@says_what_is_wrong
def audit_heads(kept: Path | None) -> None:
    """Write the signed ends of all audit trails now, or compare the trails with such a file."""
    os.environ.update(development.found_environment(os.environ))
    file = None if kept is None else kept.read_bytes()
    faults = asyncio.run(_audit_heads(load_settings(), file))
    if faults:
        raise click.ClickException("\n".join(faults))


async def _audit_heads(settings: Settings, kept: bytes | None) -> list[str]:
    import msgspec

    from marketplace.platform.core import Platform
    from marketplace.platform.witness import SignedHeads, check_heads, write_heads

    platform = Platform(settings)
    try:
        if kept is None:
            click.echo(await write_heads(platform))
            return []
        try:
            heads = msgspec.json.decode(kept, type=SignedHeads)
        except msgspec.MsgspecError as error:
            return [f"The file holds no heads of audit trails: {error}"]
        faults = await check_heads(platform, heads)
        if not faults:
            click.echo(f"{len(heads.heads)} trails are as they were at {heads.taken_at}.")
        return faults
    finally:
        await platform.close()


@click.command()
@click.option("--new-key", is_flag=True, help="Make a key more where there is an operator already.")
@says_what_is_wrong
def seed(new_key: bool) -> None:
    """Make the operator of the marketplace and print his first key, this once."""
    environ = development.found_environment(os.environ)
    key = asyncio.run(seeded_operator(load_settings(environ), new_key=new_key))
    if key is None:
        terminal().print("There is an operator already; for another key of his: --new-key")
        return
    terminal().print("The operator's key, shown this once:", style="dim")
    click.echo(key)


async def seeded_operator(settings: Settings, *, new_key: bool) -> str | None:
    """Make the operator, or one more key of his; give the key, None if there is an operator."""
    from marketplace.app import assemble
    from marketplace.organizations.service import seed_operator

    platform = assemble(settings).platform
    try:
        return (await seed_operator(platform, new_key=new_key)).key
    finally:
        await platform.close()
