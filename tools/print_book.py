"""The built site as one PDF: `make pdf`.

The articles of all pages become one document, whose links lead within it; Chromium prints it. Formulas stay letters,
figures keep their pixels, headings become bookmarks.
"""

import argparse
import re
import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

from book._ext.previews import element

ROOT = Path(__file__).parents[1]
NAMES = (
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
FOOTER = '<div style="width:100%;text-align:center;font:8pt sans-serif"><span class="pageNumber"></span></div>'


def names(toc):
    """The pages in the book's order, each as a path without its ending."""
    return re.findall(r"(?:root|file): (book/[\w/]+)", toc)


def article(site, name, pages):
    """The article of one page, with anchors of its own and links that stay within the document."""
    page = (site / f"{name}.html").read_text("utf-8")
    html = element(page, page.index('<article class="bd-article"'), "article")
    html = re.sub(
        r'<a class="headerlink".*?</a>|<script\b.*?</script>', "", html, flags=re.S
    ).replace("<details", "<details open")
    folder = (site / name).parent

    def moved(match):
        attribute, value = match[1], match[2]
        if attribute == "id":
            return f' id="{name}--{value}"'
        file, _, anchor = value.partition("#")
        target = (
            (folder / file).resolve().relative_to(site)
            if file and ":" not in file
            else Path(f"{name}.html")
        )
        if ":" in file:
            return match[0]
        if (
            attribute == "href"
            and target.suffix == ".html"
            and target.with_suffix("").as_posix() in pages
        ):
            return f' href="#{target.with_suffix("").as_posix()}{"--" + anchor if anchor else ""}"'
        if (
            attribute == "href"
        ):  # a file of the site, which is not there when the book is read on paper
            return ""
        return f' {attribute}="{target.as_posix()}{"#" + anchor if anchor else ""}"'

    html = re.sub(r' (id|href|src)="([^"]*)"', moved, html)
    return f'<section class="page" id="{name}">{html}</section>'


def contents(articles):
    """Links to the pages and to their sections."""
    lines = []
    for name, html in articles.items():
        for level, title in re.findall(r"<h([12])>(.*?)</h\1>", html, re.S):
            start = html.rindex("<section", 0, html.index(f"<h{level}>{title}"))
            anchor = re.match(r'<section[^>]* id="([^"]+)"', html[start:])
            lines.append(
                f'<li class="level-{level}"><a href="#{anchor[1] if anchor else name}">{title}</a></li>'
            )
    return (
        f'<nav class="book-contents"><h1>Contents</h1><ul>{"".join(lines)}</ul></nav>'
    )


def document(site, pages):
    """The whole book as one page."""
    articles = {name: article(site, name, pages) for name in pages}
    index = (site / "book" / "index.html").read_text("utf-8")
    styles = re.findall(
        r'<link [^>]*rel="stylesheet"[^>]*>', index.replace('"../', '"')
    )
    styles = "".join(style for style in styles if "noscript" not in style)
    first, *rest = articles.values()
    body = "".join([first, contents(articles), *rest])
    title = re.search(r"<title>(.*?)</title>", index, re.S)[1]
    return (
        f'<!DOCTYPE html><html lang="en" data-theme="light"><head><meta charset="utf-8"><title>{title}</title>{styles}'
        "<style>html { font-size: 78%; } .page, .book-contents { break-before: page; }</style>"
        f'</head><body><main><div class="bd-content">{body}</div></main></body></html>'
    )


def main():
    """Write the PDF."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--site", type=Path, default=ROOT / "_build" / "html")
    parser.add_argument(
        "--to", type=Path, default=ROOT / "_build" / "pdf" / "neural-tangent-kernel.pdf"
    )
    parser.add_argument(
        "--browser", default=next(filter(None, map(shutil.which, NAMES)), None)
    )
    options = parser.parse_args()
    if not options.browser:
        sys.exit(
            "no Chromium or Chrome was found; name one: make pdf CHROMIUM=/path/to/chrome"
        )
    site = options.site.resolve()
    pages = names((ROOT / "_toc.yml").read_text("utf-8"))
    page_file = site / "whole-book.html"
    options.to.parent.mkdir(parents=True, exist_ok=True)
    try:
        page_file.write_text(document(site, pages), "utf-8")
        with sync_playwright() as playwright:
            page = playwright.chromium.launch(
                executable_path=options.browser, args=FLAGS
            ).new_page()
            page.goto(page_file.as_uri(), timeout=300_000)
            page.evaluate("document.fonts.ready.then(() => true)")
            page.pdf(
                path=options.to,
                prefer_css_page_size=True,
                print_background=True,
                display_header_footer=True,
                header_template="<span></span>",
                footer_template=FOOTER,
                outline=True,
                tagged=True,
            )
    finally:
        page_file.unlink(missing_ok=True)
    print(f"The book is printed: {options.to}")


if __name__ == "__main__":
    main()
