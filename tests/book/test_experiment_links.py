"""Links to the laboratory's experiments lead to experiments."""

import re
from types import SimpleNamespace

from book._ext.experiment_links import PAGE, add_targets
from ntklib.figures import EXPERIMENTS
from tests.book.conftest import CHAPTERS

LINK = re.compile(r"\]\(laboratory\.ipynb#experiment=([^)]*)\)")


def test_every_experiment_is_linked_from_its_chapter_and_from_the_laboratory():
    """No link leads to an experiment that is not there, and each is linked twice."""
    found = {path.stem: LINK.findall(path.read_text("utf-8")) for path in CHAPTERS}
    assert found.pop("laboratory") == list(EXPERIMENTS)
    assert {name for links in found.values() for name in links} == set(EXPERIMENTS)


def test_add_targets_knows_the_experiments_of_the_laboratory_alone():
    """MyST finds them among the headings of that page, and of no other."""
    for page, expected in [(PAGE, set(EXPERIMENTS)), ("book/ntk", set())]:
        env = SimpleNamespace(docname=page, metadata={PAGE: {}})
        add_targets(SimpleNamespace(env=env), None)
        slugs = env.metadata[PAGE].get("myst_slugs", {})
        assert set(slugs) == {f"experiment={name}" for name in expected}
        assert all(slug == target for slug, (_, target, _) in slugs.items())
