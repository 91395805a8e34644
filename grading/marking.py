"""The form in which derivations are marked: `make mark`.

It shows the pages in OUT/marks to this machine alone, and writes each mark into
OUT/marks/derivations.csv as soon as it is entered.
"""

import argparse
import functools
import json
import os
import secrets
import sys
import threading
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from grading import marks

LARGEST_MARK = 100_000  # bytes
OLD = "This address is an old one: open the one that make mark has printed last"
PORT = 8765  # always the same: the browser keeps what is not saved by the address


class Handler(SimpleHTTPRequestHandler):
    """Answers the pages' requests.

    Every address begins with a secret, so that no other page in the browser and no
    other user of the machine can read or enter marks.
    """

    def __init__(self, *request, file, secret, entering, **options):
        """Keep the file of marks, the secret, and the lock under which marks go in."""
        self.file, self.secret, self.entering = file, secret, entering
        super().__init__(*request, directory=str(file.parent), **options)

    def do_GET(self):
        """Send a page, or the marks as they are now."""
        if self._wanted() == "marks.json":
            self._send_marks()
        else:
            super().do_GET()

    def send_head(self):
        """Find the file of a page; this is where GET and HEAD meet."""
        wanted = self._wanted()
        if wanted is None:
            self._refuse()
            return None
        if self.path == f"/{self.secret}":  # its links would lead nowhere
            self.send_response(HTTPStatus.FOUND)
            self.send_header("Location", f"{self.path}/")
            self.end_headers()
            return None
        self.path = f"/{wanted}"
        return super().send_head()

    def do_POST(self):
        """Enter one mark."""
        if self._wanted() is None:
            self._refuse()
            return
        try:
            size = int(self.headers["Content-Length"])
            if not 0 <= size <= LARGEST_MARK:
                raise ValueError("the comment is too long")
            entered = json.loads(self.rfile.read(size))
            names = ("student", "exercise", "points", "comment", "text")
            mark = {name: str(entered[name]) for name in names}
            with self.entering:
                marks.enter(self.file, mark, entered.get("before"))
        except OSError as error:
            self._send(HTTPStatus.INTERNAL_SERVER_ERROR, f"{error.strerror}")
        except (ValueError, KeyError, TypeError) as error:
            self._send(HTTPStatus.BAD_REQUEST, str(error))
        else:
            self._send(HTTPStatus.OK, "Saved")

    def end_headers(self):
        """Have nothing kept: marks and pages change."""
        self.send_header("Cache-Control", "no-store")
        super().end_headers()

    def log_message(self, *_):
        """Print nothing for each request."""

    def _wanted(self):
        """The address after the secret; None without the secret."""
        first, _, rest = self.path.lstrip("/").partition("/")
        known = secrets.compare_digest(first.encode(), self.secret.encode())
        return rest if known else None

    def _refuse(self):
        """Answer a page of an earlier `make mark`, or a stranger."""
        self._send(HTTPStatus.NOT_FOUND, OLD)

    def _send_marks(self):
        """Send all marks, or the sentence that says why they cannot be read."""
        try:
            rows = marks.read(self.file)
        except ValueError as error:  # a spreadsheet has saved it meanwhile
            self._send(HTTPStatus.INTERNAL_SERVER_ERROR, str(error))
        else:
            found = {"file": str(self.file.resolve()), "rows": rows}
            self._send(HTTPStatus.OK, json.dumps(found), "application/json")

    def _send(self, status, text, kind="text/plain"):
        """Send a short answer."""
        data = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)


class Server(ThreadingHTTPServer):
    """Serves the form; a browser that goes away in between is no error."""

    def handle_error(self, request, client_address):
        """Print what went wrong, unless nobody is there any more."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


def server(file, secret, port):
    """The server of the form; port 0 takes one that is free."""
    handler = functools.partial(
        Handler, file=file, secret=secret, entering=threading.Lock()
    )
    return Server(("127.0.0.1", port), handler)


def main(arguments=None):
    """Show the form until Ctrl-C."""
    parser = argparse.ArgumentParser(
        prog="python -m grading.marking", description=__doc__
    )
    parser.add_argument("out", nargs="?", type=Path, default=Path("grades"))
    parser.add_argument("--port", type=int, default=PORT)
    given = parser.parse_args(arguments)
    file = marks.path(Path(os.path.expanduser(given.out)))
    if not (file.parent / "index.html").exists():
        sys.exit(f"There are no derivations in {file.parent}; run make grade first")
    try:
        marks.read(file)
    except ValueError as error:
        sys.exit(str(error))
    secret = secrets.token_urlsafe(16)
    try:
        form = server(file, secret, given.port)
    except OSError as error:
        sys.exit(f"Port {given.port}: {error.strerror}; choose another (PORT=number)")
    except OverflowError:
        sys.exit(f"Port {given.port}: there is none; choose one from 1024 to 65535")
    with form:
        print(
            f"Marks go into {file}. Open http://127.0.0.1:{form.server_port}/{secret}/"
        )
        print("Ctrl-C ends the form; what was entered is saved.", flush=True)
        try:
            form.serve_forever()
        except KeyboardInterrupt:
            print()


if __name__ == "__main__":
    main()
