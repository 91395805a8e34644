"""What teacher and students get: grades.csv, and a page of feedback for each."""

import hashlib
import re
import unicodedata

from grading import marking_pages, marks, pages, results, tables
from grading.marks import Derivation, Marks

LONGEST_NAME = 100  # bytes of a file's name, which most systems allow 255
# Names that Windows keeps for devices.
DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.I)


def write(out, submissions, sets, course, roster=None):
    """Write grades.csv, the folder feedback, and what derivations are marked with.

    Returned are sentences for the teacher.
    """
    names = names_of(submissions, roster)
    given = entered_marks(out, names, course)
    students = results.students(submissions, sets, course, names, given)
    out.mkdir(parents=True, exist_ok=True)
    # The tables first: they do not depend on what a single student wrote.
    tables.write(out / "grades.csv", table(students, sets, course))
    filled = fill_in(roster, out, students, sets, course) if roster else []
    said = write_feedback(out, students, course.name)
    said += write_marking(out, students, sets, course, given)
    return said + unknown_times(students) + filled


def names_of(submissions, roster):
    """The students of the roster, and whoever else handed something in."""
    names = dict.fromkeys(roster.students if roster else [])
    return names | dict.fromkeys(submission.student for submission in submissions)


def entered_marks(out, names, course):
    """The marks in OUT that are of these students; a ValueError if they do not fit."""
    return Marks(marks.read(marks.path(out)), names, course)


def unknown_times(students):
    """A sentence if nobody knows when something was handed in that was due."""
    handed_in = [result for each in students for result in each.sets.values()]
    count = sum(result.days_late is None for result in handed_in)
    if not count:
        return []
    return [
        f"Handed in at a time that nobody knows: {count}. Nothing was taken off for "
        "lateness; the remarks name those that the platform calls late"
    ]


def fill_in(roster, out, students, sets, course):
    """Fill the points of each set into the platform's own table."""
    totals = {}
    for student in students:
        handed_in = [each for each in student.sets.values() if each.submission]
        totals[student.name] = {each.name: each.points for each in handed_in}
    possible = {}
    for set_name, exercises in sets.items():
        worth = [course.derivation_points(name) for name in exercises.points]
        possible[set_name] = sum(exercises.points.values()) + sum(worth)
    return roster.fill(out, totals, possible)


def write_feedback(out, students, course_name):
    """Write the page of each student; those of students who are gone move aside."""
    folder, aside = out / "feedback", out / "feedback-gone"
    folder.mkdir(parents=True, exist_ok=True)
    current = file_names(students)
    gone = [path for path in folder.glob("*.html") if path.name not in current]
    for path in gone:
        aside.mkdir(exist_ok=True)
        path.replace(aside / path.name)
    for name, student in current.items():
        text = pages.feedback(student, course_name)
        (folder / name).write_text(text, "utf-8", errors="backslashreplace")
    if not gone:
        return []
    files = ", ".join(sorted(path.name for path in gone))
    return [f"Pages of students who are not there any more, moved to {aside}: {files}"]


def write_marking(out, students, sets, course, given):
    """Add rows to the file of marks, and write the pages on which marks are given."""
    derivations = to_be_read(students, sets, course)
    marks.add_rows(marks.path(out), derivations, given, course)
    marking_pages.write(out / "marks", students, sets, course)
    said = [
        f"{name} in {out / 'marks'} is not read; save it as {marks.FILE}"
        for name in marks.unread(out)
    ]
    waiting = sum(len(student.unmarked) for student in students)
    if waiting:
        said.append(f"Derivations that are not marked yet, and not counted: {waiting}")
    strangers = dict.fromkeys(row["student"] for row in given.strangers)
    if strangers:
        said.append(
            f"Marks in {marks.path(out)} for students who are not there any more, "
            f"kept: {', '.join(strangers)}"
        )
    return said


def to_be_read(students, sets, course):
    """The derivations that a person has to read, by exercise."""
    found = []
    for set_name, exercises in sets.items():
        for name in exercises.points:
            worth = course.derivation_points(name)
            for student in marks.in_order(students, course):
                result = student.sets[set_name]
                if result.to_be_read(name):
                    text = result.text(name)
                    found.append(Derivation(student.name, name, worth, text))
    return found


def table(students, sets, course):
    """The rows of grades.csv: columns for each exercise, derivation and due set."""
    exercises = [
        (set_name, name) for set_name in sets for name in sets[set_name].points
    ]
    marked = [pair for pair in exercises if course.derivation_points(pair[1])]
    due = [set_name for set_name in sets if set_name in course.due]
    head = ["student", *(name for _, name in exercises)]
    head += [f"{name} derivation" for _, name in marked]
    head += ["derivations to mark"] if marked else []
    head += [f"{set_name} days late" for set_name in due]
    head += ["late penalty"] if due else []
    head += ["total", "possible", "status", "remarks", "seed"]
    return [head, *(row(student, exercises, marked, due) for student in students)]


def row(student, exercises, marked, due):
    """The row of a student; exercises come as pairs of the set and the name."""
    by_set = student.sets
    numbers = [by_set[set_name].points_for_code(name) for set_name, name in exercises]
    numbers += [
        by_set[set_name].points_for_derivation(name) for set_name, name in marked
    ]
    numbers += [len(student.unmarked)] if marked else []
    for set_name in due:
        result = by_set[set_name]
        numbers.append(result.days_late if result.submission else None)
    numbers += [student.late_penalty] if due else []
    numbers += [student.total, student.possible]
    texts = [student.status, "; ".join(student.remarks), seeds(student)]
    return [student.name, *(tables.number(value) for value in numbers), *texts]


def seeds(student):
    """The seeds that a student's submissions were graded with: one, as a rule."""
    found = {submission.seed for submission in student.submissions} - {None}
    return " ".join(str(seed) for seed in sorted(found))


def file_names(students, ending=".html"):
    """The students by the name of the file that is theirs alone.

    It is the same in every run, short in bytes, and differs from the others by
    more than case or the form of an accented letter.
    """
    stems = [stem(student.name) for student in students]
    folded = [unicodedata.normalize("NFKC", each).casefold() for each in stems]
    files = {}
    for student, own, same in zip(students, stems, folded, strict=True):
        name = own
        if folded.count(same) > 1:
            name = f"{own}_{digest(student.name)}"
        files[f"{name}{ending}"] = student
    return files


def stem(name):
    """A student's name as that of a file, without its ending."""
    safe = re.sub(r"[^\w.-]+", "_", unicodedata.normalize("NFC", name))
    short = safe.encode("utf-8")[:LONGEST_NAME].decode("utf-8", "ignore")
    short = short.strip(".") or "student"
    return f"{short}_" if DEVICES.fullmatch(short) else short


def digest(name):
    """Twelve signs that tell a name from all others."""
    data = name.encode("utf-8", "backslashreplace")
    return hashlib.sha256(data).hexdigest()[:12]
