"""Whose files are these: the ways in which platforms name what was handed in.

Canvas      `<name>_[LATE_]<id>_<file id>_<file>`, one folder or archive for a set, and
            `…_<id>_text.html` for what was typed in; the name is the sortable one in
            small letters without blanks, `leeann` for "Lee, Ann", or `anon_<code>`
            after LATE where marking is anonymous (canvas-lms, lib/content_zipper.rb:
            `get_filename`, `add_upload_submission`).
Moodle      `<full name>_<participant>_assignsubmission_file/<file>`, or the same as one
            name with `_` for `/`; `Participant_<number>_…` if marked blindly, a group
            in place of a person, `Default group` without a number. A person has
            another number in each assignment (Moodle,
            mod/assign/classes/downloader.php: `get_student_prefix`,
            `load_submissionplugin_filelist`; locallib.php:
            `get_uniqueid_for_user_static`).
Gradescope  `submission_<number>/<file>` beside `submission_metadata.yml`, which has
            names and times by the name of the folder ("Export Submissions").
nbgrader    `submitted/<student>/<set>/<set>.ipynb`, with the time in a `timestamp.txt`
            (nbgrader, "Course directory" and exchange/default/submit.py).
Blackboard  `<assignment>_<login>_attempt_<time>_<file>`, beside `….txt` for each
            attempt (github.com/kwurst/bb-file-cleanup).
Brightspace `<numbers> - <full name> - <time>/<file>`, or the same as one name with
            ` - ` for `/`, beside an index.html; the numbers are not a person's.
Anything    `<student>/…`, `<student>_<set>.ipynb`, `<student>.ipynb`, in folders for
            sets or sections too. An archive is a folder.
"""

import contextlib
import re
import unicodedata
from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import PurePath
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml

from grading.files import METADATA, NOTEBOOKS
from grading.notebooks import shown

CANVAS = re.compile(
    r"(?P<name>\S+?)_(?P<late>LATE_)?(?P<id>\d+)_"
    r"(?:(?P<number>\d+)_.+|(?:text|link)\.html)"
)
CANVAS_ANONYMOUS = re.compile(
    r"(?P<late>LATE_)?(?P<name>(?P<id>anon_[^\W_]+))_(?P<number>\d+)_.+"
)
MOODLE = re.compile(
    r"(?P<name>.+?)(?:_(?P<id>\d+))?_assignsubmission_[a-z]+(?:_.*)?", re.S
)
BLACKBOARD = re.compile(
    r"[^_]+_(?P<name>.+)_attempt_(?P<time>\d{4}(?:-\d\d){5})(?:_.+|\.txt)?"
)
BRIGHTSPACE = re.compile(
    r"\d+-\d+ - (?P<name>.+?) - "
    r"(?P<month>[A-Z][a-z]{2,8}) (?P<day>\d{1,2}, \d{4}) "
    r"(?P<clock>\d{3,4} [AP]M)(?: - .+)?"
)
GRADESCOPE_FOLDER = re.compile(r"assignment_\d+_export")
SUBMITTED, TIMESTAMP = "submitted", "timestamp.txt"  # nbgrader's
# A single folder is no student's own if notebooks of one set have so many names there.
FEWEST_OF_ONE = 3
INDEX = "index.html"  # Brightspace's
LATE = re.compile(r"_LATE(?=_|$)")
# What browsers and systems add to the name of a file that is there already.
COPY = re.compile(
    r"""(?: [\s_]*\((?P<browser>\d+)\)
      | [\s_-]+(?:copy|kopie|copia)\s?(?P<jupyter>\d*)(?:\s?\((?P<windows>\d+)\))?
    )$""",
    re.I | re.X,
)
# What Google Drive puts before the name of a copy.
COPY_OF = re.compile(r"(?:copy of|kopie von|copi[ae] d[ei])\s+", re.I)
# Canvas and others number a second file of the same name.
NUMBERED = re.compile(r"[ -](?P<number>\d{1,2})$")


@dataclass(frozen=True)
class Owner:
    """The person to whom a file belongs, as the platform names them."""

    name: str
    platform: str = ""
    person_id: str = ""  # the platform's number of the person
    others: tuple = ()  # other names: an e-mail address, a number of the university
    handed_in: datetime | None = None
    late: bool | None = None  # says the platform, if it does not say when
    file_number: int = 0  # a later file has a greater one
    set_name: str | None = None  # by the folder
    place: tuple = ()  # the folder in which people have one number each


