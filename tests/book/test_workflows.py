"""The workflows: what they run is a target of make, and few may write anything."""

import json
import os
import re
import subprocess
import sys
import tomllib
from itertools import product

import pytest
import yaml

from tools.execute import ROOT

GITHUB = ROOT / ".github"
WORKFLOWS = {
    path.name: yaml.safe_load(path.read_text("utf-8"))
    for path in sorted((GITHUB / "workflows").glob("*.yml"))
}
JOBS = {
    (file, name): job
    for file, workflow in WORKFLOWS.items()
    for name, job in workflow["jobs"].items()
}
STEPS = [
    (file, name, step)
    for (file, name), job in JOBS.items()
    for step in job.get("steps", [])
]
MAKEFILE = (ROOT / "Makefile").read_text("utf-8")
TARGETS = set(re.search(r"^\.PHONY: (.*)$", MAKEFILE, re.M)[1].split())
# `make target`, or .ci/run, which installs what a runner lacks and then runs make. A
# target may come from the job's matrix and have settings, and what is printed may be
# kept in a file.
COMMAND = re.compile(
    r'(?:make|\.ci/run)(?P<target> "?[\w${}]+"?)?(?: [A-Z]+=\w+)*(?: 2>&1 \| tee .*)?'
)
# What else the workflows run, by the name of the step, and what tries it here.
OTHERS = {
    "Let the sandbox make its namespaces": "not run: a setting of the runner's kernel",
    "Push them": "test_notebooks_are_pushed_to_a_branch_of_their_own",
    "Say in the summary what came out": "test_summary_says_what_came_out",
    "Make the release": "test_release_is_made_with_its_notes_and_files",
}


def triggers(file):
    """When a workflow runs; YAML reads the key `on` as true."""
    return WORKFLOWS[file][True]


def targets(job, step):
    """The targets of make that a step runs, one for each entry of the matrix.

    The list is empty if the step runs something else.
    """
    found = COMMAND.fullmatch(step["run"].strip())
    if not found:
        return []
    target = (found["target"] or "test").strip(' "')
    if not target.startswith("$"):
        return [target]
    key = re.fullmatch(r"\$\{\{ matrix\.(\w+) \}\}", step["env"][target[1:]])[1]
    return [entry[key] for entry in job["strategy"]["matrix"]["include"]]


def step_named(name):
    """The one step of this name."""
    (found,) = [step for _, _, step in STEPS if step.get("name") == name]
    return found


@pytest.mark.parametrize(("file", "job"), sorted(JOBS))
def test_steps_run_targets_of_make(file, job):
    """What a job runs can be run anywhere: `make target`; else it is in a list."""
    for step in JOBS[file, job].get("steps", []):
        if "run" not in step:
            continue
        found = targets(JOBS[file, job], step)
        assert set(found) <= TARGETS
        assert bool(found) != (step["name"] in OTHERS), step["run"]


def test_list_of_other_steps_is_true():
    """Each step of the list is in a workflow; each test that tries one is below."""
    assert set(OTHERS) <= {step.get("name") for _, _, step in STEPS}
    tests = {place for place in OTHERS.values() if not place.startswith("not run: ")}
    assert tests <= set(globals())


def test_workflows_run_when_they_should():
    """On each change and each week, on each tag; tests stand in one file for all."""
    assert triggers("book.yml").keys() >= {"push", "pull_request", "workflow_call"}
    assert triggers("weekly.yml").keys() == {"schedule", "workflow_dispatch"}
    assert JOBS["weekly.yml", "book"]["uses"] == "./.github/workflows/book.yml"
    assert triggers("release.yml") == {"push": {"tags": ["v*"]}}
    for file in ("book.yml", "release.yml"):
        assert JOBS[file, "test"]["uses"] == "./.github/workflows/test.yml"
        for (other, name), job in JOBS.items():
            if other == file and "write" in job["permissions"].values():
                assert needs_tests(file, name), name


