"""The whole embedded system on one page: what runs, who owns which database, who waits for whom.

What belongs here: these facts, as data. What does not: how a process starts (parts.py) or is watched
(supervisor.py).

    postgres ──┐
    nats ──────┼──► indicator_svc   submission_svc   scoring_svc   audit_svc   (told where the others answer)
    issuer ────┘
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType

from deploy.local.issuer import SETUP_CLIENT
from deploy.local.parts import HttpPart, Migrations, NatsPart, PostgresPart
from deploy.local.places import ROOT, Addresses, Home
from deploy.local.ports import choose_ports
from deploy.local.sentences import CannotRun
from deploy.local.signing import AUDIENCE
from deploy.local.supervisor import Part
from shared.contracts.known import declarations
from shared.messaging.wakes import subject_of

DATABASE_OF = MappingProxyType(
    {
        "indicator_svc": "indicator",
        "submission_svc": "submission",
        "scoring_svc": "scoring",
        "audit_svc": "audit",
    }
)
"""The only database a service may enter: as `<database>_app` while it runs, `<database>_owner` to migrate."""

WAITS_FOR = ("postgres", "nats", "issuer")
"""What every service waits for. None waits for another: what they need of each other comes by events."""

STATIC_APPOINTMENTS = MappingProxyType({SETUP_CLIENT: "operator", **dict.fromkeys(DATABASE_OF, "service")})
"""Who holds a role before the first appointment exists: the client that sets up, and the services."""

PORTS = ("indicator_svc", "submission_svc", "scoring_svc", "audit_svc", "issuer", "nats", "nats_monitoring")


@dataclass(frozen=True)
class System:
    """The parts of one embedded system, not yet started, and where they will answer."""

    parts: tuple[Part, ...]
    addresses: Addresses
    environment_of: Callable[[str], Mapping[str, str]]
    """The environment of a service; known once postgres runs."""

    def remember_environments(self, home: Home) -> None:
        """Keep what each service was told, private, for commands that act as a service (`as`)."""
        for service in DATABASE_OF:
            home.remember(f"environment-{service}", self.environment_of(service))


def describe(home: Home, tell: Callable[[str], None]) -> System:
    """Lay out the system in a directory, on the ports of the last start where those are free."""
    ports = choose_ports(PORTS, {name: int(str(port)) for name, port in home.recall("ports").items()})
    home.remember("ports", ports)
    addresses = _addresses(home, ports)
    for client in (SETUP_CLIENT, *DATABASE_OF, *source_systems()):
        home.clients.get(client)

    postgres = PostgresPart(home=home, databases=tuple(DATABASE_OF.values()), tell=tell)
    nats = NatsPart(
        home=home,
        port=ports["nats"],
        monitoring_port=ports["nats_monitoring"],
        publishers={service: subjects_of(service) for service in DATABASE_OF},
    )
    issuer = HttpPart(
        name="issuer",
        application="deploy.local.issuer:create",
        options=("--factory",),
        port=ports["issuer"],
        home=home,
        waits_for=(),
        environment=lambda: {"LIANDONG_ISSUER": addresses.issuer, "LIANDONG_LOCAL_STATE": str(home.state)},
    )

    def environment_of(service: str) -> Mapping[str, str]:
        return _environment(service, addresses, home, postgres.dsn_of(DATABASE_OF[service]).app)

    def owner_dsn(database: str) -> str:
        return postgres.dsn_of(database).owner

    services = tuple(
        HttpPart(
            name=service,
            application=f"services.{service}.main:create_app",
            options=("--factory",),
            port=ports[service],
            home=home,
            waits_for=WAITS_FOR,
            environment=partial(environment_of, service),
            migrations=Migrations(
                package=f"services.{service}",
                home=home,
                owner_dsn=partial(owner_dsn, database),
            ),
        )
        for service, database in DATABASE_OF.items()
    )
    return System(parts=(postgres, nats, issuer, *services), addresses=addresses, environment_of=environment_of)


def environment_of_running(home: Home, service: str) -> dict[str, str]:
    """What a service of the running system was told. Raises CannotRun when nothing runs."""
    environment = home.recall(f"environment-{service}")
    if home.launcher() is None or not environment:
        raise CannotRun("Liandong is not running: start it with `make demo`.")
    return {name: str(value) for name, value in environment.items()}


def subjects_of(service: str) -> tuple[str, ...]:
    """What a service may publish: the event types it produces, also as a snapshot for one reader; and, under its
    own name, dead letters, what it replays to itself and wakes of its workers.
    """
    own = tuple(name for name, declared in declarations().items() if declared.producer == service)
    snapshots = (f"snapshot.*.{name}" for name in own)
    return (*own, *snapshots, f"snapshot.{service}.>", f"dlq.{service}.>", subject_of(service))


def source_systems() -> tuple[str, ...]:
    """The client ids of the tax systems that supply facts, as the data pack lists them."""
    listed = json.loads((ROOT / "deploy/local/wuhan2015/source_systems.json").read_text("utf-8"))
    systems = listed["source_systems"] if isinstance(listed, dict) else listed
    return tuple(system["client_id"] for system in systems)


def _addresses(home: Home, ports: Mapping[str, int]) -> Addresses:
    at = {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}
    return Addresses(
        indicator=at["indicator_svc"],
        submission=at["submission_svc"],
        scoring=at["scoring_svc"],
        audit=at["audit_svc"],
        issuer=at["issuer"],
        nats_port=ports["nats"],
        state=home.state,
    )


def _environment(service: str, addresses: Addresses, home: Home, database_url: str) -> dict[str, str]:
    """Everything a service is told; the same names a production installation sets."""
    password = home.secrets.get(f"nats.{service}")
    return {
        "LIANDONG_DATABASE_URL": database_url,
        "LIANDONG_NATS_URL": f"nats://{service}:{password}@127.0.0.1:{addresses.nats_port}",
        "LIANDONG_ISSUER": addresses.issuer,
        "LIANDONG_AUDIENCE": AUDIENCE,
        "LIANDONG_JWKS_URL": f"{addresses.issuer}/jwks.json",
        "LIANDONG_INTROSPECTION_URL": f"{addresses.issuer}/introspect",
        "LIANDONG_TOKEN_URL": f"{addresses.issuer}/token",
        "LIANDONG_CLIENT_ID": service,
        "LIANDONG_CLIENT_SECRET": home.clients.get(service),
        "LIANDONG_STATIC_APPOINTMENTS": json.dumps(dict(STATIC_APPOINTMENTS)),
        "LIANDONG_CLOCK_FILE": str(home.clock_journal),
        "LIANDONG_ARCHIVE_KEY_FILE": str(home.archive_key),
        "LIANDONG_INDICATOR_URL": addresses.indicator,
        "LIANDONG_SUBMISSION_URL": addresses.submission,
        "LIANDONG_SCORING_URL": addresses.scoring,
        "LIANDONG_AUDIT_URL": addresses.audit,
        "LIANDONG_CORS_ORIGINS": "",
        "LIANDONG_LOG_LEVEL": "INFO",
    }
