"""What strangers meet: forms for issues, pages whose links lead on, the citation."""

import re
from urllib.parse import unquote

import pytest
import yaml

from tools.execute import ROOT
from tools.release import find_release

TEMPLATES = ROOT / ".github" / "ISSUE_TEMPLATE"
FORMS = sorted(path for path in TEMPLATES.glob("*.yml") if path.stem != "config")
# What GitHub takes as a part of a form, and what each must have in `attributes`.
PARTS = {
    "markdown": {"value"},
    "input": {"label"},
    "textarea": {"label"},
    "dropdown": {"label", "options"},
    "checkboxes": {"label", "options"},
}
# The keys of version 1.2.0 of the Citation File Format.
CITATION_KEYS = {
    *("abstract", "authors", "cff-version", "commit", "contact", "date-released"),
    *("doi", "identifiers", "keywords", "license", "license-url", "message"),
    *("preferred-citation", "references", "repository", "repository-artifact"),
    *("repository-code", "title", "type", "url", "version"),
}
PAGES = [
    *ROOT.glob("*.md"),
    *(ROOT / "docs").glob("*.md"),
    *(ROOT / ".github").glob("*.md"),
]
CODE = re.compile(r"^(`{3,}).*?^\1$|`[^`\n]+`", re.M | re.S)
form = pytest.mark.parametrize("path", FORMS, ids=lambda path: path.stem)
page = pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)


def test_forms_are_those_that_people_need():
    """A wrong claim, a broken page, a misjudged exercise, a question of a teacher."""
    assert [path.stem for path in FORMS] == [
        "broken_page",
        "instructor_question",
        "misjudged_exercise",
        "wrong_claim",
    ]


@form
def test_form_is_one_that_github_takes(path):
    """Name, description and parts of known types, with labels and ids of their own."""
    content = yaml.safe_load(path.read_text("utf-8"))
    assert content["name"]
    assert content["description"]
    assert set(content) <= {"name", "description", "title", "labels", "body"}
    asked = [part for part in content["body"] if part["type"] != "markdown"]
    assert asked
    for part in content["body"]:
        assert PARTS[part["type"]] <= set(part["attributes"])
    ids = [part["id"] for part in asked]
    assert len(ids) == len(set(ids))
    assert all(re.fullmatch(r"[\w-]+", one) for one in ids)
    assert any(part.get("validations", {}).get("required") for part in asked)


def test_a_way_around_the_sandbox_is_not_reported_in_public():
    """The chooser leads to a private report, and SECURITY.md says how to make one."""
    content = yaml.safe_load((TEMPLATES / "config.yml").read_text("utf-8"))
    (link,) = content["contact_links"]
    assert set(link) == {"name", "url", "about"}
    assert link["url"].startswith("https://")
    for text in (link["about"], (ROOT / "SECURITY.md").read_text("utf-8")):
        assert re.search(r"Security\W+Report a vulnerability", text)


def test_code_of_conduct_says_what_holds_and_whom_to_tell():
    """It names and links the covenant, and has a way to report."""
    text = (ROOT / "CODE_OF_CONDUCT.md").read_text("utf-8")
    assert "https://www.contributor-covenant.org/version/2/1/code_of_conduct/" in text
    assert "## To report something" in text


@page
def test_links_lead_to_files(path):
    """A link without an address of the web leads to a file of the repository."""
    text = CODE.sub("", path.read_text("utf-8"))
    for target in re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)[^)]*\)", text):
        assert (path.parent / unquote(target)).exists(), target


def test_citation_has_the_keys_of_its_format():
    """Those that the Citation File Format requires, and no misspelt one."""
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    assert citation["cff-version"] == "1.2.0"
    assert {"message", "title", "authors"} <= set(citation)
    assert set(citation) <= CITATION_KEYS


def test_citation_is_that_of_the_newest_release():
    """It has a date; it and the version are those of the change log and the project."""
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    release = find_release()
    assert citation["version"] == release.version
    assert str(citation["date-released"]) == release.date