def needs_tests(file, name):
    """Whether a job waits for the tests, directly or by another job."""
    needed = JOBS[file, name].get("needs", [])
    needed = [needed] if isinstance(needed, str) else needed
    return "test" in needed or any(needs_tests(file, other) for other in needed)


def test_tests_run_with_the_oldest_and_the_newest_python():
    """`make check`, `make test` on 3.11 and 3.13, other arithmetic, and the site."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    least = project["requires-python"].removeprefix(">=")
    matrix = JOBS["test.yml", "test"]["strategy"]["matrix"]
    assert matrix == {"python": [least, "3.13"]}
    jobs = [job for (file, _), job in JOBS.items() if file == "test.yml"]
    run = [
        target
        for job in jobs
        for step in job["steps"]
        if "run" in step
        for target in targets(job, step)
    ]
    assert run == ["check", "test", "arithmetic", "site"]


WRITES = {
    ("book.yml", "publish"): {"pages": "write", "id-token": "write"},
    ("book.yml", "notebooks"): {"contents": "write"},
    ("release.yml", "publish"): {"contents": "write"},
    # book.yml shares these out among its jobs.
    ("weekly.yml", "book"): {
        "contents": "write",
        "pages": "write",
        "id-token": "write",
    },
}


@pytest.mark.parametrize(("file", "name"), sorted(JOBS))
def test_only_jobs_that_publish_may_write(file, name):
    """Jobs that run programs of others only read; those that write run none."""
    job = JOBS[file, name]
    assert WORKFLOWS[file]["permissions"] == {}
    granted = job["permissions"]
    assert granted == WRITES.get((file, name), granted)
    steps = job.get("steps", [])
    if (file, name) in WRITES:
        assert not any("checkout" in step.get("uses", "") for step in steps)
        assert not any(targets(job, step) for step in steps if "run" in step)
    else:
        assert set(granted.values()) == {"read"}
    assert "uses" in job or job["timeout-minutes"] <= 350


# Stands for programs that `.ci/run` starts, and writes down what they were given.
WORDS = """#!/bin/sh
echo "$(basename "$0") $*" >> "$LOG"
"""


@pytest.mark.parametrize(
    ("given", "run"), [([], "make test"), (["check"], "make check")], ids=["", "check"]
)
def test_ci_runs_the_target_that_it_is_given(tmp_path, given, run):
    """`.ci/run` ends with `make test`, and `.ci/run check` with `make check`."""
    for name in ("make", "sudo", "apt-get"):
        (tmp_path / name).write_text(WORDS)
        (tmp_path / name).chmod(0o755)
    log = tmp_path / "log"
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {"PATH": path, "LOG": str(log)}
    subprocess.run([ROOT / ".ci" / "run", *given], env=environment, check=True)
    assert log.read_text().splitlines()[-1] == run


def test_actions_have_one_version_each():
    """All are GitHub's own, and an action has the same version wherever it is used."""
    used = {step["uses"] for _, _, step in STEPS if "uses" in step}
    names = [name.partition("@")[0] for name in used]
    assert all(re.fullmatch(r"actions/[a-z-]+@v\d+", name) for name in used)
    assert len(names) == len(set(names))


def test_site_gets_its_address_from_pages():
    """The build reads NTK_BASEURL, which is what the step before it found out."""
    steps = JOBS["test.yml", "site"]["steps"]
    pages, build = [
        step for step in steps if step.get("id") == "pages" or "run" in step
    ]
    assert pages["uses"].startswith("actions/configure-pages@")
    assert pages["if"] == "github.ref == 'refs/heads/main'"
    address = "${{ steps.pages.outputs.base_url }}"
    assert build["env"]["NTK_BASEURL"] == address


def run_step(name, folder, **variables):
    """Run a step as the runner does, in a folder, with what its `env` refers to."""
    environment = os.environ | variables
    return subprocess.run(
        ["bash", "-e", "-c", step_named(name)["run"]],
        cwd=folder,
        env={key: str(value) for key, value in environment.items()},
        capture_output=True,
        text=True,
        check=True,
    )


