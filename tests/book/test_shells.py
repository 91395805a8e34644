"""The commands of the pages, pasted into the shells that people have."""

import os
import re
import shlex
import shutil
import subprocess

import pytest

from tools.execute import ROOT

PAGES = [
    *("README.md", "CONTRIBUTING.md", "SECURITY.md"),
    *(path.relative_to(ROOT).as_posix() for path in ROOT.glob("book/*.md")),
    *(path.relative_to(ROOT).as_posix() for path in ROOT.glob("docs/*.md")),
]
# How each shell prints its words, with a zero byte after each. An interactive zsh,
# which is what a Mac's terminal has, takes no comments and fails where a pattern
# matches no file.
SHELLS = {
    "zsh": (["zsh", "-f", "-i", "-s"], "print -rN -- "),
    "dash": (["dash"], "printf '%s\\0' "),
}
# What is for a shell to understand; the words of such a line are not compared.
SHELL_S_OWN = re.compile(r"[|;&$`]")


def blocks(text):
    """The blocks of a page for a terminal, each a list of lines."""
    found, language = [], None
    for line in text.splitlines():
        if language is None and line.startswith("```"):
            language = line.strip("`").strip()
            found.append([] if language in ("", "bash", "console", "sh") else None)
        elif line.startswith("```"):
            language = None
        elif language is not None and found[-1] is not None:
            found[-1].append(line)
    return [lines for lines in found if lines]


def commands():
    """The commands of all pages, each once."""
    found = {}
    for page in PAGES:
        for lines in blocks((ROOT / page).read_text("utf-8")):
            found |= dict.fromkeys(line for line in lines if line.strip())
    return [line for line in found if not SHELL_S_OWN.search(line)]


def test_commands_of_the_pages_are_found():
    """Some of README, of the landing page and of the instructors' page."""
    expected = {
        "conda activate ntk-lecture",
        "make serve",
        "make mark OUT=../course/grades",
    }
    assert expected <= set(commands())


@pytest.mark.parametrize("shell", SHELLS)
def test_command_means_the_same_in_each_shell(shell, tmp_path):
    """What is pasted gives the words that stand there: no comment, no pattern."""
    words, printed = SHELLS[shell]
    if shutil.which(shell) is None:
        leave = pytest.fail if os.environ.get("CI") else pytest.skip
        leave(f"{shell} is not there; install it to test that commands can be pasted")
    found = commands()
    script = "".join(f"{printed}{line}\n" for line in found)
    result = subprocess.run(
        words,
        input=script,
        cwd=tmp_path,
        env=os.environ | {"PS1": "", "TERM": "dumb"},
        capture_output=True,
        text=True,
    )
    expected = [word for line in found for word in shlex.split(line)]
    assert result.stdout.split("\0")[:-1] == expected, result.stderr
