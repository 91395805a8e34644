"""What the teacher and the students get: grades.csv and a page of feedback for each."""

import csv
import html
import re
from dataclasses import dataclass

PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8">\
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Exercises: {student}</title><style>
body {{ font: 1rem/1.5 system-ui, sans-serif; max-width: 42rem; margin: auto; \
padding: 1rem; overflow-wrap: anywhere; }}
dt {{ font-weight: bold; }} :root {{ color-scheme: light dark; }}
</style></head><body><main><h1>Exercises: {student}</h1><p>{total}</p>{sets}</main>\
</body></html>
"""
LONGEST_NAME = 80  # characters of a file
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what begins a formula in a spreadsheet


@dataclass
class Student:
    """All that one student handed in."""

    name: str
    submissions: list
    possible: int  # points of the sets that were handed in

    @property
    def points(self):
        """The points by the name of the exercise."""
        points = {}
        for submission in self.submissions:
            points |= submission.points
        return points

    @property
    def total(self):
        """The sum of the points."""
        return sum(self.points.values())

    @property
    def reasons(self):
        """A sentence for each file that could not be graded."""
        sentences = [reason(submission) for submission in self.submissions]
        return [sentence for sentence in sentences if sentence]

    @property
    def status(self):
        """How much of it could be graded."""
        if not self.reasons:
            return "graded"
        return "partly graded" if self.points else "not graded"

    @property
    def remarks(self):
        """Everything that the teacher should know, in one line."""
        remarks = self.reasons
        for submission in self.submissions:
            remarks += submission.remarks
        return "; ".join(remarks)


def write(out, submissions, sets, seed):
    """Write grades.csv and the folder feedback."""
    students = by_student(submissions, sets)
    pages = out / "feedback"
    pages.mkdir(parents=True, exist_ok=True)
    for name, student in file_names(students).items():
        text = page(student, sets)
        (pages / name).write_text(text, "utf-8", errors="backslashreplace")
    grades = out / "grades.csv"
    with grades.open(
        "w", newline="", encoding="utf-8", errors="backslashreplace"
    ) as file:
        csv.writer(file).writerows(table(students, submissions, sets, seed))


def by_student(submissions, sets):
    """The students in the order in which their submissions came."""
    students = {}
    for submission in submissions:
        name = submission.student
        student = students.setdefault(name, Student(name, [], 0))
        student.submissions.append(submission)
        if submission.set_name:
            student.possible += sum(sets[submission.set_name].points.values())
    return list(students.values())


def table(students, submissions, sets, seed):
    """The rows of grades.csv: a column for each exercise of the sets that came."""
    came = {submission.set_name for submission in submissions}
    names = []
    for set_name, exercises in sets.items():
        if set_name in came:
            names += exercises.points
    head = ["student", *names, "total", "possible", "status", "remarks", "seed"]
    rows = [head]
    for student in students:
        points = [student.points.get(name, "") for name in names]
        row = [student.name, *points, student.total, student.possible]
        row += [student.status, student.remarks, seed]
        rows.append(row)
    return [[cell(value) for value in row] for row in rows]


def cell(value):
    """A value for a spreadsheet, which must not take a name for a formula."""
    if isinstance(value, str) and value.startswith(FORMULA):
        return f"'{value}"
    return value


def file_names(students):
    """The students by the file of their page; no two files differ in case alone."""
    files = {}
    taken = set()
    for student in students:
        stem = re.sub(r"[^\w.-]+", "_", student.name)[:LONGEST_NAME].strip(".")
        stem = stem or "student"
        name = stem
        while name.casefold() in taken:
            name = f"{stem}_{len(taken)}"
        taken.add(name.casefold())
        files[f"{name}.html"] = student
    return files


def page(student, sets):
    """The page of feedback for one student."""
    return PAGE.format(
        student=html.escape(student.name),
        total=f"{student.total} of {student.possible} points",
        sets="".join(section(submission, sets) for submission in student.submissions),
    )


def section(submission, sets):
    """The part of a student's page about one set."""
    parts = [f"<h2>{html.escape(submission.set_name or submission.file)}</h2>"]
    answers = []
    for name, points in submission.points.items():
        possible = sets[submission.set_name].points[name]
        line = submission.lines[name].removeprefix(f"{name}: ")
        answers.append(f"<dt>{name}: {points} of {possible} points</dt>")
        answers.append(f"<dd>{html.escape(line)}</dd>")
    if answers:
        parts.append(f"<dl>{''.join(answers)}</dl>")
    remarks = list(submission.remarks)
    if submission.reason:
        remarks.insert(0, reason(submission))
    if remarks:
        items = "".join(f"<li>{html.escape(remark)}</li>" for remark in remarks)
        parts.append(f"<h3>Remarks</h3><ul>{items}</ul>")
    return "".join(parts)


def reason(submission):
    """Why a submission could not be graded, with the name of its file; or nothing."""
    if not submission.reason:
        return ""
    return f"{submission.file} {submission.reason}".strip()