def git(folder, *arguments):
    """What git prints."""
    result = subprocess.run(
        ["git", "-C", folder, *arguments], capture_output=True, text=True, check=True
    )
    return result.stdout.strip()


def test_notebooks_are_pushed_to_a_branch_of_their_own(tmp_path):
    """The branch has the notebooks alone, in one commit, also the second time."""
    server, notebooks = tmp_path / "server", tmp_path / "notebooks"
    git(tmp_path, "init", "--quiet", "--bare", server)
    settings = {
        "TOKEN": "secret",
        "GITHUB_SERVER_URL": "https://server.example",
        "GITHUB_REPOSITORY": "a/b",
        # git takes the folder for the address that the step names.
        "GIT_CONFIG_COUNT": 1,
        "GIT_CONFIG_KEY_0": f"url.{server}.insteadOf",
        "GIT_CONFIG_VALUE_0": "https://x-access-token:secret@server.example/a/b",
    }
    for number in (1, 2):
        (notebooks / "exercises").mkdir(parents=True)
        (notebooks / "exercises" / f"{number}.ipynb").write_text("{}")
        run_step("Push them", notebooks, GITHUB_SHA=f"abc{number}", **settings)
        notebooks.rename(tmp_path / f"run-{number}")
    assert (
        git(server, "log", "--format=%an: %s", "notebooks") == "book: Notebooks of abc2"
    )
    listed = git(server, "ls-tree", "-r", "--name-only", "notebooks")
    assert listed == "exercises/2.ipynb"


def test_summary_says_what_came_out(tmp_path):
    """It names the command and whether it failed, and has what it printed."""
    (tmp_path / "printed.txt").write_text("seeds + 100: 2 cells fail\n")
    summary = tmp_path / "summary.md"
    run_step(
        "Say in the summary what came out",
        tmp_path,
        TARGET="seeds",
        OUTCOME="failure",
        RUNNER_TEMP=tmp_path,
        GITHUB_STEP_SUMMARY=summary,
    )
    assert summary.read_text().splitlines() == [
        "## make seeds: failure",
        "````text",
        "seeds + 100: 2 cells fail",
        "````",
    ]


# Stands for GitHub's program `gh`, and writes down what it was given.
GH = f"""#!{sys.executable}
import json, os, sys
json.dump(sys.argv[1:], open(os.environ["LOG"], "w"))
"""


def test_release_is_made_with_its_notes_and_files(tmp_path):
    """gh gets the tag, the change log's section and each packed file."""
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "gh").write_text(GH)
    (programs / "gh").chmod(0o755)
    folder = tmp_path / "release"
    (folder / "files").mkdir(parents=True)
    (folder / "notes.md").write_text("New.\n")
    for name in ("a.whl", "b.zip"):
        (folder / "files" / name).write_text("")
    path = f"{programs}{os.pathsep}{os.environ['PATH']}"
    log = tmp_path / "log"
    run_step("Make the release", folder, TAG="v1.2.3", PATH=path, LOG=log)
    given = json.loads(log.read_text())
    assert given[:3] == ["release", "create", "v1.2.3"]
    assert given[given.index("--notes-file") + 1] == "notes.md"
    assert given[-2:] == ["files/a.whl", "files/b.zip"]


def test_dependabot_watches_each_place():
    """GitHub's actions, the ranges of pyproject.toml, each folder of npm's packages."""
    text = (GITHUB / "dependabot.yml").read_text("utf-8")
    updates = yaml.safe_load(text)["updates"]
    places = {
        (update["package-ecosystem"], place)
        for update in updates
        for place in update.get("directories", [update.get("directory")])
    }
    folders = [path.parent for path in ROOT.glob("*/*/package-lock.json")]
    npm = {f"/{folder.relative_to(ROOT).as_posix()}" for folder in folders}
    assert len(npm) >= 3
    expected = {("github-actions", "/"), ("pip", "/"), *product(["npm"], npm)}
    assert places == expected
    for line in text.splitlines():
        assert "versions:" not in line or " # " in line, f"no reason: {line}"
