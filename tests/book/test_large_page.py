"""The page on large kernels: its code runs, and its table is what its script makes."""

import csv
import re

import jax
import numpy as np

from tools import beyond_memory
from tools.execute import ROOT

PAGE = (ROOT / "book" / "large.md").read_text("utf-8")


def test_code_of_the_page_runs():
    """The code under "Beyond memory", with fewer inputs."""
    code = "\n".join(
        re.findall(r"```python\n(.*?)```", beyond_memory_part(), re.DOTALL)
    )
    assert "m, n0, n = 20_000, 20, 1024" in code
    names = {}
    with jax.enable_x64(True):
        exec(code.replace("20_000, 20, 1024", "60, 4, 32"), names)
    assert names["r"].shape == (3, 60)
    assert names["f_new"].shape == (2, 100)
    assert names["ridged"].shape == (100,)
    low, high = names["bounds"].smallest
    assert low <= high


def beyond_memory_part():
    """The text from its heading to the next of the same rank."""
    return re.split(r"\n## ", PAGE.partition("\n## Beyond memory")[2])[0]


def test_table_of_the_page_is_that_of_its_script(monkeypatch):
    """The same rows, and errors as small, for few inputs."""
    monkeypatch.setattr(beyond_memory, "N", 64)
    with jax.enable_x64(True):
        found = beyond_memory.table(60, 80)
    with beyond_memory.TABLE.open(encoding="utf-8", newline="") as file:
        header, *stored = csv.reader(file)
    assert "beyond_memory.csv" in PAGE
    assert header == beyond_memory.COLUMNS
    assert [row[0] for row in found] == [row[0] for row in stored[:-2]]
    for row in [*found[1:4], *stored[1:4]]:
        assert float(row[3].removeprefix("error ")) < 1e-7
    assert np.all([int(row[1]) > 0 for row in [*found, *stored[:-2]]])
