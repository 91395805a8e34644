"""The settings of a course: what the file may say, and what it does to a late set."""

import textwrap
import tomllib
from datetime import UTC, datetime, timedelta, timezone

import pytest
import yaml

from grading import course
from grading.course import Course, CourseError
from grading.submissions import ExerciseSet

DUE = datetime(2026, 10, 1, 23, 59, tzinfo=UTC)
EXAMPLE = """
secret_file = "secret.txt"
anonymous = true

[due]
kernel = 2026-10-01T23:59:00-04:00

[late]
free_days = 2
per_day = 0.1
most_days = 5

[derivations]
default = 3
ntk = 4.5
"""


def settings(folder, text):
    """The settings that a file with this text has."""
    path = folder / "course.toml"
    path.write_text(text, "utf-8-sig")
    return course.read(path)


def test_read_has_every_setting(tmp_path):
    """The settings of the example, with the secret from a file of its own."""
    (tmp_path / "secret.txt").write_text("open sesame\n", "utf-8-sig")
    found = settings(tmp_path, EXAMPLE)
    assert found.secret == "open sesame"
    assert (found.anonymous, found.variants) == (True, False)
    assert found.due["kernel"] == DUE + timedelta(hours=4)
    assert (found.free_days, found.per_day, found.most_days) == (2, 0.1, 5)
    points = [found.derivation_points(name) for name in ("ntk", "erf_limit")]
    assert points == [4.5, 3]


def test_read_needs_no_setting(tmp_path):
    """An empty file and no file are the same: nothing is due, nothing is taken off."""
    assert settings(tmp_path, "") == course.read(None) == Course()
    assert Course().derivation_points("ntk") == 0
    assert Course().days_late("kernel", DUE) == 0
    assert Course().shares_kept({"kernel": 400}) == {"kernel": 1.0}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("points = 3", "the file has no setting 'points'; the settings are name, t"),
        ("[late]\nper_week = 1", r"\[late\] has no setting 'per_week'; the settings"),
        ("late = 3", r"late must be a table under the line \[late\]"),
        ("[due]\nkernel = 2026-10-01T23:59:00", "due.kernel must be a time with its t"),
        ("[due]\nkernel = 2026-10-01", "due.kernel must be a time with its time zone"),
        (
            "[late]\nfree_days = 1.5",
            "late.free_days must be a whole number from 0, not",
        ),
        ("[late]\nmost_days = -1", "late.most_days must be a whole number from 0, not"),
        ("[late]\nper_day = 10", "late.per_day must be a share from 0 to 1, not 10"),
        ("[late]\nper_day = nan", "late.per_day must be a number from 0, not nan"),
        ("[derivations]\nntk = true", "derivations.ntk must be a number from 0, not T"),
        ("anonymous = true", "anonymous = true needs a secret or a secret_file"),
        ("variants = true", "variants = true needs a secret or a secret_file"),
        ("anonymous = 'yes'", "anonymous must be true or false, not 'yes'"),
        ("secret = 3", "secret must be a text in quotes, not 3"),
        ("secret = ''", "the secret is empty"),
        ("secret = 'a'\nsecret_file = 'b'", "give secret or secret_file, not both"),
        ("secret_file = 'gone'", "/gone cannot be read: No such file or directory"),
        ("secret_file = '~nobody-here/a'", "~nobody-here/a cannot be read: No such f"),
        (
            "[due]\nkernel = '2026-10-01T23:59:00Z'",
            "time zone and without quotes, such",
        ),
        ("secret", "Expected '=' after a key"),
        ("title = 3", "title must be a text of one line in quotes, not 3"),
        ('name = "a\\nb"', r"name must be a text of one line in quotes, not 'a\\nb'"),
        ("authors = ' '", "authors is empty; leave the line out to keep 'the authors"),
        ("logo = 3", "logo must be the path of a picture, not 3"),
        ("logo = 'gone.svg'", "logo names 'gone.svg', and there is no file /"),
        (
            "solutions = false",
            'solutions must be "yes", "no", or .* not False',
        ),
        ("solutions = 'No'", r"solutions must be .* such as \"2026-12-20\", not 'No'"),
        ("solutions = 2026-12-20T00:00:00", "solutions must be .* not datetime"),
    ],
)
def test_read_refuses_in_one_sentence(tmp_path, text, sentence):
    """What is no setting is named, and so is what was expected in its place."""
    with pytest.raises(CourseError, match=sentence) as caught:
        settings(tmp_path, text)
    assert str(caught.value).startswith(str(tmp_path))
    assert "\n" not in str(caught.value)


