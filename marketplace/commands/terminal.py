"""How commands speak to the person who gave them."""

from collections.abc import Callable
from functools import cache, wraps
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import asyncpg
import click

from marketplace.devservices import DevServicesError
from marketplace.platform.settings import SettingsError

if TYPE_CHECKING:
    from rich.console import Console


P = ParamSpec("P")
T = TypeVar("T")


@cache
def terminal() -> "Console":
    """Give the terminal to print on; a server process prints nothing and loads nothing for it."""
    from rich.console import Console

    return Console(highlight=False)


def says_what_is_wrong(command: Callable[P, T]) -> Callable[P, T]:
    """Turn the errors a person can mend into one plain message and exit code 1."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return command(*args, **kwargs)
        except (SettingsError, DevServicesError) as error:
            raise click.ClickException(str(error)) from error
        except (OSError, asyncpg.PostgresError) as error:
            raise click.ClickException(f"{type(error).__name__}: {error}") from error

    return run
