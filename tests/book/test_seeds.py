"""The notebooks under other seeds."""

from tests.book.conftest import write_notebook
from tools.seeds import failures, has_a_seed, with_seed


def test_with_seed_changes_every_seed_and_nothing_else():
    """The numbers of JAX's keys and of NumPy's generators grow; other numbers stay."""
    source = "key = jax.random.key(5)\nrng = np.random.default_rng(3)\nn = 5"
    expected = "key = jax.random.key(105)\nrng = np.random.default_rng(103)\nn = 5"
    assert with_seed(source, 100) == expected
    assert with_seed("key = jax.random.key(n)", 100) == "key = jax.random.key(n)"


def test_failures_names_the_cell_that_holds_for_its_own_seed_alone(tmp_path):
    """A claim about one draw fails under another seed, and its cell is named."""
    path = tmp_path / "luck.ipynb"
    draw = "import numpy as np\nz = np.random.default_rng(5).integers(10**9)"
    write_notebook(path, [draw, "assert z >= 0", "assert z == 670790055, 'luck'"])
    assert has_a_seed(path)
    assert failures(path, 0) == []
    ((name, error),) = failures(path, 1)
    assert name == "cell-2"
    assert "luck" in error
