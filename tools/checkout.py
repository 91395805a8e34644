"""The checkout as a place to work in: writable, with room, and one build at a time.

What stands in the way is said in one sentence. Only the standard library is used here,
for installing begins with it.
"""

import contextlib
import errno
import fcntl
import os
import shutil
import signal
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# Set for the commands below one that holds the lock of the builds.
ALONE = "NTK_ALONE"
# What the system says when a disk, and not a program, is at fault.
OF_THE_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM}


class Refused(Exception):
    """Why nothing is done, in one sentence."""


@contextlib.contextmanager
def one_sentence(interrupted):
    """End the program with one sentence where a person or the disk stops it.

    `interrupted` is what to say after Ctrl-C or when the program is asked to end.
    """
    endings = [signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # which nohup sees to
        endings.append(signal.SIGHUP)
    before = [signal.signal(each, signal.default_int_handler) for each in endings]
    try:
        yield
    except Refused as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit(interrupted)
    except OSError as error:
        if error.errno not in OF_THE_DISK:
            raise
        sys.exit(f"{error.filename or ROOT} cannot be written: {error.strerror}")
    finally:
        for ending, handler in zip(endings, before, strict=True):
            signal.signal(ending, handler)


def check_writable(folder=ROOT):
    """Refuse a folder in which nothing can be written."""
    if not os.access(folder, os.W_OK):
        raise Refused(
            f"Nothing can be written to {folder}; copy the book to a folder of your own"
        )


def check_room(needed, folder=ROOT):
    """Refuse a disk on which fewer than `needed` MB are free."""
    free = shutil.disk_usage(folder).free // 10**6
    if free < needed:
        raise Refused(
            f"The disk of {folder} is full: about {needed} MB are needed, and {free} "
            "MB are free"
        )


@contextlib.contextmanager
def locked(path, busy, *, wait=False):
    """Hold the lock of a file or folder, and give the number of the open file.

    Where another process holds it, the sentence `busy` is the refusal; with `wait` it
    is printed, and this one waits. The lock is on what is there anyway, so that a
    process that is killed leaves nothing behind.
    """
    number = os.open(path, os.O_RDONLY)
    try:
        _lock(number, busy, wait)
        yield number
    finally:
        os.close(number)


def _lock(number, busy, wait):
    """Lock an open file until it is closed in this process and in its children."""
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        if not wait:
            raise Refused(busy) from None
        print(busy, flush=True)
        fcntl.flock(number, fcntl.LOCK_EX)
    except OSError:
        pass  # some network folders have no locks


@contextlib.contextmanager
def building_alone():
    """Hold the lock of all that writes to _build, unless a command above this does.

    What is given are the open files that a child must keep, so that the lock holds as
    long as the child lives.
    """
    if os.environ.get(ALONE):
        yield []
        return
    busy = f"Another build is running in {ROOT}; run this again when it has ended"
    with locked(ROOT, busy) as number:
        os.environ[ALONE] = "yes"
        try:
            yield [number]
        finally:
            del os.environ[ALONE]


def main():
    """Become the command of the command line, which then is the only build here."""
    with one_sentence("Interrupted."):
        check_writable()
        with building_alone() as kept:
            for number in kept:
                os.set_inheritable(number, True)
            os.execvp(sys.argv[1], sys.argv[1:])


if __name__ == "__main__":
    main()