def test_read_refuses_what_is_not_text(tmp_path):
    """A file in another encoding is named, be it the settings or the secret."""
    (tmp_path / "latin").write_bytes(b"\xe9t\xe9")
    with pytest.raises(CourseError, match=r"the secret in .*/latin is not UTF-8 text$"):
        settings(tmp_path, "secret_file = 'latin'")
    (tmp_path / "course.toml").write_bytes("anonymous = true".encode("utf-16"))
    with pytest.raises(CourseError, match=r"course\.toml is not UTF-8 text$"):
        course.read(tmp_path / "course.toml")


def test_read_refuses_names_that_are_not_handed_out(tmp_path):
    """With the sets at hand, a misspelt set or exercise would have no effect."""
    sets = {"kernel": ExerciseSet({"ntk": 3}, [], [])}
    path = tmp_path / "course.toml"
    due = "[due]\nkernel = 2026-10-01T23:59:00Z\n"
    path.write_text(f"{due}[derivations]\ndefault = 1\nntk = 2")
    assert course.read(path, sets).derivation_points("ntk") == 2
    path.write_text("[derivations]\nnkt = 2")
    with pytest.raises(CourseError, match="derivations has no exercise 'nkt'"):
        course.read(path, sets)
    path.write_text("[due]\nkernal = 2026-10-01T23:59:00Z")
    with pytest.raises(CourseError, match="has no set 'kernal'; the sets are kernel"):
        course.read(path, sets)


def test_read_has_what_the_site_shows(tmp_path):
    """Texts, the picture from the folder of the file, and the first day as a word."""
    (tmp_path / "crest.svg").touch()
    text = 'name = "Stat 946"\ntitle = " Kernels "\nlogo = "crest.svg"\n'
    found = settings(tmp_path, f"{text}solutions = 2026-12-20")
    assert (found.name, found.title, found.subtitle) == (
        "Stat 946",
        "Kernels",
        "an executable lecture",
    )
    assert found.logo == (tmp_path / "crest.svg").resolve()
    assert found.solutions == "2026-12-20"
    assert settings(tmp_path, 'solutions = "no"').solutions == "no"


def test_docstring_names_every_setting(tmp_path):
    """The example at the head of the module has each setting, and can be read."""
    example = textwrap.dedent(course.__doc__.split("\n\n", 1)[1].split("\n\nEvery")[0])
    given = tomllib.loads(example)
    assert {*given, "secret"} == set(course.KEYS)
    (tmp_path / "a file").write_text("s")
    (tmp_path / "logo.svg").touch()
    assert settings(tmp_path, example).secret == "s"


def test_whole_title_and_authors_are_those_to_cite():
    """What the book calls itself is what CITATION.cff calls it."""
    citation = yaml.safe_load((course.ROOT / "CITATION.cff").read_text("utf-8"))
    book = Course()
    assert book.whole_title == citation["title"]
    assert citation["authors"][0]["name"].lower().startswith(book.authors)
    assert Course(title="Kernels", subtitle="").whole_title == "Kernels"


@pytest.mark.parametrize("change", [{"title": "Kernels"}, {"authors": "Ada Byron"}])
def test_based_on_names_the_book_in_a_changed_one(change):
    """A version by others names what it was made from; the book itself does not."""
    assert Course(**change).based_on == Course().whole_title
    assert Course(name="Stat 946").based_on == ""


def test_due_in_words_has_the_day_and_the_zone():
    """Thursday, 1 October 2026, and nothing for a set that is never due."""
    due = datetime(2026, 10, 1, 23, 59, tzinfo=timezone(timedelta(hours=-4)))
    found = Course(due={"kernel": due})
    words = "Thursday, 1 October 2026, 23:59 (UTC-04:00)"
    assert found.due_in_words("kernel") == words
    assert found.due_in_words("bounds") == ""


@pytest.fixture
def public(tmp_path, monkeypatch):
    """The file of this copy of the book, for a test."""
    path = tmp_path / "book.toml"
    monkeypatch.setenv("NTK_COURSE", str(path))
    return path


def test_read_public_needs_no_secret(public):
    """Who builds the site has no secret; who grades cannot do without."""
    public.write_text('secret_file = "elsewhere"\nvariants = true')
    found = course.read_public()
    assert (found.variants, found.secret) == (True, "")
    assert found.secret_file == public.parent / "elsewhere"
    with pytest.raises(CourseError, match="cannot be read: No such file"):
        course.read(public)


