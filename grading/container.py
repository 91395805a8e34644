"""`make grade CONTAINER=podman`: the same grading in a container without a network.

    python -m grading.container podman folder --out grades …

Files have the same paths inside as outside, so that the grading's arguments and
messages stay as they are. Only the standard library is needed here.
"""

import argparse
import csv
import io
import os
import subprocess
import sys
from pathlib import Path

from grading import course

ROOT = Path(__file__).resolve().parents[1]
IMAGE = "localhost/ntk-grading"

CONFINED = [
    "--rm",
    "--network=none",
    "--read-only",
    "--tmpfs=/tmp",
    "--env=HOME=/tmp",
    "--env=NTK_SEED",
    "--security-opt=no-new-privileges",
]
# bubblewrap mounts a /proc of its own; the kernel lets it only where no part of the
# container's is covered up.
NESTED = ["--security-opt=systempaths=unconfined"]
# Docker's filter of system calls and its AppArmor profile refuse namespaces to programs
# without privileges; podman's do not.
NESTED_IN_DOCKER = [
    "--security-opt=seccomp=unconfined",
    "--security-opt=apparmor=unconfined",
]


def main(arguments=None):
    """Build the image, where something in it has changed, and grade in it."""
    given, others = command_line().parse_known_args(arguments)
    recipe = str(ROOT / "Containerfile")
    build = [given.program, "build", "--quiet", f"--tag={IMAGE}", f"--file={recipe}"]
    try:
        out_folder(given).mkdir(parents=True, exist_ok=True)
        subprocess.run([*build, str(ROOT)], check=True, stdout=subprocess.DEVNULL)
        grading = subprocess.run([given.program, *arguments_of_run(given, others)])
    except FileNotFoundError:
        sys.exit(f"There is no program {given.program} here; install it")
    except course.CourseError as error:
        sys.exit(str(error))
    except OSError as error:
        sys.exit(f"{given.out} cannot be written: {error.strerror}")
    except subprocess.CalledProcessError:
        sys.exit(f"{given.program} could not make the image of {recipe}")
    sys.exit(grading.returncode)


def command_line():
    """The options that name files; all others are handed on to the grading."""
    parser = argparse.ArgumentParser(prog="python -m grading.container")
    parser.add_argument("program", help="podman or docker")
    parser.add_argument("submissions", type=Path)
    parser.add_argument("--out", type=Path, default=Path("grades"))
    parser.add_argument("--roster", type=Path)
    parser.add_argument("--course", type=Path)
    return parser


def arguments_of_run(given, others):
    """The arguments of `podman run`; behind the image stand those of the grading."""
    submissions, out = full(given.submissions), out_folder(given)
    grading = [str(submissions), f"--out={out}"]
    readable = {ROOT, submissions}
    if given.roster:
        readable.add(full(given.roster))
        grading.append(f"--roster={full(given.roster)}")
    settings = course.found(given.course, submissions)
    if settings is not None:
        readable |= secrets_of(settings)
    if settings not in (None, course.public()):
        readable.add(full(settings).parent)
        grading.append(f"--course={full(settings)}")
    options = [*CONFINED, *NESTED, *user(given.program), f"--workdir={ROOT}"]
    if is_docker(given.program):
        options += NESTED_IN_DOCKER
    if sys.stdout.isatty():
        options.append("--tty")  # for the progress bar
    for path in sorted(readable | {out}):  # a folder before what lies in it
        options.append(mount(path, *([] if path == out else ["readonly"])))
    return ["run", *options, IMAGE, *grading, *others]


def secrets_of(settings):
    """The file of a course's secret, if it names one that is there."""
    secret_file = course.read(settings, with_secret=False).secret_file
    return {full(secret_file)} if secret_file and secret_file.is_file() else set()


def out_folder(given):
    """The folder of the results."""
    return full(given.out)


def full(path):
    """The whole path, without ~ and without links."""
    return path.expanduser().resolve()


def is_docker(program):
    """Whether the program is Docker, whose options are others than podman's."""
    return Path(program).name == "docker"


def user(program):
    """The options by which who grades is the same user inside."""
    if os.getuid() == 0:
        # to start a sandbox, and to count the files in it
        return ["--cap-add=SYS_ADMIN", "--cap-add=SYS_PTRACE"]
    if is_docker(program):
        return [f"--user={os.getuid()}:{os.getgid()}"]
    return ["--userns=keep-id"]


def mount(path, *options):
    """The option that shows a file or folder inside under its own path."""
    fields = ["type=bind", f"source={path}", f"target={path}", *options]
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(fields)  # paths may hold commas
    return f"--mount={line.getvalue()}"


if __name__ == "__main__":
    main()
