"""Settings, from the environment alone; secrets by file or environment, never in code.

==============================  =========================================================
``DATABASE_URL``                Postgres, as the application's login (see `database`)
``MARKETPLACE_OWNER_URL``       Postgres, as the owner of the schema; only for `migrate`
``REDIS_URL``                   a server that speaks the Redis protocol
``MARKETPLACE_ENVIRONMENT``     development, test, sandbox or production
``MARKETPLACE_SECRET``          or ``MARKETPLACE_SECRET_FILE``: at least 32 characters, from
                                which every key is derived
``MARKETPLACE_FEATURES``        packages beside `marketplace`, separated by commas
``MARKETPLACE_DATA``            directory of files and of the local key store
``MARKETPLACE_CLAMD``           a ClamAV daemon that scans documents: ``host:port`` or a socket's
                                path; without it the embedded scanner does
``MARKETPLACE_FONTS``           directories of fonts for documents and plots beside ours, with
                                colons between; for Chinese, Japanese, Korean, scripts of India
``MARKETPLACE_SETTLE_SECONDS``  how long a tender's close waits for bids that had arrived before its
                                deadline; 2 without it
``MARKETPLACE_SMTP_URL``        the server that takes mail; without it mail is written to files
``MARKETPLACE_MAIL_FROM``       whom mail is from
``MARKETPLACE_PUBLIC_URL``      where clients reach the API; also the allowed Origin
``MARKETPLACE_PUBLISHER``       who publishes open data; its name in packages of releases
``MARKETPLACE_OCID_PREFIX``     the prefix the Open Contracting Partnership gave the publisher
==============================  =========================================================
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

SECRET_CHARACTERS_MIN: Final = 32
SETTLE_SECONDS: Final = 2.0
UNREGISTERED_PREFIX: Final = "ocds-213czf"
"""The prefix of the standard's own examples: nobody takes its processes for a publisher's."""


class Environment(Enum):
    """Where this process runs; only test and sandbox may move the clock."""

    DEVELOPMENT = "development"
    TEST = "test"
    SANDBOX = "sandbox"
    PRODUCTION = "production"

    @property
    def may_move_clock(self) -> bool:
        """Tell whether the one clock may be offset here."""
        return self in {Environment.TEST, Environment.SANDBOX}


class SettingsError(Exception):
    """A setting is missing or out of form; the message names it and the cure."""


class Secrets:
    """The root secret, from which one key per purpose is derived (HKDF, RFC 5869).

    Its text form is redacted, so that no log can hold it.
    """

    __slots__ = ("_keys", "_root")

    def __init__(self, root: str) -> None:
        if len(root) < SECRET_CHARACTERS_MIN:
            raise SettingsError(
                f"MARKETPLACE_SECRET must have at least {SECRET_CHARACTERS_MIN} characters; "
                "make one with: openssl rand -hex 32"
            )
        self._root = root.encode()
        self._keys: dict[str, bytes] = {}

    def key(self, purpose: str) -> bytes:
        """Give the 32-byte key of one purpose; other purposes tell nothing about it."""
        key = self._keys.get(purpose)
        if key is None:
            expand = HKDF(SHA256(), length=32, salt=None, info=purpose.encode())
            key = self._keys[purpose] = expand.derive(self._root)
        return key

    def __repr__(self) -> str:
        return "Secrets(redacted)"


@dataclass(frozen=True, slots=True)
class Settings:
    """What a process needs to know before it starts."""

    database_url: str = field(repr=False)
    redis_url: str = field(repr=False)
    secrets: Secrets
    environment: Environment = Environment.DEVELOPMENT
    owner_url: str | None = field(default=None, repr=False)
    features: tuple[str, ...] = ("catalog", "auctions", "rfq")
    data_directory: Path = Path(".marketplace")
    public_url: str = "http://127.0.0.1:8000"
    publisher: str = "Marketplace"
    ocid_prefix: str = UNREGISTERED_PREFIX
    api_connections: int = 12
    fast_connections: int = 12
    engine_connections: int = 6
    smtp_url: str | None = field(default=None, repr=False)
    mail_from: str = "marketplace@localhost"
    log_level: str = "INFO"
    requests_per_minute: int | None = None
    refusals_per_minute: int | None = None
    clamd: str | None = None
    settle_seconds: float = SETTLE_SECONDS


def load_settings(environ: Mapping[str, str] = os.environ) -> Settings:
    """Read the settings of this process; raises SettingsError naming what is missing."""

    def required(name: str) -> str:
        value = environ.get(name)
        if not value:
            raise SettingsError(f"{name} is not set; `make run` sets it for local use.")
        return value

    def number(name: str) -> int | None:
        return int(environ[name]) if environ.get(name) else None

    return Settings(
        database_url=required("DATABASE_URL"),
        redis_url=required("REDIS_URL"),
        secrets=Secrets(_secret(environ)),
        environment=Environment(environ.get("MARKETPLACE_ENVIRONMENT", "development")),
        owner_url=environ.get("MARKETPLACE_OWNER_URL"),
        features=tuple(
            name.strip()
            for name in environ.get("MARKETPLACE_FEATURES", "catalog,auctions,rfq").split(",")
            if name.strip()
        ),
        data_directory=Path(environ.get("MARKETPLACE_DATA", ".marketplace")),
        public_url=environ.get("MARKETPLACE_PUBLIC_URL", "http://127.0.0.1:8000"),
        publisher=environ.get("MARKETPLACE_PUBLISHER") or "Marketplace",
        ocid_prefix=_ocid_prefix(environ),
        smtp_url=environ.get("MARKETPLACE_SMTP_URL") or None,
        mail_from=environ.get("MARKETPLACE_MAIL_FROM", "marketplace@localhost"),
        log_level=environ.get("MARKETPLACE_LOG_LEVEL", "INFO"),
        requests_per_minute=number("MARKETPLACE_REQUESTS_PER_MINUTE"),
        refusals_per_minute=number("MARKETPLACE_REFUSALS_PER_MINUTE"),
        clamd=environ.get("MARKETPLACE_CLAMD") or None,
        settle_seconds=_settle_seconds(environ),
    )


def font_directories(environ: Mapping[str, str] = os.environ) -> tuple[Path, ...]:
    """Give where fonts lie beside ours; by itself, for processes that have no other setting."""
    named = (environ.get("MARKETPLACE_FONTS") or "").split(os.pathsep)
    return tuple(Path(each) for each in named if each)


def _settle_seconds(environ: Mapping[str, str]) -> float:
    text = environ.get("MARKETPLACE_SETTLE_SECONDS") or str(SETTLE_SECONDS)
    if re.fullmatch(r"[0-9]{1,2}(\.[0-9]+)?", text) is None:
        raise SettingsError(f"MARKETPLACE_SETTLE_SECONDS is {text!r}: seconds, less than 100.")
    return float(text)


def _ocid_prefix(environ: Mapping[str, str]) -> str:
    prefix = environ.get("MARKETPLACE_OCID_PREFIX") or UNREGISTERED_PREFIX
    if re.fullmatch(r"ocds-[a-z0-9]{6}", prefix) is None:
        raise SettingsError(
            f"MARKETPLACE_OCID_PREFIX is {prefix!r}; a prefix has the form ocds-a1b2c3 and comes "
            "from https://standard.open-contracting.org/latest/en/guidance/build/"
        )
    return prefix


def _secret(environ: Mapping[str, str]) -> str:
    if environ.get("MARKETPLACE_SECRET"):
        return environ["MARKETPLACE_SECRET"]
    path = environ.get("MARKETPLACE_SECRET_FILE")
    if not path:
        raise SettingsError(
            "MARKETPLACE_SECRET or MARKETPLACE_SECRET_FILE is not set; make a secret with: "
            "openssl rand -hex 32"
        )
    return Path(path).read_text().strip()
