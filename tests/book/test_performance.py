"""The page of measurements: generated from what is stored, complete and honest."""

import base64
import io
import json
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tools.bench import device, page
from tools.bench.clock import in_turn, programs_compiled, ratio
from tools.bench.figure import picture
from tools.bench.growth import GROWING, points, power_law
from tools.bench.peers import OURS, PEERS, problem
from tools.bench.process import FOR_JAX, NoAnswer, answer
from tools.bench.rows import aim, in_words
from tools.bench.table import TABLE
from tools.notebook_gate import assert_same_picture

linux = pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")

# All targets, row by row.
TARGETS = {
    "limit_kernel_memory": {4},
    "limit_kernel_time": {3, 1.5, 2},
    "limit_kernel_of_tanh": {0.5, 10},
    "limit_kernel_large": {4},
    "empirical_ntk_time": {0.8},
    "empirical_ntk_memory": {0.08},
    "empirical_ntk_large": {2},
    "lambda_min_at_width_time": {2},
    "kernel_drift_time": {2},
    "triple_product_time": {1.5},
    "ntk_velocity_time": {2},
    "eager_over_jit": {5, 10},
    "gradient_flow_time": {1.2, 0.8},
    "gradient_flow_programs": {0},
    "over_eigh": {1.3, 0.2},
    "import_time": {1.3},
    "beyond_memory": {1},
}


@pytest.fixture(scope="module")
def stored():
    """The results that the page shows."""
    return page.read()


def test_page_is_generated_from_what_is_stored(stored):
    """Nobody has typed a number: text and figure are what the generator makes."""
    assert page.PAGE.read_text("utf-8") == page.text(stored, page.reasons())
    drawn = base64.b64encode(picture(stored["growth"]))
    assert_same_picture(base64.b64encode(page.FIGURE.read_bytes()), drawn)


def test_every_target_has_a_line(stored):
    """Each setting of each row was measured, and stands on the page with its target."""
    wanted = [
        (name, setting, target)
        for name, row in TABLE.items()
        for setting, target in row.settings
    ]
    table = stored["table"]
    assert [(one["row"], one["setting"], one["target"]) for one in table] == wanted
    aims = {name: {target for _, target in row.settings} for name, row in TABLE.items()}
    assert aims == TARGETS
    text = page.PAGE.read_text("utf-8")
    for name, setting, _ in wanted:
        assert TABLE[name].what in text
        assert in_words(setting) in text


def test_every_unmet_target_has_a_reason(stored):
    """What misses its target is said to miss it, and why."""
    unmet = {one["row"] for one in stored["table"] if not page.is_met(one)}
    assert unmet <= set(page.reasons()) <= set(TABLE)
    text = page.PAGE.read_text("utf-8")
    assert all(page.reasons()[name] in text for name in unmet)


def test_every_size_grows_over_a_decade(stored):
    """The figure shows each problem against each of its sizes, over a decade."""
    wanted = [
        (name, size, points(name, size))
        for name, problem in GROWING.items()
        for size in problem.smallest
    ]
    series = stored["growth"]
    assert [(one["problem"], one["size"], one["sizes"]) for one in series] == wanted
    for _, _, sizes in wanted:
        assert sizes[-1] == 10 * sizes[0]
    assert {size for _, size, _ in wanted} == {"m", "n", "n0"}


def test_other_libraries_agree_and_are_all_there(stored):
    """Each library has times for its problems, and its kernel is ours."""
    found = stored["peers"]
    assert {one["library"] for one in found["lines"]} == {OURS} | {
        p.name for p in PEERS
    }
    assert {one["problem"] for one in found["lines"]} == set(problem.PROBLEMS)
    for one in found["lines"]:
        assert one.get("error", 0) <= problem.AGREEMENT
        assert one["seconds"] > 0


# ---- the generator ----------


def made_up(**result):
    """A page's results with one measurement, which never took place."""
    line = {"row": "import_time", "setting": {"rounds": 5}, "target": 1.3}
    machine = {"date": "today", "processor": "abacus", "cores": 1, "memory": 1}
    machine |= {"system": "none", "python": "4", "packages": {"jax": "0"}}
    return {"machine": machine, "table": [line | result], "growth": []}


@pytest.mark.parametrize(
    ("result", "words", "count"),
    [
        ({"value": 1.2996}, "| 1.30 | 1.3 | yes |", "1 of 1"),
        ({"value": 1.3004}, "| 1.30 | 1.3 | **no** |", "0 of 1"),
        ({"failed": "no answer"}, "| no answer | 1.3 | **no** |", "0 of 1"),
        ({"value": 1234.5, "target": None}, "| 1,234 | – | – |", "0 of 0"),
    ],
)
def test_text_says_whether_a_target_is_met(result, words, count):
    """The numbers decide, not their digits; what failed misses its target."""
    text = page.text(made_up(**result), {"import_time": "It is so."})
    assert words in text
    assert f"{count} targets are met" in text
    assert ("Not met: It is so." in text) == ("**no**" in words)
    assert "Beside other libraries\n\nNot measured" in text
    assert "On a GPU\n\nNot measured" in text


def test_text_has_what_else_is_known():
    """The spread, both times and a note stand in the line."""
    text = page.text(
        made_up(value=1.0, spread=[0.9, 12.34], seconds=[2.0, 0.5], note="nearly"), {}
    )
    assert (
        "| rounds = 5 (nearly) | 1.00 (0.900–12.3) | 1.3 | yes | 2.00, 0.500 |" in text
    )


