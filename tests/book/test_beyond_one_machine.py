"""The page on large kernels, "Beyond one machine": its code runs, and its table is what
its script makes.
"""

import csv
import re

import jax

from tools import beyond_one_machine
from tools.execute import ROOT

PAGE = (ROOT / "book" / "large.md").read_text("utf-8")


def part():
    """The text from its heading to the next of the same rank."""
    return re.split(r"\n## ", PAGE.partition("\n## Beyond one machine")[2])[0]


def test_code_of_the_page_runs():
    """The first piece of code, with fewer inputs, on the devices that are there."""
    code, _several_machines = re.findall(r"```python\n(.*?)```", part(), re.DOTALL)
    assert "m, n0, n = 4096, 32, 2048" in code
    names = {}
    exec(code.replace("4096, 32, 2048", "16, 3, 8"), names)
    assert names["K"].shape == names["K_limit"].shape == (16, 16)


def test_table_of_the_page_is_that_of_its_script(monkeypatch):
    """The same columns; the rows of K are divided equally, and so is its memory."""
    with beyond_one_machine.TABLE.open(encoding="utf-8", newline="") as file:
        stored = list(csv.DictReader(file))
    assert "beyond_one_machine.csv" in part()
    assert [int(row["devices"]) for row in stored] == list(beyond_one_machine.DEVICES)
    for row in stored:
        assert int(row["devices"]) * int(row["rows of K"]) == beyond_one_machine.M
    monkeypatch.setattr(beyond_one_machine, "M", 2 * jax.device_count())
    monkeypatch.setattr(beyond_one_machine, "N", 8)
    found = beyond_one_machine.measure()
    assert ["devices", *found] == list(stored[0])
    assert found["rows of K"] == 2
