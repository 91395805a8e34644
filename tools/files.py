"""The files of the repository: of a clone, and of an archive without its history.

    python -m tools.files codespell

runs a command on all of them.
"""

import os
import subprocess
import sys
import tempfile

from tools.checkout import ROOT


def files():
    """The paths of all files that .gitignore does not name, relative to ROOT."""
    if (ROOT / ".git").exists():
        return _listed(os.environ, "--cached", "--others")
    # An archive: git reads .gitignore for any folder, and needs a history somewhere.
    with tempfile.TemporaryDirectory() as history:
        begin = ["git", "init", "--quiet", "--bare", history]
        subprocess.run(begin, capture_output=True, check=True)
        place = {"GIT_DIR": history, "GIT_WORK_TREE": str(ROOT)}
        return _listed(os.environ | place, "--others")


def _listed(environment, *which):
    """What git lists, without what is no file: removed ones, links to folders."""
    command = ["git", "ls-files", "-z", *which, "--exclude-standard"]
    listed = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, check=True
    )
    names = sorted(set(listed.stdout.decode().split("\0")))
    return [name for name in names if (ROOT / name).is_file()]


def main():
    """Run the command of the command line on the files."""
    try:
        names = files()
    except FileNotFoundError:
        sys.exit("git is not there, by which the book's files are listed; install it")
    except subprocess.CalledProcessError as error:  # as in a folder of another user
        sys.exit(f"git does not list the book's files: {error.stderr.decode().strip()}")
    command = [*sys.argv[1:], *names]
    sys.exit(subprocess.run(command, cwd=ROOT).returncode)


if __name__ == "__main__":
    main()