def test_text_shows_other_libraries_and_a_device():
    """Libraries come with their fastest way first, devices with rate and share."""
    line = {"problem": "finite", "library": "abacus", "error": 0.0, "bytes": 2e9}
    lines = [
        line | {"mode": "slowly", "seconds": 3.0},
        line | {"mode": "fast", "seconds": 2.0},
    ]
    peers = {"date": "today", "requirements": {"abacus": ["abacus==1"]}, "lines": lines}
    with jax.enable_x64(True):
        gpu = device.measure({"empirical_ntk": {"m": 3, "n0": 2, "n": 4}}, side=8)
    text = page.text(made_up(value=1) | {"peers": peers, "device": gpu}, {})
    assert text.index("| abacus | fast | 2.00 | 2.00 |") < text.index(
        "| abacus | slowly"
    )
    assert "abacus by abacus==1" in text
    assert "| `empirical_ntk` | m = 3, n0 = 2, n = 4 | float32 |" in text
    broken = page.text(made_up(value=1) | {"device": {"failed": "no memory"}}, {})
    assert "Not measured: no memory." in broken


def test_digits_are_three():
    """Three digits, thousands apart; powers of ten for what is very small or large."""
    shown = [page.digits(x) for x in (7, 0.0123, 0.5, 12.34, 123.4, 12345.6, 1e-5, 3e7)]
    assert shown == [
        "7",
        "0.0123",
        "0.500",
        "12.3",
        "123",
        "12,346",
        "1.0e-05",
        "3.0e+07",
    ]


# ---- the measurements ----------


@pytest.mark.slow
@linux
def test_every_row_and_every_growing_problem_can_be_measured():
    """Tiny settings give finite numbers, in one process."""
    questions = [["row", name, row.tiny] for name, row in TABLE.items()]
    questions += [["growth", name, one.tiny] for name, one in GROWING.items()]
    command = [sys.executable, "-m", "tools.bench.process"]
    results = answer(command, questions, 300, **FOR_JAX)
    for (kind, _, _), result in zip(questions, results, strict=True):
        assert np.isfinite(result["value" if kind == "row" else "seconds"])


def test_answer_says_why_there_is_none():
    """A process that fails or takes too long is reported in one line."""
    with pytest.raises(NoAnswer, match=r"^ValueError: no \(exit 1\)$"):
        answer([sys.executable, "-c", "raise ValueError('no')"], None, 60)
    with pytest.raises(NoAnswer, match=r"no answer within 0\.5 s"):
        answer([sys.executable, "-c", "import time; time.sleep(60)"], None, 0.5)


@linux
def test_peak_of_memory_counts_what_a_call_holds_at_once():
    """Two arrays after each other count once, side by side twice."""
    lines = """
import numpy as np
from tools.bench.memory import peak_beyond_start

def array():
    return np.ones(4_000_000)

def after_each_other():
    for _ in range(2):
        a = array()
        del a

print([peak_beyond_start(call) / 32e6 for call in
       (after_each_other, lambda: (array(), array()))])
"""
    once, twice = answer([sys.executable, "-c", lines], None, 60)
    assert 0.95 < once < 1.1
    assert 1.95 < twice < 2.1


def test_in_turn_makes_calls_in_turn_and_compiles_before():
    """All calls have as many rounds, of which the first call is none."""
    made = []
    first, second = in_turn(lambda: made.append(1), lambda: made.append(2))
    assert made[:4] == [1, 2, 1, 2]
    assert len(first) == len(second) >= 3
    found = ratio(lambda: None, lambda: None)
    assert found["value"] == found["seconds"][0] / found["seconds"][1]


def test_programs_compiled_counts_programs():
    """A new function is one program; called again it is none."""

    @jax.jit
    def function(x):
        return jnp.sin(x) + 1

    x = np.ones(3)
    assert [programs_compiled(lambda: function(x)) for _ in range(2)] == [1, 0]


def test_aim_takes_all_values_in_turn():
    """A tuple stands for one setting each."""
    found = aim(3, m=(1, 2000), mode=("eager", "jit"))
    words = [in_words(setting) for setting, target in found if target == 3]
    assert words == ["m = 1, eager", "m = 1, jit", "m = 2,000, eager", "m = 2,000, jit"]


def test_power_law_is_that_of_the_points():
    """Points of a power law give its exponent and its factor."""
    sizes = np.array([1.0, 3, 10])
    assert power_law(sizes, 5 * sizes**1.5) == pytest.approx((1.5, 5), rel=1e-12)


def test_a_library_that_disagrees_is_not_timed(monkeypatch, capsys):
    """Its kernel is compared first; only one that agrees is called again."""
    right = {"finite": [[1.0, 2.0], [2.0, 5.0]]}
    calls = []

    def of(K):
        return lambda: calls.append(K) or np.array(K)

    wrong = [[1.0, 2.0], [2.0, 5.1]]
    monkeypatch.setattr(sys, "stdin", io.StringIO(json.dumps(right)))
    monkeypatch.setattr(problem, "peak_beyond_start", lambda call: 7)
    problem.measure({"finite": {"good": of(right["finite"]), "bad": of(wrong)}})
    good, bad = json.loads(capsys.readouterr().out)
    assert good["bytes"] == 7
    assert "seconds" not in bad
    assert calls.count(wrong) == 1
