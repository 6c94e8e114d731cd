"""Loopback TCP ports: which one is free, and keeping the ones of the last start when they still are.

What belongs here: finding ports. What does not: who listens on them (system.py).
"""

import socket
from collections.abc import Iterable, Mapping


def free_port() -> int:
    """A loopback port that is free at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def is_free(port: int) -> bool:
    """Whether a server could listen on this loopback port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def choose_ports(names: Iterable[str], wished: Mapping[str, int]) -> dict[str, int]:
    """A free port for each name: the wished one where it is free and not given twice, otherwise any other."""
    chosen: dict[str, int] = {}
    for name in names:
        port = wished.get(name, 0)
        while port == 0 or port in chosen.values() or not is_free(port):
            port = free_port()
        chosen[name] = port
    return chosen
