"""The first line of a commit's message has at most 72 columns; a hook of pre-commit."""

import sys
from pathlib import Path

LONGEST = 72  # what `git log` shows of a subject in a terminal of 80 columns


def main():
    """Read the message from the file that git names; fail if its subject is long."""
    lines = Path(sys.argv[1]).read_text("utf-8").splitlines()
    subject = lines[0] if lines else ""
    if len(subject) > LONGEST:
        sys.exit(f"The subject has {len(subject)} columns, more than {LONGEST}.")


if __name__ == "__main__":
    main()
