"""The address of the site: each page names its own, and the site's in full."""

import re

import pytest

from tests.book.test_build import build, code

pytestmark = pytest.mark.slow

BASE = "https://example.org/ntk"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A small book, built as for Pages: the address comes from the environment."""
    folder = tmp_path_factory.mktemp("addressed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NTK_BASEURL", BASE)
        result = build(folder, {"first": [code("1 + 1")], "second": [code("2")]})
    assert result.returncode == 0, result.stdout + result.stderr
    return folder / "_build" / "html"


def attribute(page, pattern):
    """What the one tag of the page that begins like this has in quotes after that."""
    (value,) = re.findall(rf'{pattern}"([^"]+)"', page)
    return value


@pytest.mark.parametrize("name", ["first", "second"])
def test_page_names_its_address(site, name):
    """canonical, og:url and og:image begin with what Pages says, and lead to files."""
    page = (site / "book" / f"{name}.html").read_text("utf-8")
    own = f"{BASE}/book/{name}.html"
    assert attribute(page, '<link rel="canonical" href=') == own
    assert attribute(page, '<meta property="og:url" content=') == own
    picture = attribute(page, '<meta property="og:image" content=')
    assert picture == f"{BASE}/_static/preview.png"


def test_root_and_sitemap_name_the_same_pages(site):
    """The root leads to the first page, and the sitemap lists both."""
    root = (site / "index.html").read_text("utf-8")
    first, second = (f"{BASE}/book/{name}.html" for name in ("first", "second"))
    assert attribute(root, '<link rel="canonical" href=') == first
    assert attribute(root, '<meta property="og:url" content=') == first
    listed = re.findall(r"<loc>(.*?)</loc>", (site / "sitemap.xml").read_text("utf-8"))
    assert listed == [first, second]
