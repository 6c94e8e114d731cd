"""Where the embedded default keeps its things: one directory, by default `.local/` of the checkout.

What belongs here: paths, the addresses of a running system, the lock that lets one launcher use a directory.
What does not: what is written into the data directories.
"""

import fcntl
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from deploy.local.secret_store import SecretStore, write_private
from deploy.local.sentences import CannotRun

ROOT = Path(__file__).resolve().parent.parent.parent
"""The checkout: the one import root, and where every process is started."""


@dataclass(frozen=True)
class Home:
    """One directory of data, state and logs; only what lodging.py must move is written elsewhere."""

    directory: Path

    @property
    def state(self) -> Path:
        """Keys, secrets, ports and the clock's journal; private."""
        return self.directory / "state"

    @property
    def logs(self) -> Path:
        """One log file for each process."""
        return self.directory / "logs"

    @property
    def clock_journal(self) -> Path:
        """The journal of the business clock that all services read."""
        return self.state / "clock.jsonl"

    @property
    def archive_key(self) -> Path:
        """The key that archives of years are signed with; its public half lies beside it."""
        return self.state / "archive-key.json"

    @property
    def secrets(self) -> SecretStore:
        """Passwords of PostgreSQL's roles and NATS' users."""
        return SecretStore(self.state / "secrets.json")

    @property
    def clients(self) -> SecretStore:
        """Secrets of the clients that the local issuer knows."""
        return SecretStore(self.state / "clients.json")

    def make(self) -> None:
        """Make the directories. Raises OSError when the checkout cannot be written."""
        self.directory.mkdir(parents=True, exist_ok=True)
        self.state.mkdir(mode=0o700, exist_ok=True)
        self.logs.mkdir(exist_ok=True)

    def remember(self, name: str, document: Mapping[str, object]) -> None:
        """Keep a small document of the state under a name."""
        write_private(self.state / f"{name}.json", json.dumps(document, indent=2, sort_keys=True))

    def recall(self, name: str) -> dict[str, object]:
        """A document of the state; empty when there is none or it is no document."""
        try:
            document = json.loads((self.state / f"{name}.json").read_text("utf-8"))
        except (FileNotFoundError, ValueError):
            return {}
        return document if isinstance(document, dict) else {}

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold this directory for one launcher; the system frees it when the launcher dies, however it dies.

        Raises CannotRun when another launcher holds it.
        """
        with (self.state / "launcher.lock").open("a+", encoding="ascii") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise CannotRun(
                    f"Liandong already runs from this directory (process {self.launcher()}): "
                    "use it, or stop it with `make stop`."
                ) from error
            lock.truncate(0)
            lock.write(str(os.getpid()))
            lock.flush()
            yield

    def launcher(self) -> int | None:
        """The process id of the launcher that holds this directory, or None when there is none."""
        path = self.state / "launcher.lock"
        if not path.exists():
            return None
        with path.open("a+", encoding="ascii") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                lock.seek(0)
                text = lock.read().strip()
                return int(text) if text.isdigit() else None
        return None


@dataclass(frozen=True)
class Addresses:
    """Where a running system answers, and where its state is; all URLs without a slash at the end."""

    indicator: str
    submission: str
    scoring: str
    audit: str
    issuer: str
    nats_port: int
    state: Path

    @property
    def services(self) -> dict[str, str]:
        """The four services' URLs by their names."""
        return {
            "indicator_svc": self.indicator,
            "submission_svc": self.submission,
            "scoring_svc": self.scoring,
            "audit_svc": self.audit,
        }

    @property
    def clock_journal(self) -> Path:
        """The journal of the business clock."""
        return self.state / "clock.jsonl"

    def save(self, home: Home) -> None:
        """Write them down for the commands that ask a running system, and for a shell to read in."""
        home.remember("addresses", {**asdict(self), "state": str(self.state)})
        lines = [f"{name.removesuffix('_svc').upper()}={url}\n" for name, url in self.services.items()]
        (self.state / "addresses.env").write_text("".join(lines), encoding="utf-8")

    @classmethod
    def of_running(cls, home: Home) -> "Addresses":
        """The addresses of the system that runs from this directory. Raises CannotRun when none does."""
        known = home.recall("addresses")
        if home.launcher() is None or not known:
            raise CannotRun("Liandong is not running: start it with `make demo`.")
        return cls(
            indicator=str(known["indicator"]),
            submission=str(known["submission"]),
            scoring=str(known["scoring"]),
            audit=str(known["audit"]),
            issuer=str(known["issuer"]),
            nats_port=int(str(known["nats_port"])),
            state=Path(str(known["state"])),
        )


def kept_home() -> Home:
    """The directory of the kept data: `.local/`, or what LIANDONG_LOCAL names."""
    return Home(Path(os.environ.get("LIANDONG_LOCAL") or ROOT / ".local").absolute())


def throw_away_home() -> Home:
    """A new directory for one run that leaves nothing behind."""
    kept = kept_home().directory
    kept.mkdir(parents=True, exist_ok=True)
    directory = Path(tempfile.mkdtemp(prefix="once-", dir=kept))
    directory.chmod(0o711)  # PostgreSQL's user must walk through; what is private has a mode of its own
    return Home(directory)
