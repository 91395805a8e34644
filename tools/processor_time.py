"""A pytest plugin: the processor seconds of each test, on a busy machine too.

`pytest -n 2 --dist loadfile -p tools.processor_time tests` ends with a list of the
tests that cost more than half a second. Those that are rarely the only ones to find a
mistake get the mark `slow`, which `make check` leaves out.
"""

import os
from collections import Counter

import pytest

LIMIT = 0.5  # seconds; quicker tests are not listed
START = pytest.StashKey[float]()
NAME = "processor seconds"


def spent():
    """Processor seconds of this process, its threads and its finished children."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    """Note where the clock stands; what a fixture costs counts for its first test."""
    item.stash[START] = spent()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Write what the test has cost into its last report."""
    report = yield
    if call.when == "teardown":
        report.user_properties.append((NAME, spent() - item.stash[START]))
    return report


def pytest_terminal_summary(terminalreporter):
    """List the files and the tests by what they cost."""
    reports = [
        report
        for group in terminalreporter.stats.values()
        for report in group
        if getattr(report, "when", None) == "teardown"
    ]
    cost = {report.nodeid: dict(report.user_properties)[NAME] for report in reports}
    marked = {report.nodeid for report in reports if "slow" in report.keywords}
    quick = sum(cost[name] for name in cost.keys() - marked)
    files = Counter()
    for name, seconds in cost.items():
        files[name.split("::")[0]] += seconds

    terminalreporter.section("processor seconds")
    for name, seconds in files.most_common():
        terminalreporter.line(f"{seconds:8.1f}  {name}")
    terminalreporter.line("")
    for name, seconds in sorted(cost.items(), key=lambda pair: -pair[1]):
        if seconds > LIMIT:
            mark = "slow" if name in marked else ""
            terminalreporter.line(f"{seconds:8.1f}  {mark:4}  {name}")
    terminalreporter.line("")
    terminalreporter.line(f"{sum(cost.values()):8.1f}  all tests")
    terminalreporter.line(f"{quick:8.1f}  without those marked slow")