def comparable(name):
    """A name for comparisons: without case, blanks and punctuation, composed.

    Marks stay: they are the vowels of Indian scripts.
    """
    letters = unicodedata.normalize("NFKC", name).casefold()
    composed = unicodedata.normalize("NFC", letters)
    return "".join(c for c in composed if unicodedata.category(c)[0] in "LMN")


def exact(name):
    """A name that tells people apart: `jan.e` is not `jane`, nor `li_na` `lina`."""
    letters = unicodedata.normalize("NFKC", name).casefold().replace("_", " ")
    return " ".join(unicodedata.normalize("NFC", letters).split())


def stem(name, sets=()):
    """The name of a file without its kind and the marks of a copy; the copy's number.

    Of several marks the last one's number counts.
    """
    base, copy = _without_kind(name), 0
    while mark := COPY.search(base):
        number = mark["browser"] or mark["windows"] or mark["jupyter"] or "1"
        base, copy = base[: mark.start()], copy or int(number[:9])
    while mark := COPY_OF.match(base):
        base, copy = base[mark.end() :], copy or 1
    mark = NUMBERED.search(base)
    if mark and not copy and named(base[: mark.start()], sets):
        return base[: mark.start()], int(mark["number"])
    return base, copy


def _without_kind(name):
    """The name of a file without its ending, which may be there more than once."""
    for ending in (*NOTEBOOKS, ".zip"):
        if name.casefold().endswith(ending):
            return _without_kind(name[: -len(ending)])
    return name


def named(base, sets):
    """The set in the name of a file, `set`, `person_set` or `set_person`; or None."""
    for set_name in sets:
        if comparable(base) == comparable(set_name) or _without_set(base, set_name):
            return set_name
    return None


def owners(files, sets, knows=None):
    """The pairs of a file and its owner; a file of a group has several owners.

    `knows(owner)` says whether a person is on the roster, if there is one.
    """
    return _Sorting(sets, knows).pairs(files, 0, None)


