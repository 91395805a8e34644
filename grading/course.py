"""The settings of a course, `course.toml`: what is shown, due dates, points, a secret.

    name = "Stat 946, fall 2026"         # of the course; "" shows none
    title = "The neural tangent kernel"  # of the book, on every page
    subtitle = "an executable lecture"   # on the title page of the PDF
    authors = "Ada Byron"                # below every page
    copyright = "2026"                   # there, too
    logo = "logo.svg"                    # a picture in place of the title; "" for none
    solutions = "yes"                    # on the site; or "no", or a first day

    secret_file = "a file"  # for variants and pseudonyms; or secret = "…"
    anonymous = true        # marking pages show pseudonyms, made with the secret
    variants = true         # each student has constants of their own, likewise

    [due]                   # by set, with the time zone
    kernel = 2026-10-01T23:59:00-04:00

    [late]
    free_days = 2           # over all sets together
    per_day = 0.1           # share of the points lost for each further day begun
    most_days = 5           # what comes later than that earns nothing

    [derivations]           # points for a derivation: for all, or by exercise
    default = 3
    ntk = 5

Every line may be left out. Files are named as seen from the folder of course.toml. The
one at the root of the repository is for the site, the students' copies and the grading;
another is for the grading alone.
"""

import math
import os
import tomllib
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DAY = timedelta(days=1)
SECRET, LATE = ("secret", "secret_file"), ("free_days", "per_day", "most_days")
SWITCHES = ("anonymous", "variants")  # both need the secret
TEXTS = ("name", "title", "subtitle", "authors", "copyright")
SHOWN = (*TEXTS, "logo", "solutions")
KEYS = (*SHOWN, *SECRET, *SWITCHES, "due", "late", "derivations")


class CourseError(ValueError):
    """What is wrong in the file, in one sentence that names it."""


@dataclass(frozen=True)
class Course:
    """What an instructor has settled; what is left out is as the book has it."""

    name: str = ""
    title: str = "The neural tangent kernel"
    subtitle: str = "an executable lecture"
    authors: str = "the authors of the executable lecture"
    copyright: str = "2026"
    logo: Path | None = None
    solutions: str = "yes"
    secret: str = ""
    secret_file: Path | None = None
    anonymous: bool = False
    variants: bool = False
    due: dict = field(default_factory=dict)  # set -> datetime with its time zone
    free_days: int = 0
    per_day: float = 0.0
    most_days: int | None = None  # None: nothing is too late
    derivations: dict = field(default_factory=dict)  # exercise, or "default" -> points

    @property
    def whole_title(self):
        """The title with the subtitle."""
        return f"{self.title}: {self.subtitle}" if self.subtitle else self.title

    @property
    def based_on(self):
        """The book's title if this is another's version of it, which has to name it."""
        book = Course()
        own = (self.whole_title, self.authors) == (book.whole_title, book.authors)
        return "" if own else book.whole_title

    def due_in_words(self, set_name):
        """The day and the time at which a set is due; "" if it never is."""
        if set_name not in self.due:
            return ""
        moment = self.due[set_name]
        return f"{moment:%A}, {moment.day} {moment:%B %Y, %H:%M} ({moment:%Z})"

    def derivation_points(self, name):
        """The points that the derivation of an exercise can earn."""
        return self.derivations.get(name, self.derivations.get("default", 0))

    def days_late(self, set_name, handed_in, late=None):
        """The days begun after a set was due; None where that cannot be known.

        Canvas says no time, but whether something is `late`; False is 0 days. A time
        without a zone, as Moodle exports them, is one where the set was due.
        """
        if set_name not in self.due:
            return 0
        if handed_in is None:
            return 0 if late is False else None
        due = self.due[set_name]
        if handed_in.tzinfo is None:
            handed_in = handed_in.replace(tzinfo=due.tzinfo)
        return max(0, math.ceil((handed_in - due) / DAY))

    def shares_kept(self, days_late):
        """The share of its points that each of a student's sets keeps, by set.

        `days_late` has the days of each set. Free days go to the sets in the order in
        which these were due. The limit `most_days` counts free days too.
        """
        shares = {}
        free = self.free_days
        for name in sorted(days_late, key=self._order):
            days = days_late[name] or 0
            paid = max(0, days - free)
            free -= days - paid
            share = max(0.0, 1 - self.per_day * paid)
            too_late = self.most_days is not None and days > self.most_days
            shares[name] = 0.0 if too_late else share
        return shares

    def _order(self, set_name):
        """Sets in the order in which they are due; first those that never are."""
        return set_name in self.due, self.due.get(set_name)


