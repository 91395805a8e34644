"""The built site as one PDF: `make pdf`.

The articles of all pages become one document, whose links lead within it; Chromium
prints it. Formulas stay letters, figures keep their pixels, headings become bookmarks.

Sphinx's builder singlehtml does not serve: sections of the same name, such as the
summaries, share one anchor there, so that links lead to the wrong chapter.
"""

import argparse
import html
import json
import os
import re
import shutil
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pypdf
import yaml
from playwright.sync_api import sync_playwright
from selectolax.lexbor import LexborHTMLParser

from book._ext.equation_map import pages
from book._ext.exercise_sets import solutions_are_shown
from grading import course
from tools import checkout
from tools.checkout import ROOT

BROWSERS = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
)
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
]
STYLE = Path(__file__).with_suffix(".css")
DOCUMENT = """<!DOCTYPE html>
<html lang="en" data-theme="light">
<head>
  <meta charset="utf-8">
  <title>{title}</title>
  {sheets}
  <style>{style}</style>
</head>
<body><main><div class="bd-content">{body}</div></main></body>
</html>
"""
TITLE_PAGE = """<section class="title-page">
  <p class="title">{title}</p>
  <p>{authors}{course}</p>
  <p>{origin}After {lecture} ({year}). {lecturers}</p>
  <div class="about">
    <p>Version {version}, {date}</p>
    <p>Text and figures: CC BY 4.0. Code: MIT License.</p>
    <p>On paper, the code that is folded away on the site is left out: it draws the
    figures, repeats a calculation, or checks what the text says. What it prints is
    here{solutions}. A slider is shown by some of its pictures.</p>
  </div>
</section>"""


def about():
    """What the title page says, from course.toml, CITATION.cff and the change log."""
    settings = course.read_public()
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    lecture = citation["references"][0]
    version = citation["version"]
    changes = (ROOT / "CHANGELOG.md").read_text("utf-8")
    released = re.search(rf"^## {re.escape(version)} \((.+)\)$", changes, re.M)
    return {
        "title": settings.whole_title,
        "authors": settings.authors[0].upper() + settings.authors[1:],
        "course": f", for {settings.name}" if settings.name else "",
        "origin": f"Based on “{settings.based_on}”. " if settings.based_on else "",
        "lecture": lecture["title"],
        "lecturers": lecture["notes"].removeprefix("The source of this book. "),
        "year": lecture["date-published"][:4],
        "version": version,
        "date": released[1] if released else "not yet released",
        "solutions": (
            ", and so are all solutions with their code"
            if solutions_are_shown()
            else ""
        ),
    }


def read(site, name):
    """The tree of a page, named by its path in the site without the ending."""
    return LexborHTMLParser((site / f"{name}.html").read_text("utf-8"))


def article(site, name, names):
    """The article of one page, with anchors of its own.

    Its links stay within the document, or lead to the web.
    """
    found = read(site, name).css("article.bd-article")[0]
    for node in found.css("a.headerlink, script"):
        node.decompose()
    for node in found.css("details.above-input"):
        if "solution" not in node.css("summary")[0].text().lower():
            leave_out(node)
    for node in found.css("img[loading]"):
        del node.attrs["loading"]  # paper is not scrolled
    for node in found.css("details"):
        node.attrs["open"] = ""
    for node in found.css("[id]"):
        node.attrs["id"] = f"{name}--{node.attrs['id']}"
    for node in found.css("[src]"):
        node.attrs["src"] = inside(name, node.attrs.sget("src"))
    for node in found.css("[href]"):
        target = link(name, node.attrs.sget("href"), names)
        if target is None:
            del node.attrs["href"]
        else:
            node.attrs["href"] = target
    return f'<section class="page" id="{name}">{found.html}</section>'


def leave_out(folded):
    """Leave out folded code, and its whole cell where that prints nothing."""
    cell = folded.parent
    folded.decompose()
    if not cell.css(".cell_output"):
        cell.decompose()


def inside(name, address):
    """An address on the page `name` as seen from the site's root."""
    if urlsplit(address).scheme:
        return address
    return os.path.normpath(os.path.join(os.path.dirname(name), address))


def link(name, address, names):
    """A link on the page `name` as it is in the document.

    It is None for a file of the site, which is not there when the book is on paper.
    """
    if urlsplit(address).scheme:
        return address
    file, _, anchor = address.partition("#")
    target = inside(name, file).removesuffix(".html") if file else name
    if target not in names:
        return None
    return f"#{target}--{anchor}" if anchor else f"#{target}"


