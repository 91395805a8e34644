"""Pages of HTML that ask no other host for anything: the feedback for students."""

from pathlib import Path

import jinja2
from markupsafe import Markup
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

from grading.results import file_remarks, set_title, titles
from grading.tables import number

TEMPLATES = Path(__file__).parent / "templates"
LONGEST_CODE = 20_000  # characters


def code(source):
    """Python with its words coloured, or as it stands if there is very much of it."""
    if len(source) > LONGEST_CODE:
        return f"{source[:LONGEST_CODE]}\n… (cut after {LONGEST_CODE} characters)"
    coloured = highlight(source, PythonLexer(stripnl=False), HtmlFormatter(nowrap=True))
    return Markup(coloured)


def colours(style):
    """The rules of style for coloured code."""
    return Markup("\n".join(HtmlFormatter(style=style).get_token_style_defs("code")))


def when(moment):
    """A day and a time as people read them."""
    zone = moment.strftime("%Z")
    return f"{moment.day} {moment:%B %Y, %H:%M} {zone}".strip()


def _environment():
    """Jinja's settings: all text is escaped, and a name that is missing is an error."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(code=code, number=number, when=when)
    environment.globals.update(colours=colours)
    return environment


ENVIRONMENT = _environment()


def feedback(student, course_name=""):
    """The page of feedback for one student, with the name of the course above it."""
    graded = [each for each in student.submissions if each.graded_at]
    return ENVIRONMENT.get_template("feedback.html").render(
        heading=f"{course_name or 'Exercises'}: {student.name}",
        student=student,
        sets=[_shown(result) for result in student.sets.values()],
        others=[each for each in student.submissions if not each.set_name],
        file_remarks=file_remarks,
        graded_at=max((each.graded_at for each in graded), default=None),
        seeds=sorted({each.seed for each in graded if each.seed is not None}),
    )


def _shown(result):
    """What the page says about one set."""
    return {
        "title": set_title(result.name, result.exercises),
        "titles": titles(result.exercises),
        "result": result,
        "remarks": file_remarks(result.submission) if result.submission else [],
    }
