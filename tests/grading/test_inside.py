"""What runs in the process of a submission: the stand-in for ntklib, and the wire."""

from types import ModuleType

import numpy as np
import pytest

from grading import pool
from grading.inside import stand_in
from grading.inside.stand_in import OFFERED, Library, Missing, StandIn
from grading.inside.wire import LARGEST, pack, unpack
from tools.execute import ROOT

# A small library in the house's layout: formulas are private, and some are answers.
LIBRARY = {
    "__init__.py": """
        from ntklib.exercises import check
        from ntklib.limit_kernel import limit_kernel
        from ntklib.network import Params, linearized_network, network
        from ntklib.ntk import empirical_ntk, residual_velocity
    """,
    "_check.py": """
        from ntklib import _words
        def inputs(X): return _words.shown(X)
    """,
    "_words.py": "def shown(X): return X",
    "_gaussian/__init__.py": "from ntklib._gaussian import kinks",
    "_gaussian/averages.py": """
        from ntklib._gaussian.kinks import find
        def average(X): return find(X)
    """,
    "_gaussian/kinks.py": "def find(X): return X",
    "exercises/__init__.py": "def check(name, answer): return True",
    "exercises/kernel.py": "def reference(X): return X",
    "network.py": """
        import math
        from ntklib import _check
        SCALE = 3
        class Params: pass
        def _preactivation(X): return SCALE * X
        def _network(X): return _preactivation(X)
        def network(X): return _network(_check.inputs(X))
        def linearized_network(X): return math.sin(network(X))
    """,
    "ntk.py": """
        from ntklib.network import Params, _network, network
        from ntklib.exercises.kernel import reference
        def _empirical_ntk(X): return reference(X)
        def empirical_ntk(X): return _empirical_ntk(X)
        def residual_velocity(X): return _network(X) + empirical_ntk(X)
    """,
    "limit_kernel.py": """
        def limit_kernel(X):
            from ntklib._gaussian import averages
            return averages.average(X)
    """,
}


@pytest.fixture
def library(tmp_path):
    """library(offered) -> the stand-in for the small library."""

    def read(*offered):
        for name, source in LIBRARY.items():
            path = tmp_path / "ntklib" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            lines = source.splitlines()
            path.write_text("\n".join(line.removeprefix(8 * " ") for line in lines))
        return StandIn(tmp_path / "ntklib", set(offered))

    return read


def names(code):
    """The names that a module uses or defines at its top."""
    return set(code.co_names)


def test_stand_in_takes_what_an_offered_name_needs(library):
    """A formula behind an offered function comes, and so do the modules it imports."""
    code = library("network").code
    assert set(code) == {"ntklib.network", "ntklib._check", "ntklib._words"}
    needed = {"network", "_network", "_preactivation", "SCALE", "_check", "ntklib"}
    assert names(code["ntklib.network"]) == needed


def test_stand_in_follows_imports_into_packages(library):
    """A private package comes with the modules of it that are imported."""
    modules = {"limit_kernel", "_gaussian", "_gaussian.averages", "_gaussian.kinks"}
    code = library("limit_kernel").code
    assert set(code) == {f"ntklib.{name}" for name in modules}


def test_stand_in_leaves_the_neighbours_out(library):
    """What is not offered does not come, even if something offered asks for it."""
    found = library("residual_velocity", "network")
    ntk = found.code["ntklib.ntk"]
    assert names(ntk) == {"ntklib.network", "_network", "residual_velocity"}
    assert {"empirical_ntk", "_empirical_ntk"} <= found.left_out
    assert "linearized_network" not in names(found.code["ntklib.network"])
    assert "ntklib.exercises.kernel" not in found.code


def test_stand_in_never_offers_check(library):
    """A set may import `check`, and gets a function that says when grades are made."""
    found = library("check")
    assert found.code == {}
    module = ModuleType("ntklib.exercises")
    found.exec_module(module)
    assert module.check("ntk", 3) == "ntk will be graded"
    assert Library({}, {}).check("ntk", 3) == "ntk will be graded"


def test_stand_in_claims_ntklib_only(library):
    """Every name below ntklib is found here, and no other."""
    found = library("network")
    for name in ("ntklib", "ntklib.network", "ntklib.exercises.kernel"):
        assert found.find_spec(name).loader is found
    for name in ("ntklibrary", "numpy", "jax.ntklib"):
        assert found.find_spec(name) is None


