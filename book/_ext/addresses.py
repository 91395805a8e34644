"""What the site says of its own addresses: a page for wrong ones, a map, the robots.

Sphinx writes the canonical address of each page, and card.html that of its card, as
soon as html.baseurl of _config.yml is set. Without it nothing names an address.
"""

from pathlib import Path
from urllib.parse import urlsplit

from markupsafe import escape

NOT_LISTED = {"404", "index", "search", "genindex"}


def root_path(baseurl):
    """The path of the site on its server: "/book/" for https://example.org/book."""
    return f"{urlsplit(baseurl).path.rstrip('/')}/"


def sitemap(baseurl, names):
    """A sitemap of the pages with these names."""
    base = baseurl.rstrip("/")
    lines = [
        f"  <url><loc>{escape(f'{base}/{name}.html')}</loc></url>"
        for name in sorted(names)
    ]
    return "\n".join(
        [
            '<?xml version="1.0" encoding="utf-8"?>',
            '<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">',
            *lines,
            "</urlset>\n",
        ]
    )


def robots(baseurl):
    """What robots.txt says: all may be read, and where the sitemap is, if any."""
    text = "User-agent: *\nAllow: /\n"
    return f"{text}Sitemap: {baseurl.rstrip('/')}/sitemap.xml\n" if baseurl else text


def page_for_wrong_addresses(app):
    """The page that a server shows for an address that leads nowhere."""
    context = {"root_path": root_path(app.config.html_baseurl)}
    return [("404", context, "notfound.html")]


def write_addresses(app, error):
    """Write robots.txt; and sitemap.xml, if the site has an address."""
    if error is not None or app.builder.format != "html":
        return
    baseurl, folder = app.config.html_baseurl, Path(app.outdir)
    (folder / "robots.txt").write_text(robots(baseurl), "utf-8")
    if baseurl:
        names = set(app.env.found_docs) - NOT_LISTED
        (folder / "sitemap.xml").write_text(sitemap(baseurl, names), "utf-8")


def setup(app):
    """Write these when the pages are written."""
    app.connect("html-collect-pages", page_for_wrong_addresses)
    app.connect("build-finished", write_addresses)
    return {"parallel_read_safe": True}
