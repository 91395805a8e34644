"""Pictures of the site: those of the notebooks, and one that others show by a link."""

import base64
import hashlib
import io
import re

import nbformat
from PIL import Image, ImageChops, ImageStat

from tests.site.conftest import PAGES, SITE
from tools.execute import BOOK


def stored():
    """Every PNG that a notebook of the book shows."""
    found = []
    for path in BOOK:
        for cell in nbformat.read(path, as_version=4).cells:
            for output in cell.get("outputs", []):
                png = output.get("data", {}).get("image/png")
                if png:
                    found.append(base64.b64decode(png))
    return found


def test_pictures_lose_nothing_that_is_seen():
    """Each figure is shown as WebP; two thirds of the size go.

    No colour is off by more than 24 of 256, nor by 2 on average.
    """
    pictures = stored()
    assert len(pictures) > 20
    size = 0
    for png in pictures:
        path = SITE / "_images" / f"{hashlib.sha256(png).hexdigest()}.webp"
        size += path.stat().st_size
        pair = (Image.open(source).convert("RGB") for source in (io.BytesIO(png), path))
        difference = ImageStat.Stat(ImageChops.difference(*pair))
        assert max(high for _, high in difference.extrema) <= 24
        assert max(difference.mean) <= 2
    assert size < sum(map(len, pictures)) / 3


def test_head_says_what_others_show_beside_a_link():
    """Every page has a title, a description of its own and a picture for links.

    The picture is 1200 by 630, and its description says what is seen; without an
    address of the site no page says that it has one. No description has TeX in it.
    """
    descriptions = set()
    for name in PAGES:
        path = SITE / "book" / f"{name}.html"
        head = path.read_text("utf-8").partition("</head>")[0]
        tag = r'<meta (?:property|name)="([\w:]+)" content="([^"]+)"'
        tags = dict(re.findall(tag, head))
        assert {"og:title", "og:type", "og:description"} <= set(tags)
        assert tags["description"] == tags["og:description"]
        assert tags["twitter:card"] == "summary_large_image"
        assert path.parent.joinpath(tags["og:image"]).resolve().exists()
        assert len(tags["og:image:alt"]) > 40
        assert "og:url" not in tags
        assert not re.search(r"[\\$^{}]", tags["description"])
        descriptions.add(tags["description"])
    assert len(descriptions) == len(PAGES)
    with Image.open(SITE / "_static" / "preview.png") as picture:
        assert picture.size == (1200, 630)
