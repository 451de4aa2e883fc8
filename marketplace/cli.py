"""The command line: `marketplace dev`, and its parts one by one.

Commands take the servers from the environment (see `marketplace.platform.settings`); where it
names none, they use those that `marketplace dev` runs in another terminal.
"""

import os
import sys
from importlib import import_module

import click

from marketplace.commands import demo, dev, openapi, operating, processes, schema


class _Commands(click.Group):
    """Our own commands, and those the installed features bring."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        own = super().get_command(ctx, cmd_name)
        place = None if own else self._of_features().get(cmd_name)
        if place is None:
            return own
        module, _, name = place.partition(":")
        command: click.Command = getattr(import_module(module), name)
        return command

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*super().list_commands(ctx), *sorted(self._of_features())]

    @staticmethod
    def _of_features() -> dict[str, str]:
        from marketplace.features import INSTALLABLE, load_features  # noqa: PLC0415 - as commands do

        named = os.environ.get("MARKETPLACE_FEATURES")
        features = load_features(named.split(",") if named else INSTALLABLE)
        return {name: at for feature in features for name, at in feature.commands.items()}


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Companies buy from companies: catalogs, sealed tenders and live auctions on one road."""


for _command in (
    dev.dev,
    dev.erase,
    processes.serve,
    processes.work,
    schema.migrate,
    openapi.openapi,
    operating.seed,
    operating.parked,
    operating.audit_heads,
    demo.demo,
    demo.bidders,
):
    main.add_command(_command)


if __name__ == "__main__":
    sys.exit(main())
