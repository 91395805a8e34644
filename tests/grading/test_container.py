"""`make grade CONTAINER=podman`: what a container sees, and what it is asked to do."""

import os
import sys

import pytest

from grading import container
from grading.container import ROOT, arguments_of_run, command_line, main

# Writes down how it was called, and ends with the code of the last call.
PROGRAM = """#!{python}
import json, sys
with open({log!r}, "a") as file:
    file.write(json.dumps(sys.argv[1:]) + "\\n")
sys.exit(3 if sys.argv[1] == {fails!r} else 0)
"""


@pytest.fixture
def returned(tmp_path):
    """A folder of submissions whose path has a space and a comma."""
    folder = tmp_path / "set 1, returned"
    folder.mkdir()
    return folder


def options(*arguments):
    """The arguments of `podman run` for these of `python -m grading.container`."""
    return arguments_of_run(*command_line().parse_known_args(list(map(str, arguments))))


def mounted(listed):
    """What the container sees of this machine."""
    return [option for option in listed if option.startswith("--mount")]


def test_run_shows_the_repository_and_the_submissions_to_be_read_alone(returned):
    """Only the results can be written; a path with a comma is in quotes."""
    out = returned.parent / "grades"
    listed = mounted(options("podman", returned, "--out", out))
    assert sorted(listed) == sorted(
        [
            f"--mount=type=bind,source={ROOT},target={ROOT},readonly",
            f'--mount=type=bind,"source={returned}","target={returned}",readonly',
            f"--mount=type=bind,source={out},target={out}",
        ]
    )


def test_run_hands_the_other_options_on(returned):
    """Behind the image stand the grading's own arguments, with whole paths."""
    listed = options("podman", returned, "--out", returned.parent, "--sets", "kernel")
    behind = listed[listed.index(container.IMAGE) + 1 :]
    assert behind == [str(returned), f"--out={returned.parent}", "--sets", "kernel"]


@pytest.mark.parametrize("named", [True, False], ids=["named", "beside"])
def test_run_shows_the_course_with_the_folder_of_its_secret(returned, named):
    """course.toml is found beside the submissions, or where it is named."""
    path = returned.parent / "course.toml"
    path.write_text('secret_file = "secret"')
    listed = options("podman", returned, *(["--course", path] if named else []))
    assert f"--course={path}" in listed
    folder = path.parent
    expected = f"--mount=type=bind,source={folder},target={folder},readonly"
    assert expected in mounted(listed)


def test_run_shows_the_secret_of_the_books_own_course(monkeypatch, returned):
    """The repository is seen with its course.toml; its secret lies elsewhere."""
    secret = returned.parent / "secret"
    settings = returned.parent / "book.toml"
    settings.write_text('secret_file = "secret"')
    monkeypatch.setenv("NTK_COURSE", str(settings))
    mount = f"--mount=type=bind,source={secret},target={secret},readonly"
    assert mount not in mounted(options("podman", returned))  # there is no such file
    secret.write_text("s")
    listed = options("podman", returned)
    assert mount in mounted(listed)
    assert not [option for option in listed if option.startswith("--course")]


def test_main_refuses_a_course_that_cannot_be_read(tmp_path, returned):
    """It says so in one sentence, before anything is started in a container."""
    settings = tmp_path / "course.toml"
    settings.write_text("late = 3")
    program = tmp_path / "podman"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    out = tmp_path / "grades"
    arguments = [program, returned, "--out", out, "--course", settings]
    with pytest.raises(SystemExit, match=r"course\.toml: late must be a table"):
        main([str(each) for each in arguments])


def test_run_finds_files_at_home(monkeypatch, tmp_path):
    """A path may begin with ~, which no shell has replaced within quotes."""
    monkeypatch.setenv("HOME", str(tmp_path))
    listed = options("podman", "~/returned", "--roster", "~/export.csv")
    assert f"--roster={tmp_path}/export.csv" in listed
    shown = " ".join(mounted(listed))
    assert f"target={tmp_path}/returned,readonly" in shown
    assert f"target={tmp_path}/export.csv,readonly" in shown


@pytest.mark.parametrize(
    ("program", "uid", "expected"),
    [
        ("podman", 0, ["--cap-add=SYS_ADMIN", "--cap-add=SYS_PTRACE"]),
        ("podman", 1000, ["--userns=keep-id"]),
        ("docker", 1000, ["--user=1000:1000"]),
    ],
)
def test_run_lets_results_belong_to_who_grades(
    monkeypatch, returned, program, uid, expected
):
    """Inside is the same user, with what a sandbox needs, which differs in docker."""
    monkeypatch.setattr(os, "getuid", lambda: uid)
    monkeypatch.setattr(os, "getgid", lambda: uid)
    listed = options(program, returned)
    assert [one for one in listed if one.startswith(("--user", "--cap"))] == expected
    lifted = "--security-opt=seccomp=unconfined" in listed
    assert lifted == (program == "docker")
    assert {"--network=none", "--read-only"} <= set(listed)


@pytest.mark.parametrize(
    ("fails", "code"),
    [("none", 0), ("run", 3), ("build", "could not make the image")],
)
def test_main_ends_as_the_grading_did(tmp_path, returned, fails, code):
    """The image is made first; what `podman run` ends with is passed on."""
    program, log = tmp_path / "podman", tmp_path / "log"
    text = PROGRAM.format(python=sys.executable, log=str(log), fails=fails)
    program.write_text(text)
    program.chmod(0o755)
    out = tmp_path / "new" / "grades"
    with pytest.raises(SystemExit) as ended:
        main([str(program), str(returned), "--out", str(out)])
    assert str(code) in str(ended.value.code)
    calls = log.read_text().splitlines()
    assert len(calls) == (1 if fails == "build" else 2)
    assert '"build"' in calls[0]
    assert out.is_dir()


def test_main_names_a_program_that_is_missing(returned):
    """One sentence, and no traceback."""
    with pytest.raises(
        SystemExit, match="There is no program nopodman here; install it"
    ):
        main(["nopodman", str(returned), "--out", str(returned.parent / "grades")])


def test_main_names_a_folder_that_cannot_be_written(returned):
    """One sentence before anything is made."""
    out = returned.parent / "file"
    out.write_text("")
    with pytest.raises(SystemExit, match="cannot be written: "):
        main(["podman", str(returned), "--out", str(out / "grades")])
