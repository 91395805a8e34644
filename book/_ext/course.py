"""What course.toml decides on the site: its title, authors, logo, and due dates.

The same sentence about a due date stands on the page of a set and in the students'
copies, which tools/assignment.py makes. Without a due date there is none. The directive
``course-of-this-book`` shows the name of the course and all due dates.
"""

import html
import re
import string
from pathlib import Path

import nbformat
from book._ext.exercise_sets import SETS
from docutils import nodes
from grading import course
from sphinx.errors import ConfigError
from sphinx.util.docutils import SphinxDirective

TITLE = re.compile(r"\A# .+$", re.M)
# The paragraph of a set after which its due date stands.
POINTS = re.compile(r"^\*\*Points and time\.\*\* .+$", re.M)
PUNCTUATION = re.compile(f"[{re.escape(string.punctuation)}]")
AFTER = "after a lecture by Mufan Li, notes by Sidharth Bajaj"


def as_it_stands(text):
    """A text that Markdown shows as it stands: its signs are no markup."""
    return PUNCTUATION.sub(r"\\\g<0>", text)


def authors(settings):
    """Who has written the site; a version of the book names the book, too."""
    based_on = f"based on “{settings.based_on}”" if settings.based_on else ""
    return "; ".join(filter(None, [settings.authors, based_on, AFTER]))


def apply(app, config):
    """Give the site its title, authors and logo."""
    try:
        settings = read()
    except course.CourseError as error:
        raise ConfigError(str(error)) from None
    config.project = config.html_title = settings.title
    config.copyright = settings.copyright
    # These three the theme writes into its pages as they are.
    config.author = html.escape(authors(settings), quote=False)
    logo = {"alt_text": html.escape(f"{settings.title} - Home")}
    if settings.logo:
        config.html_logo = str(settings.logo)
    else:
        logo["text"] = html.escape(settings.title, quote=False)
    config.html_theme_options = config.html_theme_options | {"logo": logo}


def read():
    """The settings of this copy of the book; each set that is due must be there."""
    settings = course.read_public()
    check_sets(settings.due)
    return settings


def check_sets(due):
    """Refuse a due date that no page would show."""
    names = [path.stem for path in SETS]
    for name in due:
        if name not in names:
            raise course.CourseError(
                f"course.toml: due has no set {name!r}; the sets are {', '.join(names)}"
            )


def with_due_date(notebook, words):
    """A parsed set that says in words, if there are some, when it is due."""
    if words:
        (intro,) = [cell for cell in notebook["cells"] if cell["id"] == "intro"]
        text = "".join(intro["source"])
        found = POINTS.search(text)
        if found is None:
            raise ValueError(
                "the first cell of a set must have a paragraph '**Points and time.** "
                f"…', after which its due date stands; got {text[:60]!r}"
            )
        due = f"\n\n**Due.** {words}."
        intro["source"] = text[: found.end()] + due + text[found.end() :]
    return notebook


def show(app, docname, source):
    """Read the first page with its title, and a set with its due date."""
    settings = course.read_public()
    path = Path(app.env.doc2path(docname))
    if docname == app.config.root_doc:
        title = f"# {as_it_stands(settings.title)}"
        source[0] = TITLE.sub(lambda _: title, source[0], count=1)
    elif path.parent.name == "exercises" and path.stem in settings.due:
        notebook = nbformat.reads(source[0], as_version=4)
        words = settings.due_in_words(path.stem)
        source[0] = nbformat.writes(with_due_date(notebook, words))


class CourseOfThisBook(SphinxDirective):
    """The name of the course and its due dates; nothing if there are none."""

    has_content = False

    def run(self) -> list[nodes.Node]:
        """Write them as Markdown and let the parser read it."""
        settings = course.read_public()
        lines = [as_it_stands(settings.name), ""]
        for name in sorted(settings.due, key=settings.due.__getitem__):
            lines.append(
                f"- {{doc}}`exercises/{name}` is due on {settings.due_in_words(name)}"
            )
        return self.parse_text_to_nodes("\n".join(lines))


def setup(app):
    """Take the settings before anything else reads the site's, and show them."""
    app.add_directive("course-of-this-book", CourseOfThisBook)
    app.connect("config-inited", apply, priority=100)
    app.connect("source-read", show)
    return {"parallel_read_safe": True}
