"""The digits on the pages do not depend on how finely a flow is integrated."""

import nbformat
import pytest

from tests.book.rerun import errors, printed, rerun
from tools.execute import BOOK

FINER = """
import diffrax
import scipy.integrate

coarse_controller = diffrax.PIDController
coarse_solver = scipy.integrate.solve_ivp


def finer_controller(rtol, atol, **options):
    return coarse_controller(rtol=rtol / 10, atol=atol / 10, **options)


def finer_solver(*args, rtol=1e-3, atol=1e-6, **options):
    return coarse_solver(*args, rtol=rtol / 10, atol=atol / 10, **options)


diffrax.PIDController = finer_controller
scipy.integrate.solve_ivp = finer_solver
"""
FLOWS = ("gradient_flow", "function_flow", "compare_with_linear_flow", "solve_ivp")


def has_a_flow(path):
    """Whether a cell of the notebook integrates."""
    text = path.read_text("utf-8")
    return any(f"{name}(" in text for name in FLOWS)


WITH_FLOWS = [path for path in BOOK if has_a_flow(path)]


@pytest.mark.slow
@pytest.mark.parametrize("path", WITH_FLOWS, ids=lambda path: path.stem)
def test_printed_digits_survive_a_finer_integration(path):
    """With a tenth of all tolerances every cell prints what is stored, and no more
    fails than did.
    """
    stored = nbformat.read(path, as_version=4).cells
    stored = [cell for cell in stored if cell.cell_type == "code"]
    for before, after in zip(stored, rerun(path, first=FINER), strict=True):
        assert errors(after) == [], after.source
        assert printed(after) == printed(before), after.source


def test_finer_reaches_both_integrators(tmp_path):
    """The code that runs first does shrink the tolerances: other steps are taken."""
    source = (
        "import jax.numpy as jnp\n"
        "from ntklib import function_flow\n"
        "from scipy.integrate import solve_ivp\n"
        "flow = function_flow(\n"
        "    jnp.eye(1), jnp.ones(1), jnp.zeros(1), lambda f, y: f, [1.0], rtol=1e-3\n"
        ")\n"
        "print(float(flow[0, 0]))\n"
        "print(solve_ivp(lambda t, r: -r, (0, 1), [1.0]).y[0, -1])\n"
    )
    path = tmp_path / "flow.ipynb"
    cell = nbformat.v4.new_code_cell(source)
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), path)
    coarse, fine = (
        printed(rerun(path, first=first)[0]).split() for first in (None, FINER)
    )
    assert len(coarse) == len(fine) == 2
    assert coarse[0] != fine[0]
    assert coarse[1] != fine[1]