class _Sorting:
    """Sorts files by their owners, from the outermost folders inwards."""

    def __init__(self, sets, knows):
        """Keep the names of the sets and the question to the roster, or None."""
        self.sets = {comparable(name): name for name in sets}
        self.knows = knows

    def pairs(self, files, depth, set_name):
        """The pairs for files that share their first `depth` folders, no person's."""
        direct, folders = _parted(files, depth)
        place = files[0].parts[:depth] if files else ()
        groups = {}
        for file in direct:
            if file.name == METADATA and not file.problem:
                groups |= gradescope(file.path)
        found = []
        for file in direct:
            if not _is_of_course(file.name):
                person = self.of_name(file.name, set_name)
                found.append((file, replace(person, place=place)))
        containers = self.containers(folders, depth + 1, groups)
        for name, inside in folders.items():
            if name in containers:
                inner = self.sets.get(comparable(name), set_name)
                found += self.pairs(inside, depth + 1, inner)
                continue
            people = groups.get(name) or [_platform(name) or Owner(name)]
            people = [replace(one, set_name=set_name, place=place) for one in people]
            found += [(file, person) for file in inside for person in people]
        return found

    def of_name(self, name, set_name):
        """The owner of a file that lies beside those of others."""
        person = _platform(name)
        if person:
            return replace(person, set_name=set_name)
        base, _ = stem(name, self.sets.values())
        whole = _without_kind(name)
        if self.knows and self.knows(Owner(whole)):
            base = whole  # somebody may be called like the mark of a copy
        if base == name:  # no notebook
            base = PurePath(name).stem
        late = True if LATE.search(base) else None
        base = LATE.sub("", base)
        whole = Owner(base, late=late, set_name=set_name)
        if self.knows and self.knows(whole):
            return whole
        for known in self.sets.values():
            person = _without_set(base, known)
            if person:
                return Owner(person, late=late, set_name=known)
        return whole

    def containers(self, folders, depth, groups):
        """The folders that are no person's: those of a set, a section, a download."""
        found, others = set(), {}
        for name, inside in folders.items():
            if name in groups or _platform(name):
                continue
            if self.is_general(name):
                found.add(name)
            else:
                others[name] = inside
        known = self.with_known(others, depth)
        if known is not None:
            return found | known
        named = {name: self.most_named(others[name], depth) for name in others}
        fewest = FEWEST_OF_ONE if len(others) == 1 else 2
        flat = [name for name, people in named.items() if people >= fewest]
        if 2 * len(flat) > len(others):
            return found | {name for name, people in named.items() if people}
        if any(_directly(inside, depth) for inside in others.values()):
            return found
        sections = [self.is_section(inside, depth) for inside in others.values()]
        # At least half must look like sections: one student who zipped two notebooks
        # does not make all students' folders sections.
        return found | set(others) if 2 * sum(sections) >= len(others) else found

    def with_known(self, folders, depth):
        """The folders that are nobody's on the roster and hold such people's files.

        None if there is no roster, or one of other people.
        """
        if not self.knows:
            return None
        strange = [name for name in folders if not self.knows(Owner(name))]
        found = {name for name in strange if self.has_known(folders[name], depth)}
        if not found and len(strange) == len(folders):
            return None
        if 2 * len(strange) < len(folders):
            return found  # among those of students, a strange one is a student's, too
        return found | {name for name in strange if _is_download(folders[name], depth)}

    def is_general(self, name):
        """Whether a folder has a name that no person has."""
        exported = GRADESCOPE_FOLDER.fullmatch(name)
        return comparable(name) in self.sets or name == SUBMITTED or bool(exported)

    def has_known(self, files, depth):
        """Whether these files are of people on the roster, by their names."""
        direct, folders = _parted(files, depth)
        people = [self.of_name(file.name, None) for file in direct]
        people += [_platform(name) or Owner(name) for name in folders]
        for name, inside in folders.items():
            if self.is_general(name) and self.has_known(inside, depth + 1):
                return True
        return any(self.knows(person) for person in people)

    def most_named(self, files, depth):
        """After how many people the notebooks of one set here are named, at most.

        They lie here or in a folder of the set.
        """
        people = defaultdict(set)
        for file in files:
            *above, name = file.parts[depth:]
            in_set = self.sets.get(comparable(above[0])) if len(above) == 1 else None
            if file.is_notebook and (in_set or not above):
                owner = self.of_name(name, in_set)
                if owner.set_name and comparable(owner.name) not in self.sets:
                    people[owner.set_name].add(exact(owner.name))
        return max(map(len, people.values()), default=0)

    def is_section(self, files, depth):
        """Whether these files are several people's.

        So it is if a platform named them, or if folders beside each other hold files of
        the same name.
        """
        if _is_download(files, depth):
            return True
        holders = defaultdict(set)
        for file in files:
            *above, name = file.parts
            while len(above) > depth and comparable(above[-1]) in self.sets:
                above.pop()  # a person's folder of one set
            if file.is_notebook and len(above) > depth:
                base, _ = stem(name, self.sets.values())
                holders[*above[:-1], comparable(base)].add(above[-1])
        return any(len(folders) > 1 for folders in holders.values())


def _parted(files, depth):
    """The files that lie directly at this depth, and the others by their folder."""
    direct = [file for file in files if len(file.parts) == depth + 1]
    folders = {}
    for file in files:
        if len(file.parts) > depth + 1:
            folders.setdefault(file.parts[depth], []).append(file)
    return direct, folders


def _is_of_course(name):
    """Whether a file beside those of students is the platform's or the teacher's."""
    tables = name.casefold().endswith((".csv", ".xlsx", ".toml"))
    return name in ("", METADATA, INDEX) or (tables and not _platform(name))


def _is_download(files, depth):
    """Whether a platform has named what lies at this depth, or its folder there."""
    names = {file.parts[depth] for file in files}
    if METADATA in names or SUBMITTED in names:
        return True
    named = [_platform(one) or GRADESCOPE_FOLDER.fullmatch(one) for one in names]
    return any(named) and len(names) == sum(map(bool, named)) + (INDEX in names)


def _directly(files, depth):
    """Whether a notebook that no platform named lies at this depth."""
    for file in files:
        here = len(file.parts) == depth + 1 and file.is_notebook
        if here and not _platform(file.name):
            return True
    return False


def _platform(name):
    """The owner that a platform has written into a name, or None.

    What looks like several platforms' is that of the one whose mark comes first: what a
    student has written comes after it.
    """
    anonymous = CANVAS_ANONYMOUS.fullmatch(name)
    if anonymous:
        return _of_canvas(anonymous)
    matches = [pattern.fullmatch(name) for pattern in PLATFORMS]
    found = [match for match in matches if match]
    if not found:
        return None
    first = min(found, key=lambda match: match.end("name"))
    return PLATFORMS[first.re](first)


def _of_canvas(match):
    """The owner in a name by Canvas."""
    late, number = bool(match["late"]), int((match["number"] or "0")[:18])
    return Owner(match["name"], "canvas", match["id"], late=late, file_number=number)


