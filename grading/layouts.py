"""What was collected, as submissions: in any layout, with copies and litter.

Of several notebooks that a student handed in for one set, the newest that can be read
and is not as it was handed out counts. The newest is told by the platform's time, or
else by Canvas's number of the file, by the time of the file, by the number of the copy.
"""

import tempfile
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from grading.files import NO_NOTEBOOK, File, listing
from grading.notebooks import Notebook, blank, read_notebook
from grading.owners import Owner, comparable, exact, nbgrader_times, owners, stem
from grading.roster import Student
from grading.submissions import Submission, which

LONGEST_LIST = 300  # characters
MOST_FILES = 200  # of one person
LATE = "late according to the platform, which does not say by how much"
NOTHING_OF_SET = "without any cell or answer of the set"
SAME_TIME = 60  # seconds in which an archive is unpacked: no order to be read from it


@dataclass
class Candidate:
    """A file that may be what its owner handed in for a set."""

    file: File
    owner: Owner
    handed_in: datetime | None
    copy: int
    set_name: str | None = None
    python: str = ""
    blank: str = ""  # why there is no answer in it
    reason: str = ""  # why it cannot be read
    not_graded: str = ""  # why we could not look

    @property
    def shown(self):
        """Its path within what was collected."""
        return "/".join(self.file.parts).rstrip("/")

    def root(self, sets):
        """The owner's folder, archive or file that was handed in with it."""
        depth = len(self.owner.place) + 1
        below = self.file.parts[depth:-1]
        of_set = below and comparable(below[0]) in map(comparable, sets)
        return self.file.parts[: depth + 1 if of_set else depth]

    @property
    def substance(self):
        """Whether it can be read, and whether there is anything in it."""
        return not self.reason, not self.blank

    def merit(self, others):
        """What makes it count rather than the others of the set."""
        moment = self.handed_in.timestamp() if self.handed_in else 0
        like = [one for one in others if one.substance == self.substance]
        newest = max(one.file.changed for one in like)
        changed = min(self.file.changed, newest - SAME_TIME)
        return self.substance, moment, self.owner.file_number, changed, self.copy


def collect(folder, sets, roster=None, unpacked=None):
    """Every submission in a folder or zip archive, without its cells.

    A person who handed in something has at least one: with a reason if nothing can be
    graded. Students get the roster's names, if there is one.

    What was in archives goes into the folder `unpacked`, and is read there later. If
    none is named, it is a temporary one, which `out.opened` removes with all others.
    """
    unpacked = unpacked or Path(tempfile.mkdtemp(prefix="ntk-unpacked-"))
    files = listing(folder, unpacked)
    times = nbgrader_times(files, folder.resolve())
    owned = owners(files, sets, roster.find if roster else None)
    found = []
    for person in _people(owned, roster):
        pairs = sorted(person.files, key=_promise, reverse=True)[:MOST_FILES]
        candidates = [
            _candidate(file, owner, sets, times.get(file.parts[:-1]))
            for file, owner in pairs
        ]
        if roster:
            _ask_for_times(candidates, person, roster)
        for submission in _submissions(candidates, sets):
            submission.student, submission.key = person.name, person.key
            if roster and not person.student:
                submission.remarks.append(f"is not in {roster.file_name}")
            elif roster:
                submission.remarks += _other_names(person, roster)
            if len(person.files) > MOST_FILES:
                newest = f"{MOST_FILES} newest of {len(person.files)} files"
                submission.remarks.append(f"only the {newest} were looked at")
            found.append(submission)
    return found


def _promise(pair):
    """What makes a file worth being looked at before others of its owner."""
    file, _ = pair
    return ".ipynb" in file.name.casefold(), file.is_notebook, file.changed


@dataclass
class Person:
    """Somebody who handed in something."""

    name: str
    key: str
    student: Student | None  # on the roster
    files: list  # pairs of a file and its owner


def _people(pairs, roster):
    """Who handed in what; two people of one name get their numbers into it."""
    people = {}
    namesakes = _namesakes(pairs)
    for file, owner in pairs:
        name = exact(owner.name)
        # The name is asked for, too: in Moodle a number alone may be somebody else's.
        by_name = name not in namesakes
        student = roster.find(owner, by_name) if roster else None
        if student:
            known = Person(student.name, student.key, student, [])
            person = people.setdefault(student, known)
        else:
            known = Person(owner.name, owner.name, None, [])
            person = people.setdefault(_identity(owner, namesakes), known)
        person.files.append((file, owner))
    several = Counter(comparable(person.name) for person in people.values())
    for person in people.values():
        number = person.files[0][1].person_id
        if not person.student and number and several[comparable(person.name)] > 1:
            person.name = person.key = f"{person.name} ({number})"
    return list(people.values())


def _identity(owner, namesakes):
    """What is the same for all files of a person who is on no roster.

    It is the platform's number, but in Moodle, which numbers people anew in each
    assignment, the name, unless it is that of two people.
    """
    name = exact(owner.name)
    by_name = owner.platform == "moodle" and name not in namesakes
    if owner.person_id and not by_name:
        return owner.platform, owner.person_id
    return name or owner.name


