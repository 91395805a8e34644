"""The pages on which derivations are read and marked, one for each exercise."""

import base64
import binascii
import hashlib
import shutil
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from grading import markdown, marks, written
from grading.notebooks import read
from grading.pages import ENVIRONMENT, TEMPLATES
from grading.results import set_title, titles

KATEX = Path(__file__).parents[1] / "book" / "_ext" / "node_modules" / "katex" / "dist"
ENDINGS = {"image/png": "png", "image/jpeg": "jpg", "image/gif": "gif"}


@dataclass
class Entry:
    """One student's derivation as a page shows it."""

    student: str  # or a pseudonym
    html: str
    file: str  # to look into where the derivation was not found
    text_code: str  # of the derivation
    mark: marks.Mark
    changed: bool  # since it was marked
    variant: str  # what differs from the book's task, in words


def write(folder, students, sets, course):
    """Write a page for each exercise, and the list of these pages."""
    katex = copy_assets(folder / "assets")
    contents = []
    for set_name, exercises in sets.items():
        results = [
            (marks.label(each.name, course), each.sets[set_name])
            for each in marks.in_order(students, course)
        ]
        pages = []
        for name, title in titles(exercises).items():
            entries, silent = entries_and_silent(results, name, folder, course)
            page = ENVIRONMENT.get_template("marking.html").render(
                name=name,
                title=title,
                worth=course.derivation_points(name),
                solution=model_derivation(exercises, name),
                entries=entries,
                silent=silent,
                katex=katex,
            )
            save(folder / f"{name}.html", page)
            given = sum(entry.mark.points is not None for entry in entries)
            pages.append((name, title, given, len(entries)))
        contents.append((set_title(set_name, exercises), pages))
    index = ENVIRONMENT.get_template("marking_index.html").render(contents=contents)
    save(folder / "index.html", index)


def save(path, page):
    """Write a page, whatever a student's text holds."""
    path.write_text(page, "utf-8", errors="backslashreplace")


def copy_assets(folder):
    """Copy the script of the pages, and KaTeX if it is installed; True if it is."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(TEMPLATES / "marking.js", folder / "marking.js")
    if not KATEX.is_dir():
        return False
    for name in ("katex.min.js", "katex.min.css"):
        shutil.copyfile(KATEX / name, folder / name)
    fonts = folder / "fonts"
    fonts.mkdir(exist_ok=True)
    for font in KATEX.glob("fonts/*.woff2"):  # what every browser takes first
        shutil.copyfile(font, fonts / font.name)
    return True


def model_derivation(exercises, name):
    """The derivation in the set's own notebook, which holds the solutions."""
    for cell in exercises.cells:
        if cell.id == f"{name}-derivation":
            return markdown.solution(cell.source.replace(written.STUB, ""))
    return ""


def entries_and_silent(results, name, folder, course):
    """The derivations of an exercise to be read, and who wrote nothing."""
    entries, silent = [], []
    for student, result in results:
        if result.to_be_read(name):
            entries.append(entry(student, result, name, folder, course))
        elif result.submission is not None and result.graded:
            silent.append(student)
    return entries, silent


def entry(student, result, name, folder, course):
    """One derivation, or the file in which a person has to look for it."""
    found = name in result.submission.derivations
    file = "the notebook" if course.anonymous else result.submission.file
    return Entry(
        student=student,
        html=as_html(result, name, folder / "pictures") if found else "",
        file="" if found else file,
        text_code=marks.text_code(result.text(name)),
        mark=result.marks[name],
        changed=name in result.changed,
        variant=variant(result.submission, name),
    )


def variant(submission, name):
    """What a student's own task has in place of the book's constant, in words."""
    code = submission.variants.get(name, "")
    if not code:
        return ""
    # Not before: this imports JAX, whose settings the program makes first.
    from ntk_answers.variants import in_words

    return in_words(name, code)


def as_html(result, name, folder):
    """A student's derivation with the pictures that were pasted into it."""
    submission, text = result.submission, result.text(name)
    if "attachment:" not in text or submission.path is None:
        return markdown.html(text)
    try:
        cells = written.derivation(read(submission.path), name, result.exercises)
    except (ValueError, OSError):  # the file has gone since it was graded
        return markdown.html(text)
    parts = [markdown.html(cell.source, save_pictures(cell, folder)) for cell in cells]
    return Markup("").join(parts)


def save_pictures(cell, folder):
    """The pictures of a cell as files: the address of each by its name."""
    addresses = {}
    for name, kinds in getattr(cell, "attachments", {}).items():
        for kind, ending in ENDINGS.items():
            try:
                data = base64.b64decode("".join(kinds[kind]))  # or a list of lines
            except (KeyError, TypeError, ValueError, binascii.Error):
                continue
            folder.mkdir(exist_ok=True)
            file = folder / f"{hashlib.sha256(data).hexdigest()[:20]}.{ending}"
            file.write_bytes(data)
            addresses[name] = f"pictures/{file.name}"
    return addresses
