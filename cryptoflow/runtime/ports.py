"""Free loopback ports: the preferred one, or the next that nobody holds or is about to use.

Between choosing a port and listening on it lie seconds, in which another platform on the machine could choose the same.
So whoever chooses also claims: a name in the kernel, seen by all users of its ports, held until the process ends.
What does not belong here: who listens on them.
"""

from __future__ import annotations

import atexit
import errno
import socket
import sys
from collections.abc import Container

from cryptoflow.errors import PermanentError

LOOPBACK = "127.0.0.1"
_TRIES = 200
_LAST_PORT = 65535

_claims: dict[int, socket.socket] = {}


def is_free(port: int, *, host: str = LOOPBACK) -> bool:
    """Whether a server could listen there now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # As the servers do: a port that only lingers after a close counts as free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def first_free(preferred: int, *, host: str = LOOPBACK, taken: Container[int] = ()) -> int:
    """`preferred` when free, else the nearest free port above it; claimed for this process until it ends.

    `taken` are promised to other parts of this process already.
    """
    for port in range(preferred, min(preferred + _TRIES, _LAST_PORT + 1)):
        if port not in taken and is_free(port, host=host) and _claim(port):
            return port
    raise PermanentError(
        f"No free port between {preferred} and {min(preferred + _TRIES - 1, _LAST_PORT)} on {host}.",
        cure="Stop what listens there, or choose another port or address in the settings (`cryptoflow config`).",
    )


def _claim(port: int) -> bool:
    """Whether the port is this process's to use. Where the kernel has no such names, nobody can claim."""
    if sys.platform != "linux" or port in _claims:
        return True
    claim = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        claim.bind(f"\0cryptoflow/port/{port}")
    except OSError as error:
        claim.close()
        return error.errno != errno.EADDRINUSE
    atexit.register(claim.close)
    _claims[port] = claim
    return True
