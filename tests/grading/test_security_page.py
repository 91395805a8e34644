"""SECURITY.md says what the tests of the sandbox try, and nothing else."""

import re

from grading import container, sandbox
from tests.grading.test_sandbox import ATTACKS
from tools.execute import ROOT

PAGE = (ROOT / "SECURITY.md").read_text("utf-8")


def test_page_lists_each_attack_that_is_tried():
    """The attacks of the page are those of the tests, each once."""
    part = re.search(r"^## What was tried\n(.*?)^Tested besides", PAGE, re.M | re.S)
    assert part is not None
    lines = re.findall(r"^- \*\*.+?\*\*: (.+)$", part[1], re.M)
    listed = [attack for line in lines for attack in line.split(" · ")]
    assert sorted(listed) == sorted(ATTACKS)


def test_page_states_the_numbers_of_the_sandbox():
    """The room to write in, and the option that a container needs."""
    assert f"{sandbox.ROOM >> 20} MB" in PAGE
    assert container.NESTED[0].removeprefix("--security-opt=") in PAGE
