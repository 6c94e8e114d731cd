"""The commands behind `make`: demo, stop, clean, token, people, clock, logs, as.

What belongs here: reading arguments, printing, one sentence instead of a traceback. What does not: the work.
"""

import argparse
import asyncio
import logging
import os
import re
import sys
import traceback
from collections.abc import Coroutine
from datetime import datetime
from typing import Any, TypeVar

import httpx
import structlog

from deploy.local import demo
from deploy.local.check_migrations import check_migrations
from deploy.local.issuer import SETUP_CLIENT
from deploy.local.lodging import remove_binaries
from deploy.local.places import ROOT, Addresses, kept_home
from deploy.local.processes import last_lines
from deploy.local.sentences import CannotRun, sentence_of
from deploy.local.system import DATABASE_OF, environment_of_running
from deploy.local.tokens import Tokens
from shared.clock import SHANGHAI, Clock

Answer = TypeVar("Answer")
_ID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def run(arguments: list[str]) -> int:
    """Run one command and give the exit status; what keeps it from running is told in one sentence."""
    options = _parser().parse_args(arguments)
    # The launcher speaks in sentences; the lines that shared code logs belong to the services.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    try:
        status: int = options.command(options)
    except CannotRun as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except OSError as error:
        sentence = sentence_of(error)
        if sentence is None:
            traceback.print_exc()
        print(sentence or "This is a fault of the launcher.", file=sys.stderr)
        return 1
    return status


def _demo(options: argparse.Namespace) -> int:
    if options.no_story:
        return demo.keep_running(story=None)
    from deploy.local.story.course import main  # noqa: PLC0415 - the story loads the data pack, which only this command needs

    return demo.run_once(story=main) if options.once else demo.keep_running(story=main)


def _check_migrations(_: argparse.Namespace) -> int:
    return asyncio.run(check_migrations())


def _stop(_: argparse.Namespace) -> int:
    print("Stopped." if demo.stop_running(kept_home()) else "Liandong is not running.")
    return 0


def _clean(_: argparse.Namespace) -> int:
    home = kept_home()
    demo.stop_running(home)
    demo.remove(home.directory)
    remove_binaries()
    print("The data of the demonstration are removed.")
    return 0


def _token(options: argparse.Namespace) -> int:
    async def fetch() -> str:
        async with httpx.AsyncClient(timeout=10, trust_env=False) as http:
            addresses = Addresses.of_running(kept_home())
            tokens = Tokens(addresses, http)
            if options.client:
                return await tokens.client(options.client)
            if not _ID.fullmatch(options.person):  # the issuer knows nobody: whoever has a staff number is asked for
                found = (await _listed(addresses, tokens, http, {"code": options.person, "limit": "1"}))["items"]
                if not found:
                    raise CannotRun(f"There is nobody {options.person}: `make people` lists whom to be.")
                if not found[0]["roles"]:
                    today = Clock(addresses.clock_journal).today()
                    print(f"{options.person} holds no role on {today}: the services will refuse.", file=sys.stderr)
            return await tokens.person(options.person)

    if not (options.person or options.client):
        raise CannotRun("Say whom: make token person=CODE (make people lists them) or make token client=CLIENT.")
    print(asyncio.run(_reached(fetch())))
    return 0


def _people(options: argparse.Namespace) -> int:
    asked = {name: value for name, value in (("role", options.role), ("unit", options.unit)) if value}

    async def fetch() -> dict[str, Any]:
        addresses = Addresses.of_running(kept_home())
        async with httpx.AsyncClient(timeout=10, trust_env=False) as http:
            return await _listed(addresses, Tokens(addresses, http), http, {**asked, "limit": str(options.limit)})

    page = asyncio.run(_reached(fetch()))
    for person in page["items"]:
        roles = ",".join(person["roles"])
        print("  ".join((person["code"], person["name"], person["unit_code"] or "-", person["post"], roles)))
    if page["next"]:
        print(f"(the first {options.limit}; role=... and unit=... choose)", file=sys.stderr)
    if not page["items"]:
        raise CannotRun(f"Nobody is listed for {' '.join(f'{name}={value}' for name, value in asked.items())}.")
    return 0