def _of_moodle(match):
    """The owner in a name by Moodle."""
    name, number = match["name"], match["id"] or ""
    if name == "Participant":  # marked blindly; the worksheet calls them so as well
        name = f"Participant {number}"
    return Owner(name, "moodle", number)


def _of_blackboard(match):
    """The owner in a name by Blackboard."""
    moment = _moment(match["time"], "%Y-%m-%d-%H-%M-%S")
    return Owner(match["name"], "blackboard", handed_in=moment)


def _of_brightspace(match):
    """The owner in a name by Brightspace, whose hours may have one digit: 926 PM."""
    text = f"{match['month'][:3]} {match['day']} {match['clock']:0>7}"
    return Owner(
        match["name"], "brightspace", handed_in=_moment(text, "%b %d, %Y %I%M %p")
    )


PLATFORMS = {
    CANVAS: _of_canvas,
    MOODLE: _of_moodle,
    BLACKBOARD: _of_blackboard,
    BRIGHTSPACE: _of_brightspace,
}


def _moment(text, form):
    """The time that a platform has written into a name; None if it is none."""
    try:
        return datetime.strptime(text, form)
    except ValueError:
        return None


def _without_set(base, set_name):
    """The person in `person_set` or `set_person`, or nothing."""
    lower, name = base.casefold(), set_name.casefold()
    for joint in "_- ":
        if lower.endswith(joint + name):
            return base[: -len(joint + name)].rstrip(" _-") or base
        if lower.startswith(name + joint):
            return base[len(name + joint) :].lstrip(" _-") or base
    return ""


def gradescope(path):
    """The people by folder in Gradescope's metadata; nothing if it cannot be read.

    A student may have written it. So it is read as texts alone, which do not grow, and
    by a reader in Python, which does not crash.
    """
    try:
        data = yaml.load(_people_and_times(path), yaml.BaseLoader)
        entries = list(data.items())
    except (yaml.YAMLError, ValueError, AttributeError, RecursionError):
        return {}
    groups = {}
    for folder, about in entries:
        with contextlib.suppress(LookupError, TypeError, AttributeError):
            moment = _created(about.get(":created_at"))
            people = [_submitter(each, moment) for each in about[":submitters"]]
            groups[shown(folder)] = people
    return groups


def _people_and_times(path):
    """The lines of Gradescope's metadata that say who handed in what, and when.

    All that the tests of all attempts have printed is left out: it is much longer, and
    may hold what a reader of YAML refuses.
    """
    kept, wanted = [], True
    with path.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            if line[:1].strip():  # a folder
                wanted = True
            elif line.startswith("  :"):  # something about it
                wanted = line.startswith(("  :submitters:", "  :created_at:"))
            if wanted:
                kept.append(line)
    return "".join(kept)


def _created(text):
    """The time in `2026-10-01 23:58:59.000000000 Z`; None if it is none."""
    try:
        day, clock, *zone = text.split()
        moment = datetime.fromisoformat(f"{day}T{clock}{''.join(zone)}")
    except (ValueError, AttributeError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _submitter(person, moment):
    """One of the people who handed in a folder."""
    others = [person.get(key) for key in (":sid", ":email")]
    others = tuple(other for other in others if other and isinstance(other, str))
    name = person.get(":name")
    name = shown(name if name and isinstance(name, str) else others[0])
    number = others[0] if others else ""
    return Owner(name, "gradescope", number, others, moment)


def nbgrader_times(files, folder):
    """When nbgrader says that a set was handed in, by the folder of its files.

    Only where nobody but nbgrader writes: in `submitted/<student>/<set>`.
    """
    times = {}
    for file in files:
        above = (folder.name, *file.parts)[-4:-1]
        whole = len(file.parts) == (4 if file.parts[0] == SUBMITTED else 3)
        if whole and above[0] == SUBMITTED and file.path.name == TIMESTAMP:
            moment = _timestamp(file.path)
            if moment:
                times[file.parts[:-1]] = moment
    return times


def _timestamp(path):
    """The time in nbgrader's file, such as `2026-10-01 23:58:59.123456 UTC`."""
    try:
        with path.open(encoding="utf-8") as file:
            day, clock, *zone = file.read(100).split()
        moment = datetime.fromisoformat(f"{day} {clock}")
        return moment.replace(tzinfo=ZoneInfo(zone[0]) if zone else UTC)
    except (OSError, ValueError, ZoneInfoNotFoundError):
        return None
