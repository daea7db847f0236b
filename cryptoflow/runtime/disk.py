"""What a disk can refuse, said once: full, read-only, forbidden. Turns system errors into errors with a cure.

What does not belong here: deciding where files live (home).
"""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
from pathlib import Path

from cryptoflow.errors import PermanentError

PROBE_BYTES = 8 * 1024 * 1024

FULL_CURE = "Free some space there, or choose a folder on another disk with --home or CRYPTOFLOW_HOME."
FORBIDDEN_CURE = "Make the folder writable for this user, or choose another with --home or CRYPTOFLOW_HOME."

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_FORBIDDEN = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})


def explain_os_error(error: OSError, *, what: str) -> PermanentError:
    """The error of this house for an error of the system. `what` is a clause without a final stop."""
    if error.errno in _FULL:
        return PermanentError(f"{what}: the disk is full.", cure=FULL_CURE)
    if error.errno == errno.EROFS:
        return PermanentError(f"{what}: the disk is mounted read-only.", cure=FORBIDDEN_CURE)
    if error.errno in _FORBIDDEN:
        return PermanentError(f"{what}: permission denied.", cure=FORBIDDEN_CURE)
    if error.errno in {errno.ENOTDIR, errno.EEXIST}:
        return PermanentError(f"{what}: a file stands where a folder is needed.", cure=FORBIDDEN_CURE)
    return PermanentError(
        f"{what}: {error.strerror or error}.", cure="Look at the disk and the folder, then try again."
    )


def probe_writable(folder: Path, *, probe_bytes: int = PROBE_BYTES) -> None:
    """Prove that `folder` takes files and has room, by writing a few megabytes and removing them."""
    try:
        with tempfile.NamedTemporaryFile(prefix=".probe.", dir=folder) as probe:
            _allocate(probe.fileno(), probe_bytes)
    except OSError as error:
        raise explain_os_error(error, what=f"The home folder {folder} does not take files") from error


def _allocate(handle: int, size: int) -> None:
    if hasattr(os, "posix_fallocate"):
        # Some file systems cannot reserve; writing is then the honest probe.
        with contextlib.suppress(NotImplementedError):
            try:
                os.posix_fallocate(handle, 0, size)
                return
            except OSError as error:
                if error.errno not in {errno.EOPNOTSUPP, errno.EINVAL}:
                    raise
    block = b"\0" * 65536
    for _ in range(0, size, len(block)):
        os.write(handle, block)
    os.fsync(handle)
