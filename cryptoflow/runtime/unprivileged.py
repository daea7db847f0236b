"""Run one command as an unprivileged user when the caller is root; otherwise simply become it.

PostgreSQL refuses to run as root, which is who one is in most containers. This wrapper gives up the user id and
every capability but one: CAP_DAC_OVERRIDE stays, as an ambient capability, so that a data folder below a folder
that only root may enter is still reached without changing the mode of any parent folder.

Started as `python -I <this file> -- command arguments...`; it replaces itself with the command, so the process
id stays. Standard library only: it starts in milliseconds and works in isolated mode.
What does not belong here: what is started, where, and who watches it.
"""

from __future__ import annotations

import ctypes
import os
import sys

# Linux: the overflow user, "nobody". It needs no entry in the password file.
UNPRIVILEGED_ID = 65534
EXIT_NOT_POSSIBLE = 78
CURE = "Run as an ordinary user instead of root, or set CRYPTOFLOW_DATABASE_URL to a PostgreSQL 18 server."

_PR_SET_KEEPCAPS = 8
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_RAISE = 2
_CAP_DAC_OVERRIDE = 1
_CAPABILITY_VERSION_3 = 0x20080522


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Sets(ctypes.Structure):
    _fields_ = (("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32))


def is_root() -> bool:
    """Whether the caller is the superuser, as whom PostgreSQL does not run."""
    return os.geteuid() == 0


def command_line(command: list[str]) -> list[str]:
    """The argument vector that runs `command` unprivileged: itself for an ordinary user, wrapped for root."""
    if not is_root():
        return command
    return [sys.executable, "-I", os.path.abspath(__file__), "--", *command]


def drop_privileges() -> None:
    """Become the unprivileged user, keeping only the right to pass folders by."""
    if sys.platform != "linux":
        raise OSError("dropping root is only known on Linux")
    libc = ctypes.CDLL(None, use_errno=True)
    _require(libc.prctl(_PR_SET_KEEPCAPS, 1, 0, 0, 0))
    os.setgroups([])
    os.setgid(UNPRIVILEGED_ID)
    os.setuid(UNPRIVILEGED_ID)
    mask = 1 << _CAP_DAC_OVERRIDE
    header = _Header(_CAPABILITY_VERSION_3, 0)
    sets = (_Sets * 2)(_Sets(mask, mask, mask), _Sets(0, 0, 0))
    _require(libc.capset(ctypes.byref(header), ctypes.byref(sets)))
    _require(libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, _CAP_DAC_OVERRIDE, 0, 0))


def _require(result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def main(arguments: list[str]) -> int:
    """Drop, then become the command. Returns only when that is not possible."""
    command = arguments[1:] if arguments[:1] == ["--"] else arguments
    if not command:
        sys.stderr.write("usage: unprivileged.py -- COMMAND [ARGUMENT...]\n")
        return EXIT_NOT_POSSIBLE
    if is_root():
        try:
            drop_privileges()
        except OSError as error:
            sys.stderr.write(f"Root could not be given up for {command[0]} ({error}). {CURE}\n")
            return EXIT_NOT_POSSIBLE
    try:
        os.execvp(command[0], command)  # noqa: S606  (becoming the command is the purpose)
    except OSError as error:
        sys.stderr.write(f"{command[0]} could not be started ({error}).\n")
        return EXIT_NOT_POSSIBLE


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