def beside(submissions):
    """The file of settings next to what was collected; None if there is none."""
    path = submissions.resolve().parent / "course.toml"
    return path if path.exists() else None


def public(environment=os.environ):
    """The file of this copy of the book, which NTK_COURSE may replace; None without."""
    if environment.get("NTK_COURSE"):
        return Path(environment["NTK_COURSE"])
    path = ROOT / "course.toml"
    return path if path.exists() else None


def found(named, submissions):
    """The file that counts: the one that was named, one beside, or the book's own."""
    return named or beside(submissions) or public()


def _is_public(path):
    """Whether a file, however it is named, is that of this copy of the book."""
    known = public()
    return known is not None and path.resolve() == known.resolve()


def read(path, sets=None, *, with_secret=True):
    """The settings in a file; those of an empty one if there is no path.

    With `sets`, the sets that are handed out, names of others are refused too. Who
    builds the site has no secret: then it is not looked for.
    """
    if path is None:
        return Course()
    try:
        given = tomllib.loads(path.read_text("utf-8-sig"))
        course = _course(given, path.parent, with_secret)
        if "secret" in given and _is_public(path):
            raise CourseError(
                "this file is public; put the secret into a file elsewhere, and name "
                "that as secret_file"
            )
        if sets is not None:
            _check_names(course, sets)
    except OSError as error:
        raise CourseError(
            f"{error.filename or path} cannot be read: {error.strerror}"
        ) from None
    except UnicodeDecodeError:
        raise CourseError(f"{path} is not UTF-8 text") from None
    except ValueError as error:  # TOMLDecodeError and CourseError among them
        raise CourseError(f"{path}: {error}") from None
    return course


def read_public():
    """What this copy of the book shows and hands out."""
    return read(public(), with_secret=False)


def _course(given, folder, with_secret):
    """The settings as they were parsed; relative files are looked for in `folder`."""
    _check_keys(given, KEYS, "the file")
    secret_file = _secret_file(given, folder)
    late, derivations = _table(given, "late"), _table(given, "derivations")
    _check_keys(late, LATE, "[late]")
    for name in derivations:
        _number(derivations, name, "derivations")
    return Course(
        **{name: _text(given, name) for name in TEXTS},
        logo=_logo(given, folder),
        solutions=_solutions(given),
        secret=_secret(given, secret_file) if with_secret else "",
        secret_file=secret_file,
        anonymous=_switch(given, "anonymous"),
        variants=_switch(given, "variants"),
        due=_due(given),
        free_days=_whole(late, "free_days", 0),
        per_day=_share(late, "per_day"),
        most_days=_whole(late, "most_days", None),
        derivations=derivations,
    )


def _check_keys(table, known, where):
    """Refuse a name that nothing reads: it would be a setting without effect."""
    for key in table:
        if key not in known:
            raise CourseError(
                f"{where} has no setting {key!r}; the settings are {', '.join(known)}"
            )


def _table(given, name):
    """A part of the file under a heading in brackets."""
    table = given.get(name, {})
    if not isinstance(table, dict):
        raise CourseError(f"{name} must be a table under the line [{name}]")
    return table


