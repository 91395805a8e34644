"""The built site as one PDF: `make pdf`.

The articles of all pages become one document, whose links lead within it; Chromium
prints it. Formulas stay letters, figures keep their pixels, headings become bookmarks.

Sphinx's builder singlehtml does not serve: sections of the same name, such as the
summaries, share one anchor there, so that links lead to the wrong chapter.
"""

import argparse
import html
import os
import shutil
import sys
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import sync_playwright
from selectolax.lexbor import LexborHTMLParser

from book._ext.equation_map import pages

ROOT = Path(__file__).parents[1]
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
FOOTER = (
    '<div style="width:100%;text-align:center;font:8pt sans-serif">'
    '<span class="pageNumber"></span></div>'
)
DOCUMENT = """<!DOCTYPE html>
<html lang="en" data-theme="light">
<head>
  <meta charset="utf-8">
  <title>{title}</title>
  <link rel="stylesheet" href="{style}">
  <style>
    html {{ font-size: 78%; }}
    .page, .book-contents {{ break-before: page; }}
  </style>
</head>
<body><main><div class="bd-content">{body}</div></main></body>
</html>
"""


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


def contents(articles):
    """Links to the pages and to their sections."""
    lines = []
    for piece in articles:
        tree = LexborHTMLParser(piece)
        for heading in tree.css("h1, h2"):
            section = heading.parent
            while section is not None and not section.attrs.get("id"):
                section = section.parent
            assert section is not None, heading.html
            lines.append(
                f'<li class="level-{heading.tag}">'
                f'<a href="#{section.attrs["id"]}">{heading.inner_html}</a></li>'
            )
    return (
        f'<nav class="book-contents"><h1>Contents</h1><ul>{"".join(lines)}</ul></nav>'
    )


def document(site, names):
    """The whole book as one page, to lie in the site's folder."""
    articles = [article(site, name, names) for name in names]
    first = read(site, names[0])
    style = first.css(':not(noscript) > link[rel="stylesheet"]')[0]
    return DOCUMENT.format(
        title=html.escape(first.css("title")[0].text()),
        style=inside(names[0], style.attrs.sget("href")),
        body="".join([articles[0], contents(articles), *articles[1:]]),
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
            display_header_footer=True,
            header_template="<span></span>",
            footer_template=FOOTER,
            outline=True,
            tagged=True,
        )


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
    site = options.site.resolve()
    page_file = site / "whole-book.html"
    options.to.parent.mkdir(parents=True, exist_ok=True)
    try:
        page_file.write_text(document(site, pages(ROOT)), "utf-8")
        print_page(options.browser, page_file, options.to)
    finally:
        page_file.unlink(missing_ok=True)
    print(f"The book is printed: {options.to}")


if __name__ == "__main__":
    main()
