"""Pictures of the site: those that the notebooks hold, and one that others show beside a link."""

import base64
import hashlib
import io
import json
import re

from PIL import Image, ImageChops, ImageStat

from tests.site.conftest import PAGES, SITE
from tools.execute import BOOK


def stored():
    """Every PNG that a notebook of the book shows."""
    cells = (
        cell for path in BOOK for cell in json.loads(path.read_text("utf-8"))["cells"]
    )
    data = (
        output.get("data", {}).get("image/png")
        for cell in cells
        for output in cell.get("outputs", [])
    )
    return [base64.b64decode(png) for png in data if png]


def test_pictures_lose_nothing_that_is_seen():
    """Each figure is shown as WebP: no colour is off by more than 24 of 256, nor by 2 on average; two thirds go."""
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
    """Every page has a title, a description of its own and a picture for links; the picture is 1200 by 630."""
    descriptions = set()
    for name in PAGES:
        head = (
            (SITE / "book" / f"{name}.html").read_text("utf-8").partition("</head>")[0]
        )
        tags = dict(re.findall(r'<meta property="og:(\w+)" content="([^"]+)"', head))
        assert {"title", "description", "image", "type"} <= set(tags)
        assert (
            (SITE / "book" / f"{name}.html")
            .parent.joinpath(tags["image"])
            .resolve()
            .exists()
        )
        descriptions.add(tags["description"])
    assert len(descriptions) == len(PAGES)
    with Image.open(SITE / "_static" / "preview.png") as picture:
        assert picture.size == (1200, 630)