def headings(articles):
    """Level, anchor and HTML of the headings that the contents list."""
    for piece in articles:
        for heading in LexborHTMLParser(piece).css("h1, h2"):
            section = heading.parent
            while section is not None and not section.attrs.get("id"):
                section = section.parent
            assert section is not None, heading.html
            yield heading.tag, section.attrs.sget("id"), heading.inner_html


def contents(articles, numbers):
    """Links to the pages and to their sections; `numbers` are theirs, by anchor."""
    lines = [
        f'<li class="level-{level}"><a href="#{anchor}">{title}</a>'
        f'<span class="page-number">{numbers.get(anchor, "000")}</span></li>'
        for level, anchor, title in headings(articles)
    ]
    return (
        f'<nav class="book-contents"><h1>Contents</h1><ul>{"".join(lines)}</ul></nav>'
    )


def running_heads(articles, names):
    """Style sheet by which each page's title stands above its sheets of paper."""
    rules = ['@page contents { @top-left { content: "Contents"; } }']
    for number, (piece, name) in enumerate(zip(articles, names, strict=True)):
        title = " ".join(LexborHTMLParser(piece).css("h1")[0].text().split())
        # JSON's strings without \\u are strings of CSS.
        text = json.dumps(title, ensure_ascii=False)
        rules.append(f"@page part{number} {{ @top-left {{ content: {text}; }} }}")
        rules.append(f'[id="{name}"] {{ page: part{number}; }}')
    return "\n".join(rules)


def document(site, names, numbers):
    """The whole book as one page, to lie in the site's folder.

    `numbers` are the page numbers of the headings by their anchors.
    """
    articles = [article(site, name, names) for name in names]
    sheets = {}  # a dict keeps their order
    for name in names:
        for node in read(site, name).css(':not(noscript) > link[rel="stylesheet"]'):
            sheets[inside(name, node.attrs.sget("href"))] = None
    texts = {key: html.escape(value) for key, value in about().items()}
    return DOCUMENT.format(
        title=texts["title"],
        sheets="".join(f'<link rel="stylesheet" href="{sheet}">' for sheet in sheets),
        style=STYLE.read_text("utf-8") + running_heads(articles, names),
        body="".join(
            [TITLE_PAGE.format(**texts), contents(articles, numbers), *articles]
        ),
    )


def print_page(browser, page_file, target):
    """Let the browser print an HTML file into a PDF."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser, args=FLAGS)
        page = chromium.new_page()
        page.goto(page_file.as_uri(), timeout=300_000)  # milliseconds
        page.evaluate("document.fonts.ready.then(() => true)")
        page.pdf(
            path=target,
            prefer_css_page_size=True,
            print_background=True,
            outline=True,
            tagged=True,
        )


def page_numbers(path):
    """The page numbers of all places in a PDF that links lead to."""
    reader = pypdf.PdfReader(path)
    numbers = {}
    for name, place in reader.named_destinations.items():
        page = reader.get_destination_page_number(place)
        if page is not None:
            numbers[name.removeprefix("/")] = page + 1
    return numbers


def write_metadata(path):
    """Write title, authors and subject into a PDF."""
    texts = about()
    writer = pypdf.PdfWriter(clone_from=path)
    writer.add_metadata(
        {
            "/Title": texts["title"],
            "/Author": texts["authors"],
            "/Subject": f"After {texts['lecture']}, version {texts['version']}",
        }
    )
    writer.write(path)


def print_book(browser, site, target):
    """Print the site into a PDF.

    It is printed twice: only the print knows the page numbers of its contents, and
    Chromium has no target-counter, by which a style sheet would ask for them.
    """
    page_file = site / "whole-book.html"
    # The page for instructors is not on every site.
    names = [name for name in pages(ROOT) if (site / f"{name}.html").exists()]
    target.parent.mkdir(parents=True, exist_ok=True)
    numbers = {}
    try:
        for _ in range(2):
            page_file.write_text(document(site, names, numbers), "utf-8")
            print_page(browser, page_file, target)
            numbers = page_numbers(target)
    finally:
        page_file.unlink(missing_ok=True)
    write_metadata(target)


def main():
    """Write the PDF."""
    build = ROOT / "_build"
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--site", type=Path, default=build / "html")
    parser.add_argument(
        "--to", type=Path, default=build / "pdf" / "neural-tangent-kernel.pdf"
    )
    parser.add_argument("--browser", default=browser)
    options = parser.parse_args()
    if not options.browser:
        sys.exit(
            "no Chromium or Chrome was found;"
            " name one: make pdf CHROMIUM=/path/to/chrome"
        )
    with (
        checkout.one_sentence("Interrupted; no PDF is ready."),
        checkout.building_alone(),
    ):
        print_book(options.browser, options.site.resolve(), options.to)
    print(f"The book is printed: {options.to}")


if __name__ == "__main__":
    main()