def test_stand_in_gives_missing_parts_to_a_module():
    """A function of the library comes without the other functions of its module."""
    found = StandIn(ROOT / "ntklib", OFFERED | {"empirical_ntk"})
    module = ModuleType("ntklib.ntk")
    found.exec_module(module)
    assert callable(module.empirical_ntk)
    for name in ("residual_velocity", "empirical_ntk_autodiff"):
        assert name not in names(found.code["ntklib.ntk"])
        with pytest.raises(NotImplementedError, match=f"ntklib.{name} is not there"):
            getattr(module, name)()


def test_missing_refuses_in_one_sentence(monkeypatch):
    """A missing part can be handed on; called or indexed, it is noted and refuses."""
    monkeypatch.setattr(stand_in, "touched", set())
    part = Missing("ntklib.ntk")
    assert isinstance(part._empirical_ntk, Missing)
    assert not hasattr(part, "__array__")
    sentence = r"^ntklib\.ntk\.{} is not there while your work is graded; "
    with pytest.raises(NotImplementedError, match=sentence.format("_empirical_ntk")):
        part._empirical_ntk(3)
    with pytest.raises(NotImplementedError, match=sentence.format("SOLUTIONS")):
        part.SOLUTIONS["ntk"]
    assert stand_in.touched == {"ntklib.ntk._empirical_ntk", "ntklib.ntk.SOLUTIONS"}


@pytest.mark.slow
def test_library_inside_a_process(temporary):
    """All that is offered works in a process; what is not offered is not reachable."""
    source = """
import ntklib, sys
import jax, jax.numpy as jnp, numpy as np
from ntklib import antisymmetric_params, half_mse, init_params, lambda_min, network
from ntklib.network import preactivation
params = antisymmetric_params(jax.random.key(0), 4, 3)
X = jnp.ones((2, 3))
assert preactivation(params, X).shape == (2, 4)
assert float(half_mse(network(params, X, jnp.tanh), jnp.ones(2))) == 0.5
assert ntklib.rayleigh.lambda_min(np.eye(2)) == lambda_min(np.eye(2)) == 1
assert ntklib.network is network
assert type(init_params(jax.random.key(0), 4, 3)) is ntklib.Params

import ntklib.ntk
from ntklib.ntk import _empirical_ntk, empirical_ntk
from ntklib.network import linearized_network
from ntklib.exercises import solution
import ntklib.exercises.kernel
for part in (ntklib.ntk._empirical_ntk, _empirical_ntk, empirical_ntk, solution,
             linearized_network, ntklib.predict, ntklib.exercises.kernel.REFERENCE):
    assert type(part).__name__ == "Missing", part
for name in ("ntk", "exercises", "linear_flow", "limit_kernel"):
    assert type(sys.modules.get(f"ntklib.{name}")).__name__ != "module", name
"""
    with pool.Process([], 2**31) as process:
        process.ask({}, pool.START_SECONDS, pool.START_PATIENCE)
        assert process.ask({"cell": source}, 60, 300) == {"error": None}


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        3,
        -0.5,
        "symmetric",
        np.arange(6.0).reshape(2, 3),
        np.float32([1, 2]),
        np.array(1j),
        np.array([True, False]),
        np.array(2.0),
    ],
    ids=repr,
)
def test_pack_and_unpack_keep_numbers(value):
    """Numbers, texts and arrays come back as they were, dtype and shape included."""
    back = unpack(pack(value))
    assert type(back) is type(value)
    np.testing.assert_array_equal(back, value, strict=isinstance(value, np.ndarray))


def test_pack_takes_texts_for_a_set():
    """A choice of several is a set, in whatever it came."""
    for value in ({"relu", "abs"}, ["relu", "abs"], ("abs", "relu")):
        assert unpack(pack(value)) == {"relu", "abs"}
    assert unpack(pack([1, 2])).tolist() == [1, 2]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (object(), "the answer is a object, not numbers"),
        (np.array("text"), "the answer is a ndarray, not numbers"),
        (np.zeros(LARGEST + 1), "the answer has 2001 entries, more than 2000"),
    ],
)
def test_pack_refuses_anything_else(value, message):
    """An answer that holds no numbers, or too many, is refused in one sentence."""
    with pytest.raises(TypeError, match=message):
        pack(value)