@pytest.mark.parametrize("with_secret", [True, False])
def test_read_refuses_a_secret_in_the_public_file(public, with_secret):
    """What is published keeps no secret; another file may."""
    public.write_text('secret = "s"')
    with pytest.raises(CourseError, match="this file is public; put the secret into"):
        course.read(public, with_secret=with_secret)
    other = public.with_name("course.toml")
    other.write_text('secret = "s"')
    assert course.read(other).secret == "s"


def test_public_is_the_file_at_the_root():
    """Without NTK_COURSE it is the repository's, and it can be read."""
    assert course.public({}) == course.ROOT / "course.toml"
    assert course.read(course.public({}), with_secret=False).title
    with pytest.raises(CourseError, match="nowhere cannot be read: No such file"):
        course.read(course.public({"NTK_COURSE": "nowhere"}))


def test_found_takes_the_nearest_file(tmp_path, public):
    """One file counts: the one that was named, one beside, or the book's own."""
    public.touch()
    submissions, named = tmp_path / "collected", tmp_path / "named.toml"
    assert course.found(None, submissions) == public
    beside = tmp_path / "course.toml"
    beside.touch()
    assert course.found(None, submissions) == beside.resolve()
    assert course.found(named, submissions) == named


def test_beside_finds_the_file_next_to_the_folder(tmp_path):
    """The file lies next to what was collected, and never within it."""
    collected = tmp_path / "collected"
    collected.mkdir()
    (collected / "course.toml").touch()
    assert course.beside(collected) is None
    (tmp_path / "course.toml").touch()
    assert course.beside(collected) == tmp_path.resolve() / "course.toml"


@pytest.mark.parametrize(
    ("after", "days"),
    [
        (timedelta(days=-3), 0),
        (timedelta(0), 0),
        (timedelta(seconds=1), 1),
        (timedelta(days=1), 1),
        (timedelta(days=1, seconds=1), 2),
    ],
)
def test_days_late_counts_days_begun(after, days):
    """A second late is a day late, and a day late is one day."""
    assert Course(due={"kernel": DUE}).days_late("kernel", DUE + after) == days


def test_days_late_reads_a_time_without_a_zone_where_the_set_was_due():
    """Moodle says no zone; the clock is that of the due date."""
    due = datetime(2026, 10, 1, 12, tzinfo=timezone(timedelta(hours=-4)))
    found = Course(due={"kernel": due})
    assert found.days_late("kernel", datetime(2026, 10, 1, 11, 59)) == 0
    assert found.days_late("kernel", datetime(2026, 10, 1, 12, 1)) == 1


def test_days_late_is_unknown_without_a_time():
    """Where the platform says no time nobody can count; a set never due is not late."""
    found = Course(due={"kernel": DUE})
    assert found.days_late("kernel", None) is None
    assert found.days_late("kernel", None, late=True) is None
    assert found.days_late("kernel", None, late=False) == 0
    assert found.days_late("kernel", DUE + timedelta(days=1), late=False) == 1
    assert found.days_late("bounds", None) == 0


@pytest.mark.parametrize(
    ("days", "shares"),
    [
        ({"kernel": 2, "bounds": 1}, {"kernel": 1.0, "bounds": 0.9}),
        ({"bounds": 1, "kernel": 3}, {"kernel": 0.9, "bounds": 0.9}),
        ({"kernel": 0, "bounds": 5}, {"kernel": 1.0, "bounds": 0.7}),
        ({"kernel": None, "bounds": 3}, {"kernel": 1.0, "bounds": 0.9}),
        ({"bounds": 6, "kernel": 2}, {"kernel": 1.0, "bounds": 0.0}),
    ],
)
def test_shares_kept_spends_free_days_in_order_of_due_dates(days, shares):
    """Each further day costs per_day, and nothing is left after most_days."""
    due = {"bounds": DUE + timedelta(days=14), "kernel": DUE}
    found = Course(due=due, free_days=2, per_day=0.1, most_days=5)
    assert found.shares_kept(days) == pytest.approx(shares)


def test_shares_kept_is_never_negative():
    """A steep policy takes all points, not more."""
    found = Course(due={"kernel": DUE}, per_day=0.4)
    assert found.shares_kept({"kernel": 3}) == {"kernel": 0.0}
