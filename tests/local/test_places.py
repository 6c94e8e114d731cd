import errno
import os
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from deploy.local import lodging
from deploy.local.lodging import can_enter, find_lodging, remove_lodging, shelter
from deploy.local.places import ROOT, Home
from deploy.local.ports import choose_ports, is_free
from deploy.local.processes import RunAs
from deploy.local.secret_store import SecretStore
from deploy.local.sentences import CannotRun, in_one_line, sentence_of

STRANGER = RunAs(54321, 54321)


def test_wished_ports_are_kept_and_taken_ones_replaced() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        first = choose_ports(["a", "b"], {})
        again = choose_ports(["a", "b", "c"], {**first, "c": port})
        assert {name: again[name] for name in first} == first
        assert again["c"] != port
        assert not is_free(port)
    assert is_free(port)


def test_two_names_never_get_one_port() -> None:
    port = choose_ports(["a"], {})["a"]
    assert len(set(choose_ports(["a", "b", "c"], {"a": port, "b": port, "c": port}).values())) == 3


def test_a_private_directory_anywhere_above_keeps_a_stranger_out(home: Home) -> None:
    deep = home.directory / "open" / "private" / "data"
    deep.mkdir(parents=True)
    assert can_enter(deep, STRANGER)
    deep.parent.chmod(0o700)
    assert not can_enter(deep, STRANGER)
    assert not can_enter(home.directory / "missing", STRANGER)
    deep.parent.chmod(0o755)


def test_the_owners_and_the_groups_bits_count_before_the_others(home: Home) -> None:
    place = home.directory / "place"
    place.mkdir()
    status = place.stat()
    place.chmod(0o605)
    assert not can_enter(place, RunAs(status.st_uid + 1, status.st_gid))
    assert not can_enter(place, RunAs(status.st_uid, status.st_gid))
    assert can_enter(place, STRANGER)


def test_root_in_a_private_home_moves_data_to_where_the_server_can_enter(home: Home, *, is_root: bool) -> None:
    private = home.directory / "home of root"
    private.mkdir(mode=0o700)
    wanted = private / "postgres"
    found = find_lodging(wanted)
    try:
        if is_root:
            assert found.run_as is not None
            assert found.moved_to == shelter(wanted.resolve())
            assert can_enter(found.data, found.run_as)
            assert found.data.stat().st_mode & 0o777 == 0o700
        else:
            assert found.run_as is None
            assert found.moved_to is None
            assert found.data == wanted / "data"
    finally:
        remove_lodging(wanted)
    assert not found.data.exists()


def test_root_without_an_unprivileged_user_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(_: str) -> None:
        raise KeyError

    monkeypatch.setattr(lodging.pwd, "getpwnam", nobody)
    with pytest.raises(CannotRun, match="run make as an ordinary user"):
        lodging.unprivileged_user()


def test_sockets_of_a_deep_directory_get_a_short_path(home: Home) -> None:
    deep = home.directory.joinpath(*["绩效管理"] * 12) / "postgres"
    found = find_lodging(deep)
    try:
        assert len(os.fsencode(found.sockets / ".s.PGSQL.65535")) < 107
        assert not found.sockets.is_relative_to(deep)
    finally:
        remove_lodging(deep)
    assert not found.sockets.exists()


def test_secrets_are_made_once_and_private(home: Home) -> None:
    store = SecretStore(home.state / "secrets.json")
    first = store.get("nats.scoring_svc")
    assert len(first) >= 43
    assert SecretStore(store.path).get("nats.scoring_svc") == first
    assert store.get("nats.audit_svc") != first
    assert store.path.stat().st_mode & 0o777 == 0o600


def test_secrets_that_are_made_at_once_are_all_kept(home: Home) -> None:
    names = [f"nats.user_{number}" for number in range(24)]
    with ThreadPoolExecutor(8) as threads:
        made = dict(zip(names, threads.map(SecretStore(home.state / "secrets.json").get, names), strict=True))
    assert SecretStore(home.state / "secrets.json").all() == made


def test_only_one_launcher_holds_a_directory(home: Home) -> None:
    hold = "import sys, time; from pathlib import Path; from deploy.local.places import Home\n"
    hold += "with Home(Path(sys.argv[1])).alone():\n    print('held', flush=True); time.sleep(60)"
    other = subprocess.Popen(  # noqa: S603 - this interpreter, with constant text
        [sys.executable, "-c", hold, str(home.directory)], stdout=subprocess.PIPE, cwd=ROOT, text=True
    )
    assert other.stdout is not None
    assert other.stdout.readline() == "held\n"
    try:
        assert home.launcher() == other.pid
        with (
            pytest.raises(CannotRun, match=f"already runs from this directory \\(process {other.pid}\\)"),
            home.alone(),
        ):
            pass
    finally:
        other.kill()
        other.communicate()
    assert home.launcher() is None
    with home.alone():
        assert home.launcher() == os.getpid()


@pytest.mark.parametrize(
    ("number", "words"),
    [(errno.ENOSPC, "disk is full"), (errno.EROFS, "read-only"), (errno.EACCES, "may not read or write")],
)
def test_known_complaints_become_one_sentence(number: int, words: str) -> None:
    sentence = sentence_of(OSError(number, os.strerror(number), "/data/x"))
    assert sentence is not None
    assert words in sentence
    assert "/data/x" in sentence
    assert "\n" not in sentence


def test_last_words_of_a_program_become_one_line(home: Home) -> None:
    assert in_one_line("hint\nFATAL: could not write: No space left on device\n", home.directory) == "the disk is full"
    assert (
        in_one_line("starting\ninitdb: error: no such locale.\nbye", home.directory) == "initdb: error: no such locale"
    )
    assert in_one_line("", home.directory) == "it said nothing"


def test_unknown_complaints_are_not_dressed_up() -> None:
    assert sentence_of(OSError(errno.EPIPE, "Broken pipe")) is None


def test_a_file_where_the_data_directory_should_be_is_one_sentence(home: Home) -> None:
    blocked = home.directory / "file"
    blocked.write_text("", "ascii")
    told = subprocess.run(
        [sys.executable, "-m", "deploy.local", "demo", "--no-story"],
        cwd=ROOT,
        env={**os.environ, "LIANDONG_LOCAL": str(blocked)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 1
    assert "Traceback" not in told.stderr
    assert str(blocked) in told.stderr
    assert Path(blocked).is_file()