def _namesakes(pairs):
    """The names that two people of one assignment have, with their two numbers.

    The same name with another number in another assignment is the same person's:
    Moodle numbers people anew there.
    """
    numbers = {}
    for _, owner in pairs:
        numbers.setdefault((owner.place, exact(owner.name)), set()).add(owner.person_id)
    return {name for (_, name), ids in numbers.items() if len(ids) > 1}


def _other_names(person, roster):
    """The remark about names of a person that the roster does not have for them.

    Canvas gives a group's work the group's name and the number of one of its people.
    """
    names = [owner.name for _, owner in person.files if owner.platform == "canvas"]
    others = [name for name in names if not roster.has_name(person.student, name)]
    if not others:
        return []
    listed = ", ".join(dict.fromkeys(others))
    return [f"handed in under the name {listed}: perhaps for a group"]


def _ask_for_times(candidates, person, roster):
    """Take the times of the roster where the layout has none."""
    for candidate in candidates:
        if person.student and not candidate.handed_in:
            moment = roster.handed_in(person.student, candidate.set_name)
            candidate.handed_in = moment


def _candidate(file, owner, sets, moment):
    """A file, with what it is by its content; `moment` is when nbgrader got it."""
    base, copy = stem(file.name, sets)
    candidate = Candidate(file, owner, owner.handed_in or moment, copy)
    candidate.not_graded = file.refused
    if file.refused or not file.name:
        return candidate
    notebook = Notebook([])
    try:
        if file.problem:
            raise ValueError(file.problem)
        notebook = read_notebook(file.path)
    except ValueError as error:
        candidate.reason = str(error)
    except OSError as error:
        candidate.not_graded = f"cannot be read ({error.strerror})"
    candidate.python = notebook.python
    candidate.set_name = which(base, notebook.cells, sets) or owner.set_name
    of_set = candidate.set_name and notebook.cells
    if of_set and blank(notebook.cells, sets[candidate.set_name]):
        by_content = which("", notebook.cells, sets)
        candidate.blank = "as it was handed out" if by_content else NOTHING_OF_SET
    return candidate


def _submissions(candidates, sets):
    """The submissions of one person: one for each set, or one that says why not.

    Who hands in the whole folder of exercises, with answers to some sets, has handed in
    none of the others.
    """
    notebooks = [one for one in candidates if _is_notebook(one)]
    strange = [one for one in notebooks if not one.set_name]
    of_sets = [one for one in notebooks if one.set_name]
    answered = {one.root(sets) for one in of_sets if all(one.substance)}
    found = []
    for set_name in sets:
        of_set = [one for one in notebooks if one.set_name == set_name]
        if all(one.blank and one.root(sets) in answered for one in of_set):
            strange += of_set
        else:
            found.append(_taken(of_set))
    if found:
        if strange:
            names = _listed(f"{one.shown} ({_failing(one)})" for one in strange)
            found[0].remarks.append(f"left: {names}")
        return found
    return [_nothing(strange + [one for one in candidates if one not in strange])]


def _is_notebook(candidate):
    """Whether a file has to be spoken of, beside others that can be graded."""
    name = candidate.file.name.casefold()
    if not name:  # a folder
        return candidate.not_graded
    return ".ipynb" in name or candidate.reason != NO_NOTEBOOK


def _taken(candidates):
    """The submission for a set, and a remark about what was not taken for it."""
    by_merit = sorted(candidates, key=lambda one: one.merit(candidates), reverse=True)
    taken, *others = by_merit
    submission = _submission(taken)
    submission.set_name = taken.set_name
    if taken.blank:
        submission.remarks.append(f"{taken.shown} is {taken.blank}")
    if submission.late:
        submission.remarks.append(LATE)
    if others:
        reasons = _listed(f"{one.shown} ({_why_not(one, taken)})" for one in others)
        submission.remarks.append(f"{taken.shown} was taken, not {reasons}")
    return submission


def _failing(candidate):
    """Why a file is no notebook of a set, or none that was handed in for it."""
    one = candidate
    return one.not_graded or one.reason or one.blank or "of no set"


def _why_not(candidate, taken):
    """Why another notebook of the set was taken."""
    if candidate.reason and not taken.reason:
        return candidate.reason
    if candidate.blank and not taken.blank:
        return candidate.blank
    return "not the newest"


def _nothing(candidates):
    """The submission of a person without a notebook of any set, by the first file."""
    first, *others = candidates
    others = [one for one in others if one.file.name]
    submission = _submission(first)
    if others:
        names = _listed(f"{one.shown} ({_failing(one)})" for one in others)
        submission.remarks.append(f"left: {names}")
    if not submission.not_graded and not submission.reason:
        submission.reason = "belongs to no set of exercises that is known here"
        if not first.file.name:
            submission.reason = "there is no notebook in the folder"
    return submission


def _submission(candidate):
    """A submission of one file, without a name and a set."""
    return Submission(
        student="",
        file=candidate.shown,
        path=candidate.file.path,
        handed_in=candidate.handed_in,
        late=None if candidate.handed_in else candidate.owner.late,
        reason=candidate.reason,
        not_graded=candidate.not_graded,
        python=candidate.python,
    )


def _listed(names):
    """Names in a row, with an end."""
    text = ", ".join(names)
    return text if len(text) <= LONGEST_LIST else f"{text[:LONGEST_LIST]}…"
