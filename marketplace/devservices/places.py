"""Where data and binaries are kept, as whom the servers run, and who holds a directory."""

import contextlib
import fcntl
import hashlib
import os
import pwd
import shutil
import stat
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

_STOP_S_MAX = 20.0
_POLL_S = 0.005
_SOCKET_PATH_BYTES_MAX = 103  # sun_path holds 108 bytes on Linux and 104 on macOS, with the NUL


class DevServicesError(RuntimeError):
    """The embedded services cannot do what was asked; the message says what to do about it."""


class AlreadyRunning(DevServicesError):
    """Another process runs the services of this directory."""


@dataclass(frozen=True, slots=True)
class Account:
    """Whom the servers run as: we ourselves, or ``nobody`` in place of root."""

    uid: int
    gid: int
    dropped: bool

    @classmethod
    def current(cls) -> Self:
        """Give the account for servers that this process starts."""
        if os.geteuid() != 0:
            return cls(os.geteuid(), os.getegid(), dropped=False)
        nobody = pwd.getpwnam("nobody")
        return cls(nobody.pw_uid, nobody.pw_gid, dropped=True)

    def popen(self) -> dict[str, Any]:
        """Give the arguments that make a child run as this account, in a plain environment."""
        kept = {name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ}
        plain = {"env": {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC", **kept}}
        if not self.dropped:
            return plain
        return {**plain, "user": self.uid, "group": self.gid, "extra_groups": []}

    def reaches(self, path: Path) -> bool:
        """Tell whether this account may go to and read `path`, by permission bits alone."""
        if not self.dropped or not path.exists():
            return True
        parents_open = all(parent.stat().st_mode & stat.S_IXOTH for parent in path.parents)
        return parents_open and path.stat().st_mode & 0o005 == 0o005  # noqa: PLR2004

    def own_directory(self, path: Path, mode: int) -> None:
        """Make `path` a directory of this account. Raises where it is somebody else's."""
        with contextlib.suppress(FileExistsError):
            path.mkdir(mode=0o700)
            os.chown(path, self.uid, self.gid)
            path.chmod(mode)
        _refuse_foreign(path, self.uid)


def locked(directory: Path) -> int:
    """Take the directory's lock and give its descriptor; wait for servers that are ending."""
    lock = os.open(directory / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    deadline = time.monotonic() + _STOP_S_MAX
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = int(os.pread(lock, 20, 0) or 0)
            if time.monotonic() < deadline and not _is_alive(holder):
                time.sleep(_POLL_S)
                continue
            os.close(lock)
            raise AlreadyRunning(
                f"The services of {directory} are already running (process {holder})."
                " Stop that process first, or leave it running: the other commands find it."
            ) from None
        os.ftruncate(lock, 0)
        os.pwrite(lock, str(os.getpid()).encode(), 0)
        return lock


def place_for(directory: Path, account: Account) -> Path:
    """Choose where the data is kept: in `directory`, or where the account can reach it."""
    if account.reaches(directory):
        return directory
    return _public_directory(f"data-{_digest(str(directory))}")


def socket_directory(place: Path, account: Account) -> Path:
    """Make the directory of the sockets, closed to others, with a path short enough for one."""
    run = place / "run"
    if len(os.fsencode(run / ".s.PGSQL.5432.lock")) > _SOCKET_PATH_BYTES_MAX:
        run = Path("/tmp") / f"marketplace-{os.geteuid()}-{_digest(str(place))}"  # noqa: S108
    account.own_directory(run, 0o700)
    return run


def _public_directory(name: str) -> Path:
    """Make a directory that others may enter and only we may change; it outlives a restart."""
    path = Path("/var/tmp") / f"marketplace-{os.geteuid()}-{name}"  # noqa: S108
    with contextlib.suppress(FileExistsError):
        path.mkdir(mode=0o700)
        path.chmod(0o755)
    _refuse_foreign(path, os.geteuid())
    return path


def _refuse_foreign(path: Path, owner: int) -> None:
    """Refuse a directory somebody else made under the name we expect, or a link to one."""
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != owner:
        raise DevServicesError(
            f"{path} belongs to user {found.st_uid}, but the servers would run as user {owner}."
            " Start as the user who made it, or remove it."
        )


def copied(site: Path, parts: list[Path]) -> Path:
    """Copy `parts` of the private folder `site` to a public one, once, and give the latter."""
    names = " ".join(part.name for part in parts)
    home = _public_directory("binaries")
    target = home / _digest(f"{site} {site.stat().st_mtime_ns} {names}")
    if target.exists():
        return target
    fresh = Path(tempfile.mkdtemp(dir=home))
    for part in filter(Path.exists, parts):
        shutil.copytree(part, fresh / part.relative_to(site))
    for path in (fresh, *fresh.rglob("*")):
        path.chmod(0o755 if path.is_dir() or path.stat().st_mode & stat.S_IXUSR else 0o644)
    try:
        fresh.rename(target)
    except OSError:  # another process was faster
        shutil.rmtree(fresh)
    return target


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return pid > 0


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]