def _clock(options: argparse.Namespace) -> int:
    home = kept_home()
    if not home.recall("addresses"):
        raise CannotRun("There is no business clock yet: `make demo` starts one.")
    clock = Clock(home.clock_journal)
    before = clock.now()
    if not options.to:
        print(f"The business clock says {before:%Y-%m-%d %H:%M} (Asia/Shanghai). To move it: make clock to=2015-08-03")
        return 0
    try:
        moment = datetime.fromisoformat(options.to)
    except ValueError as error:
        raise CannotRun(f"{options.to} is no date: write to=2015-07-01 or to=2015-07-01T09:00.") from error
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=SHANGHAI)
    clock.set(moment, by="make clock")
    print(f"The business clock says {clock.now():%Y-%m-%d %H:%M} (Asia/Shanghai).")
    if clock.now() < before:
        print(f"It said {before:%Y-%m-%d %H:%M}: what is recorded stays, but who holds a role goes by the new day.")
    return 0


def _logs(options: argparse.Namespace) -> int:
    folder = kept_home().logs
    logs = sorted(folder.glob(f"{options.only or '*'}.log"))
    if not logs:
        kept = ", ".join(sorted(log.stem for log in folder.glob("*.log"))) or "none: nothing has run here yet"
        raise CannotRun(f"There is no such log; there are: {kept}.")
    for log in logs:
        print(f"== {log.name}\n{last_lines(log, options.lines)}")
    return 0


def _as(options: argparse.Namespace) -> int:
    """Become a Python module with the environment of a service of the running system."""
    environment = environment_of_running(kept_home(), options.service)
    command = [sys.executable, "-m", options.module, *options.arguments]
    os.chdir(ROOT)
    os.execve(sys.executable, command, {**os.environ, **environment})  # noqa: S606 - a program this launcher names


async def _listed(
    addresses: Addresses, tokens: Tokens, http: httpx.AsyncClient, asked: dict[str, str]
) -> dict[str, Any]:
    """A page of the people of the running system, as its set-up sees them."""
    token = await tokens.client(SETUP_CLIENT)
    answer = await http.get(
        f"{addresses.indicator}/v1/people",
        params=asked,
        headers={"Authorization": f"Bearer {token}", "Accept-Language": "en"},
    )
    if answer.is_error:
        raise CannotRun(f"indicator_svc does not list them: {_reason(answer)}.")
    page: dict[str, Any] = answer.json()
    return page


def _reason(refusal: httpx.Response) -> str:
    """What a problem document says, in one line."""
    try:
        problem = refusal.json()
    except ValueError:
        return f"it answers {refusal.status_code}"
    faults = [f"{fault['pointer'].lstrip('?')}: {fault['text']}" for fault in problem.get("errors", ())]
    return "; ".join(faults) or str(problem["title"])


async def _reached(asking: Coroutine[Any, Any, Answer]) -> Answer:
    """What an address of the running system answers; one that does not answer is told in a sentence."""
    try:
        return await asking
    except httpx.HTTPError as error:
        raise CannotRun(f"The running system does not answer ({error}): see `make logs`.") from error


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="deploy.local", description="The embedded default of Liandong.")
    commands = parser.add_subparsers(required=True)

    def command(name: str, run: Any, text: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=text, description=text)
        added.set_defaults(command=run)
        return added

    told = command("demo", _demo, "start everything and tell the story")
    told.add_argument("--once", action="store_true", help="on data of its own; check every claim, leave nothing")
    told.add_argument("--no-story", action="store_true", help="only start the system")
    command("stop", _stop, "stop what runs")
    command("check-migrations", _check_migrations, "migrate four empty databases and compare them with the code")
    command("clean", _clean, "stop and remove the data")
    token = command("token", _token, "print a bearer token")
    whom = token.add_mutually_exclusive_group()
    whom.add_argument("--person", help="id or staff number")
    whom.add_argument("--client", help="client id")
    people = command("people", _people, "list whom to be")
    people.add_argument("--role")
    people.add_argument("--unit")
    people.add_argument("--limit", type=int, default=50)
    command("clock", _clock, "tell or move the business clock").add_argument("--to")
    logs = command("logs", _logs, "print the ends of the logs")
    logs.add_argument("--only")
    logs.add_argument("--lines", type=int, default=30)
    acting = command("as", _as, "run a module with the environment of a service")
    acting.add_argument("service", choices=tuple(DATABASE_OF))
    acting.add_argument("module")
    acting.add_argument("arguments", nargs=argparse.REMAINDER)
    return parser


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