def _text(given, name):
    """A text in one line; what the book has if nothing is given."""
    own = getattr(Course(), name)
    value = given.get(name, own)
    if not isinstance(value, str) or "\n" in value:
        raise CourseError(f"{name} must be a text of one line in quotes, not {value!r}")
    if name in ("title", "authors") and not value.strip():
        raise CourseError(f"{name} is empty; leave the line out to keep {own!r}")
    return value.strip()


def _logo(given, folder):
    """The file of a picture, or None."""
    value = given.get("logo", "")
    if not isinstance(value, str):
        raise CourseError(f"logo must be the path of a picture, not {value!r}")
    if not value:
        return None
    path = (folder / value).resolve()
    if not path.is_file():
        raise CourseError(f"logo names {value!r}, and there is no file {path}")
    return path


def _solutions(given):
    """Yes, no, or the first day, as the variable SOLUTIONS of make has it."""
    value = given.get("solutions", Course().solutions)
    if type(value) is date:  # which TOML writes without quotes
        return value.isoformat()
    try:
        if value not in ("yes", "no"):
            date.fromisoformat(value)
    except (TypeError, ValueError):
        raise CourseError(
            'solutions must be "yes", "no", or the date from which on they are shown, '
            f'such as "2026-12-20", not {value!r}'
        ) from None
    return value


def _secret_file(given, folder):
    """The file that holds the secret, or None."""
    if "secret" in given and "secret_file" in given:
        raise CourseError("give secret or secret_file, not both")
    for name in SECRET:
        if not isinstance(given.get(name, ""), str):
            raise CourseError(f"{name} must be a text in quotes, not {given[name]}")
    if "secret_file" not in given:
        return None
    return folder / os.path.expanduser(given["secret_file"])


def _secret(given, secret_file):
    """The secret, or what stands in the file that is named."""
    if secret_file is not None:
        try:
            secret = secret_file.read_text("utf-8-sig").strip()
        except UnicodeDecodeError:
            raise CourseError(
                f"the secret in {secret_file} is not UTF-8 text"
            ) from None
    else:
        secret = given.get("secret", "")
    if not secret and any(name in given for name in SECRET):
        raise CourseError("the secret is empty")
    return secret


def _switch(given, name):
    """A setting that is true or false, and cannot be true without a secret."""
    value = given.get(name, False)
    if not isinstance(value, bool):
        raise CourseError(f"{name} must be true or false, not {value!r}")
    if value and not any(each in given for each in SECRET):
        raise CourseError(f"{name} = true needs a secret or a secret_file")
    return value


def _due(given):
    """The times at which sets are due."""
    due = _table(given, "due")
    for name, moment in due.items():
        if not isinstance(moment, datetime) or moment.tzinfo is None:
            raise CourseError(
                f"due.{name} must be a time with its time zone and without quotes, "
                f"such as 2026-10-01T23:59:00-04:00, not {moment}"
            )
    return due


def _whole(table, name, default):
    """A setting that is a whole number."""
    value = table.get(name, default)
    if value is not default and (type(value) is not int or value < 0):
        raise CourseError(f"late.{name} must be a whole number from 0, not {value!r}")
    return value


def _share(table, name):
    """A setting that is a share."""
    value = _number(table, name, "late")
    if value > 1:
        raise CourseError(f"late.{name} must be a share from 0 to 1, not {value}")
    return value


def _number(table, name, where):
    """A number that is not negative; 0 if it is not there."""
    value = table.get(name, 0)
    good = isinstance(value, int | float) and not isinstance(value, bool)
    if not (good and 0 <= value < math.inf):
        raise CourseError(f"{where}.{name} must be a number from 0, not {value!r}")
    return value


def _check_names(course, sets):
    """Refuse due dates and points for what is not handed out."""
    for name in course.due:
        if name not in sets:
            raise CourseError(
                f"due has no set {name!r}; the sets are {', '.join(sets)}"
            )
    exercises = [name for each in sets.values() for name in each.points]
    for name in course.derivations:
        if name != "default" and name not in exercises:
            raise CourseError(f"derivations has no exercise {name!r}")
