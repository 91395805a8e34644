"""What each student has earned: code, derivations, late days, totals."""

from dataclasses import dataclass

from grading.submissions import ExerciseSet, Submission


@dataclass
class SetResult:
    """What one student has earned for one set."""

    name: str
    exercises: ExerciseSet
    submission: Submission | None  # the one that counts
    marks: dict  # by the name of the exercise
    worth: dict  # the same: the points for its derivation
    days_late: int | None = 0  # None: nobody knows
    share: float = 1.0  # of the points, that is kept

    @property
    def possible(self):
        """The points that can be earned."""
        return sum(self.exercises.points.values()) + sum(self.worth.values())

    @property
    def graded(self):
        """False if the points are not known, through no fault of the student's."""
        return self.submission is None or not self.submission.not_graded

    def points_for_code(self, name):
        """The points for the code of an exercise; None if there are none to show."""
        if self.submission is None or not self.graded:
            return None
        return self.submission.points.get(name, 0)

    def points_for_derivation(self, name):
        """The points for a derivation; None until a person has given some."""
        if self.submission is None or not self.graded:
            return None
        points = self.marks[name].points
        if points is None and not self.to_be_read(name):
            return 0
        return points

    def to_be_read(self, name):
        """Whether a person has to read a derivation, or to look where it is."""
        if self.submission is None or not self.graded:
            return False
        if name not in self.submission.derivations:  # its cell is not there
            return not self.submission.reason
        return self.submission.derivations[name] != ""

    def text(self, name):
        """The derivation as it is now; "" if there is none."""
        return self.submission.derivations.get(name, "") if self.submission else ""

    @property
    def changed(self):
        """The exercises whose derivations are not what was marked any more."""
        return [
            name
            for name, mark in self.marks.items()
            if self.graded and not mark.is_of(self.text(name))
        ]

    @property
    def unmarked(self):
        """The exercises whose derivations have points to give and wait for them."""
        return [
            name
            for name, worth in self.worth.items()
            if worth
            and self.to_be_read(name)
            and self.points_for_derivation(name) is None
        ]

    @property
    def points_before_lateness(self):
        """The points before anything is taken off for lateness; None if not known."""
        if not self.graded:
            return None
        code = sum(self.points_for_code(name) or 0 for name in self.worth)
        derivations = sum(self.points_for_derivation(name) or 0 for name in self.worth)
        return code + derivations

    @property
    def points(self):
        """The points that count; None if not known."""
        before = self.points_before_lateness
        return None if before is None else self.share * before


@dataclass
class Student:
    """All that one student has handed in and earned."""

    name: str
    submissions: list
    sets: dict  # SetResult by name

    @property
    def total(self):
        """The sum of the points; None as long as something is not graded."""
        if any(submission.not_graded for submission in self.submissions):
            return None
        return sum(result.points for result in self.sets.values())

    @property
    def possible(self):
        """The points of all sets that were asked for."""
        return sum(result.possible for result in self.sets.values())

    @property
    def late_penalty(self):
        """The points that were taken off for lateness."""
        graded = [result for result in self.sets.values() if result.graded]
        return sum(result.points_before_lateness - result.points for result in graded)

    @property
    def unmarked(self):
        """The exercises whose derivations wait for points."""
        return [name for result in self.sets.values() for name in result.unmarked]

    @property
    def status(self):
        """How much could be graded, in a few words."""
        if any(submission.not_graded for submission in self.submissions):
            return "not graded"
        if not self.submissions:
            return "nothing handed in"
        if any(submission.reason for submission in self.submissions):
            return "see remarks"
        return "graded"

    @property
    def remarks(self):
        """Everything that the teacher should know, a sentence each."""
        remarks = []
        for submission in self.submissions:
            remarks += file_remarks(submission)
        for result in self.sets.values():
            if result.changed:
                names = ", ".join(result.changed)
                remarks.append(
                    f"derivations that changed after they were marked: {names}"
                )
        return remarks


def file_remarks(submission):
    """Why a file was not graded, and what else is to be said about it."""
    remarks = list(submission.remarks)
    if submission.reason:
        remarks.insert(0, f"{submission.file} {submission.reason}".strip())
    if submission.not_graded:
        remarks.insert(0, f"{submission.file} was not graded: {submission.not_graded}")
    return remarks


def students(submissions, sets, course, names, marks):
    """The results of these students, by name, as they first come."""
    found = {name: [] for name in names}
    for submission in submissions:
        found.setdefault(submission.student, []).append(submission)
    return [_student(name, own, sets, course, marks) for name, own in found.items()]


def _student(name, submissions, sets, course, marks):
    """The results of one student."""
    # One for each set: `collect` gives no second, and others have no set's name.
    by_set = {submission.set_name: submission for submission in submissions}
    days_late = {}
    for set_name in sets:
        if set_name in by_set:
            counting = by_set[set_name]
            moment, late = counting.handed_in, counting.late
            days_late[set_name] = course.days_late(set_name, moment, late)
    shares = course.shares_kept(days_late)
    results = {}
    for set_name, exercises in sets.items():
        results[set_name] = SetResult(
            name=set_name,
            exercises=exercises,
            submission=by_set.get(set_name),
            marks={each: marks.of(name, each) for each in exercises.points},
            worth={each: course.derivation_points(each) for each in exercises.points},
            days_late=days_late.get(set_name, 0),
            share=shares.get(set_name, 1.0),
        )
    return Student(name, submissions, results)


def titles(exercises):
    """The headings of a set's exercises, by name; the name where there is none."""
    found = {name: name for name in exercises.points}
    for cell in exercises.cells:
        name = cell.id.removesuffix("-text")
        if cell.kind == "markdown" and name in found:
            found[name] = _heading(cell) or name
    return found


def set_title(name, exercises):
    """The heading of a set, without the word that all of them begin with."""
    for cell in exercises.cells:
        if cell.kind == "markdown" and _heading(cell):
            title = _heading(cell).removeprefix("Exercises: ")
            return title[:1].upper() + title[1:]
    return name


def _heading(cell):
    """The heading with which a cell begins, or nothing."""
    first = cell.source.lstrip().partition("\n")[0]
    return first.lstrip("#").strip() if first.startswith("#") else ""
