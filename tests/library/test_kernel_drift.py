"""How the tangent kernel moves: the triple product of Exercises 2 and 3, its velocity,
its drift, and the width.
"""

import importlib
import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from jax.flatten_util import ravel_pytree

from ntklib import (
    Params,
    empirical_ntk,
    empirical_ntk_autodiff,
    gradient_flow,
    half_mse,
    init_params,
    network,
)
from ntklib._functions import unchecked_derivatives
from ntklib.kernel_drift import (
    WidthSlope,
    kernel_drift,
    ntk_velocity,
    over_widths,
    triple_product,
    triple_product_terms,
    width_slope,
)
from ntklib.network import antisymmetric_params

MODULE = importlib.import_module("ntklib.kernel_drift")  # its name is a function's too
SMOOTH = {
    "tanh": jnp.tanh,
    "erf": jax.scipy.special.erf,
    "gelu": lambda z: jax.nn.gelu(z, approximate=False),
    "softplus": jax.nn.softplus,
    "sin": jnp.sin,
}
smooth = pytest.mark.parametrize("name", SMOOTH)


def velocity(params, X, psi):
    """ntk_velocity with targets that need not be told."""
    return ntk_velocity(
        params, X, jnp.arange(1.0, 1 + len(X), dtype=jnp.asarray(X).dtype), psi
    )


FUNCTIONS = {
    "terms": triple_product_terms,
    "product": triple_product,
    "velocity": velocity,
}
functions = pytest.mark.parametrize(
    "function", FUNCTIONS.values(), ids=FUNCTIONS.keys()
)


class Measured(NamedTuple):
    """What the library and automatic differentiation say of one activation."""

    r: np.ndarray
    T: np.ndarray
    terms: np.ndarray
    velocity: np.ndarray
    T_autodiff: np.ndarray
    velocity_autodiff: np.ndarray


def measure(params, X, y, psi):
    """The triple product and the velocity of the kernel, by two routes."""
    theta, shaped = ravel_pytree(params)

    def f(theta):
        """The outputs, as a function of all parameters in one vector."""
        return network(shaped(theta), X, psi)

    def loss(params):
        return half_mse(network(params, X, psi), y)

    def kernel(params):
        return empirical_ntk_autodiff(params, X, psi)

    gradients = jax.jacrev(f)(theta)
    hessians = jax.hessian(f)(theta)
    downhill = jax.tree.map(jnp.negative, jax.grad(loss)(params))
    return Measured(
        r=f(theta) - y,
        T=triple_product(params, X, psi),
        terms=triple_product_terms(params, X, psi),
        velocity=ntk_velocity(params, X, y, psi),
        T_autodiff=jnp.einsum("bp,apq,cq->abc", gradients, hessians, gradients),
        velocity_autodiff=jax.jvp(kernel, (params,), (downhill,))[1],
    )


@pytest.fixture(scope="module")
def measured(problem):
    """What is measured for each smooth activation and for relu, by one program."""
    params, X, y = problem(4, 5, 3)

    @jax.jit
    def everything():
        psis = SMOOTH | {"relu": jax.nn.relu}
        return {name: measure(params, X, y, psi) for name, psi in psis.items()}

    return jax.tree.map(np.asarray, everything())


def shapes(jaxpr):
    """Shapes of all arrays that a computation makes, those inside its inner functions
    among them.
    """
    for equation in jaxpr.eqns:
        yield from (v.aval.shape for v in equation.outvars)
        for inner in jax.tree.leaves(
            list(equation.params.values()), is_leaf=lambda p: hasattr(p, "eqns")
        ):
            if hasattr(inner, "eqns"):
                yield from shapes(inner)


def stacked(problem, T=3, dtype=float):
    """T networks, one after another, and inputs."""
    several = [problem(4, 5, 3, seed=seed, dtype=dtype) for seed in range(T)]
    return jax.tree.map(
        lambda *leaves: jnp.stack(leaves), *[params for params, _, _ in several]
    ), several[0][1]


@smooth
def test_triple_product_equals_autodiff(name, measured, close):
    """T[a, b, c] = grad f^b^T Hess f^a grad f^c is the sum of the three terms."""
    close(measured[name].T, measured[name].T_autodiff, 1e-11)
    close(measured[name].terms.sum(axis=0), measured[name].T_autodiff, 1e-11)


def test_triple_product_relu_equals_autodiff(measured, close):
    """For relu psi'' = 0 almost everywhere: the first two terms remain."""
    first, _, third = measured["relu"].terms
    close(measured["relu"].T, measured["relu"].T_autodiff, 1e-12)
    assert np.any(first)
    assert not np.any(third)


class ByHand(NamedTuple):
    """An activation for the library; the same, its slope and curvature by hand."""

    psi: Callable
    value: Callable
    slope: Callable
    curvature: Callable


BY_HAND = [
    ByHand(
        jnp.tanh,
        np.tanh,
        lambda z: 1 - np.tanh(z) ** 2,
        lambda z: -2 * np.tanh(z) * (1 - np.tanh(z) ** 2),
    ),
    ByHand(jnp.sin, np.sin, np.cos, lambda z: -np.sin(z)),
    ByHand(
        lambda z: z**3 - z,
        lambda z: z**3 - z,
        lambda z: 3 * z**2 - 1,
        lambda z: 6 * z,
    ),
]


def terms_by_loops(params, X, psi):
    """The three sums of Exercise 3, for one triple of inputs after the other."""
    W0, W1 = (np.asarray(w) for w in params)
    X = np.asarray(X)
    m, n = len(X), len(W1)
    terms = np.zeros((3, m, m, m))
    for a, b, c in np.ndindex(m, m, m):
        ha, hb, hc = W0 @ X[a], W0 @ X[b], W0 @ X[c]
        ab, ac = X[a] @ X[b], X[a] @ X[c]
        slopes_ab = psi.slope(ha) * psi.slope(hb)
        slopes_ac = psi.slope(ha) * psi.slope(hc)
        curved = psi.slope(hb) * psi.curvature(ha) * psi.slope(hc)
        terms[0, a, b, c] = ac * np.mean(W1 * psi.value(hb) * slopes_ac)
        terms[1, a, b, c] = ab * np.mean(W1 * psi.value(hc) * slopes_ab)
        terms[2, a, b, c] = ab * ac * np.mean(W1**3 * curved)
    return terms / math.sqrt(n)


def test_triple_product_terms_equals_loops(problem, shape, close):
    """The three sums one by one, with psi, psi' and psi'' by hand."""
    params, X, _ = problem(*shape)

    @jax.jit
    def terms():
        """One program for the three activations."""
        return [triple_product_terms(params, X, psi.psi) for psi in BY_HAND]

    for psi, got in zip(BY_HAND, terms(), strict=True):
        for term, want in zip(got, terms_by_loops(params, X, psi), strict=True):
            close(term, want, 1e-12)


def test_triple_product_symmetric(measured, close):
    """A Hessian is symmetric: T[a, b, c] = T[a, c, b], and the same exchange turns the
    first term into the second.
    """
    T, (first, second, third) = measured["tanh"].T, measured["tanh"].terms
    close(T, T.swapaxes(1, 2), 1e-14)
    close(second, first.swapaxes(1, 2), 1e-14)
    close(third, third.swapaxes(1, 2), 1e-14)


@smooth
def test_triple_product_is_not_as_printed(name, measured, problem, close):
    """<x^a, x^b> in term 1 and <x^a, x^b>^2 in term 3, each alone, are wrong, except
    where b = c.
    """
    _, X, _ = problem(4, 5, 3)
    G = np.asarray(X @ X.T)
    as_printed = G[:, :, None] / G[:, None, :]  # <x^a, x^b> in place of <x^a, x^c>
    T, (first, second, third) = measured[name].T, measured[name].terms
    largest = np.abs(T).max()
    for misprint in (
        first * as_printed + second + third,
        first + second + third * as_printed,
    ):
        assert np.abs(misprint - T).max() > 0.01 * largest
        assert np.abs(misprint - misprint.swapaxes(1, 2)).max() > 0.01 * largest
        for b in range(4):
            close(misprint[:, b, b], T[:, b, b], 1e-12)


@smooth
def test_ntk_velocity_equals_the_jvp_along_the_flow(name, measured, close):
    """d K/dt is the derivative of K = <grad f, grad f> along d theta/dt = -grad L."""
    close(measured[name].velocity, measured[name].velocity_autodiff, 1e-11)


def test_ntk_velocity_equals_triple_products(problem, shape, activations, close):
    """d K[a, b]/dt = -(1/m) sum_c r_c (T[a, b, c] + T[b, a, c]), the lecture's Exercise
    2 with index c on r.
    """
    params, X, y = problem(*shape)

    def three(psi):
        """The residuals, the triple product and the velocity."""
        r = network(params, X, psi) - y
        return r, triple_product(params, X, psi), ntk_velocity(params, X, y, psi)

    @jax.jit
    def everything():
        """One program for all activations."""
        return [three(activation.psi) for activation in activations.values()]

    for r, T, got in jax.tree.map(np.asarray, everything()):
        want = -np.einsum("c,abc->ab", r, T + T.swapaxes(0, 1)) / len(X)
        close(got, want, 1e-11)
        np.testing.assert_array_equal(got, got.T)


@smooth
def test_ntk_velocity_is_not_as_printed(name, measured):
    """With the printed index a on r, Exercise 2 is wrong, and not even symmetric in a
    and b.
    """
    r, T, velocity = measured[name].r, measured[name].T, measured[name].velocity
    misprint = -np.einsum("a,abc->ab", r, T + T.swapaxes(0, 1)) / 4
    assert np.abs(misprint - velocity).max() > 0.01 * np.abs(velocity).max()
    assert np.abs(misprint - misprint.T).max() > 0.01 * np.abs(misprint).max()


@pytest.mark.slow
def test_ntk_velocity_equals_differences_along_the_flow(problem, close):
    """d K_t/dt at t = 1/2, by a central difference of fourth order between five times
    of one gradient flow.
    """
    params, X, y = problem(4, 6, 3)
    step = 0.05
    flow = gradient_flow(params, X, y, jnp.tanh, 0.5 + step * np.arange(-2.0, 3.0))
    W0, W1 = (np.asarray(w) for w in flow.params)
    K = [
        np.asarray(empirical_ntk(Params(*params_t), X, jnp.tanh))
        for params_t in zip(W0, W1, strict=True)
    ]
    want = (K[0] - 8 * K[1] + 8 * K[3] - K[4]) / (12 * step)
    close(ntk_velocity(Params(W0[2], W1[2]), X, y, jnp.tanh), want, 1e-6)


def test_ntk_velocity_vanishes_at_an_antisymmetric_start(problem, activations):
    """Units in pairs with opposite W1 make f_0 = 0 and d K/dt = 0 at t = 0, for any
    targets, up to rounding.
    """
    _, X, y = problem(4, 6, 3)
    params = antisymmetric_params(jax.random.key(0), 6, 3)
    same_sign = params._replace(W1=jnp.abs(params.W1))

    @jax.jit
    def velocities():
        """From both starts, for all activations by one program."""
        return [
            (ntk_velocity(params, X, y, psi), ntk_velocity(same_sign, X, y, psi))
            for psi, *_ in activations.values()
        ]

    for still, moving in velocities():
        assert np.abs(still).max() < 1e-14 * np.abs(moving).max()


def test_ntk_velocity_needs_no_cubic_array(problem):
    """No array has m^3 entries, or m^2 n, other than for the triple product."""
    params, X, y = problem(7, 5, 3)
    cheap = jax.make_jaxpr(lambda p, X, y: ntk_velocity(p, X, y, jnp.tanh))(
        params, X, y
    )
    dear = jax.make_jaxpr(lambda p, X: triple_product(p, X, jnp.tanh))(params, X)
    assert max(math.prod(shape) for shape in shapes(cheap.jaxpr)) == 7 * 7
    assert (7, 7, 7) in set(shapes(dear.jaxpr))


@pytest.mark.array_function
@pytest.mark.parametrize("n", [3, 7])
def test_ntk_velocity_in_blocks_equals_the_formula(n, problem, close, monkeypatch):
    """Blocks of inputs and chunks of hidden units give the velocity that the formula
    gives at once, symmetric to the last bit.
    """
    monkeypatch.setattr(MODULE, "INPUTS", 6)
    monkeypatch.setattr(MODULE, "UNITS", 3)
    params, X, y = problem(13, n, 3)

    @jax.jit
    def both(params, X, y):
        A, S, C = unchecked_derivatives(jnp.tanh, X @ params.W0.T, 2)
        return (
            MODULE._velocity_in_blocks(jnp.tanh, params, X, y),
            MODULE._ntk_velocity(X, y, params.W1, A, S, C),
        )

    by_blocks, at_once = both(params, X, y)
    close(by_blocks, at_once, 1e-13)
    np.testing.assert_array_equal(by_blocks, by_blocks.T)


def test_triple_product_is_made_of_one_matrix_product_after_another():
    """Its program needs a few arrays of m n numbers, and none of m^2 n."""
    m, n0, n = 48, 8, 4096
    params, X = (
        Params(jnp.zeros((n, n0)), jnp.zeros(n)),
        jnp.zeros((m, n0)),
    )
    program = jax.jit(lambda p, X: triple_product(p, X, jnp.tanh)).lower(params, X)
    memory = program.compile().memory_analysis()
    assert memory is not None
    assert memory.temp_size_in_bytes < 8 * X.dtype.itemsize * m * n


def test_triple_product_and_velocity_take_integers_and_lists():
    """W0 = (1, 2), W1 = 5, x = (3, 4), psi = z^2: h = 11, T = 2 * 25 * 5 * 121 * 22^2 +
    25^2 * 125 * 22^2 * 2.
    """
    params, X = Params([[1, 2]], [5]), [[3, 4]]
    terms = triple_product_terms(params, X, jnp.square)
    assert terms.dtype == jnp.float64
    assert terms.ravel().tolist() == [7320500.0, 7320500.0, 75625000.0]
    assert triple_product(params, X, jnp.square).tolist() == [[[90266000.0]]]
    assert ntk_velocity(params, X, [600], jnp.square).tolist() == [
        [-2 * 5 * 90266000.0]
    ]


@pytest.mark.slow
@functions
def test_triple_product_and_velocity_keep_dtype(function, problem, close):
    """float32 goes in and out, whatever JAX's flag says, and is accurate to float32; so
    does float64.
    """
    params, X, _ = problem(4, 5, 3)
    want = np.asarray(function(params, X, jnp.tanh))
    assert want.dtype == np.float64
    single = jax.tree.map(lambda a: np.asarray(a, np.float32), (params, X))
    assert (
        jax.eval_shape(lambda p, X: function(p, X, jnp.tanh), *single).dtype
        == jnp.float32
    )
    with jax.enable_x64(False):
        got = function(*single, jnp.tanh)
    assert got.dtype == jnp.float32
    close(got, want, 1e-5)


@pytest.mark.slow
@functions
def test_triple_product_and_velocity_trace_and_batch(function, problem, close):
    """jit(vmap(.)) over networks gives what one network after another gives; so do
    inputs spread over devices.
    """
    params, X, _ = problem(4, 5, 3)
    twice = jax.tree.map(lambda a: 2 * a, params)
    batch = jax.tree.map(lambda a, b: jnp.stack([a, b]), params, twice)
    close(
        jax.jit(jax.vmap(lambda p: function(p, X, jnp.tanh)))(batch)[1],
        function(twice, X, jnp.tanh),
        1e-13,
    )
    mesh = jax.sharding.Mesh(jax.devices("cpu")[:2], ("inputs",))
    spread = jax.device_put(
        X, jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("inputs"))
    )
    close(function(params, spread, jnp.tanh), function(params, X, jnp.tanh), 1e-13)


@pytest.mark.slow
@pytest.mark.parametrize(
    "function", [triple_product_terms, velocity], ids=["terms", "velocity"]
)
def test_triple_product_terms_and_velocity_differentiate(function, problem, close):
    """The derivative along a direction is a central difference, in forward and in
    reverse mode.
    """
    params, X, _ = problem(4, 5, 3)
    along, step = problem(4, 5, 3, seed=2)[0], 1e-5
    weights = jnp.asarray(
        np.random.default_rng(1).normal(size=function(params, X, jnp.tanh).shape)
    )

    @jax.jit
    def total(p):
        return jnp.sum(function(p, X, jnp.tanh) * weights)

    ahead, behind = (
        jax.tree.map(lambda p, d, s=s: p + s * d, params, along) for s in (step, -step)
    )
    want = (total(ahead) - total(behind)) / (2 * step)
    grads = jax.grad(total)(params)
    close(jax.jvp(total, (params,), (along,))[1], want, 1e-7)
    close(jnp.sum(grads.W0 * along.W0) + grads.W1 @ along.W1, want, 1e-7)


@functions
def test_triple_product_and_velocity_refuse_bad_data(function, bad_data, refuses):
    """A bad params or X is refused by name."""
    data, message = bad_data
    if function is velocity:
        refuses(message, ntk_velocity, **data, y=np.ones(4), psi=jnp.tanh)
    else:
        refuses(message, function, **data, psi=jnp.tanh)


@functions
def test_triple_product_and_velocity_refuse_bad_psi(
    function, bad_psi, problem, refuses
):
    """A psi that is not an elementwise function with real values is refused."""
    params, X, _ = problem(4, 5, 3)
    psi, message = bad_psi
    refuses(message, function, params, X, psi)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (np.ones(3), "y has length 3, but X expects m = 4"),
        (np.ones((4, 1)), "y must be a real array of shape (m,); got shape (4, 1)"),
        (
            np.ones(0),
            "y must be a real array of shape (m,) and must not be empty; got ",
        ),
        ([1, np.nan, 2, 3], "y must be finite; got nan at index (1,)"),
        (np.ones(4) * 1j, "y must be a real array of shape (m,); got dtype complex128"),
        ("y", "y must be a real array of shape (m,); got 'y'"),
    ],
)
def test_ntk_velocity_refuses_bad_y(y, message, problem, refuses):
    """Bad targets are refused by name."""
    params, X, _ = problem(4, 5, 3)
    refuses(message, ntk_velocity, params, X, y, jnp.tanh)


@functions
@pytest.mark.parametrize(
    ("psi", "x", "message"),
    [
        (jnp.log, -1.0, "psi(h) must be finite; got nan at index (0, 0)"),
        (lambda z: jnp.sqrt(jnp.abs(z)), 0.0, "psi'(h) must be finite; got "),
        (lambda z: jnp.abs(z) ** 1.5, 0.0, "psi''(h) must be finite; got "),
        (lambda z: z, 1e200, "the "),
    ],
    ids=["undefined", "vertical tangent", "infinite curvature", "overflow"],
)
def test_triple_product_and_velocity_refuse_infinite_values(
    function, psi, x, message, refuses
):
    """Where psi, psi', psi'' or the result is not finite, the message says which."""
    result = "velocity" if function is velocity else "triple product"
    what = f"{result} must be finite; got "
    refuses(
        message + what * (message == "the "),
        function,
        Params([[1.0]], [1.0]),
        [[x]],
        psi,
    )


def test_triple_product_refuses_terms_that_overflow_in_their_sum(refuses):
    """Terms 1 and 2 of 1.6e308 each are finite, and their sum is not."""
    params, X = Params([[1.0]], [1.6e8]), [[1e100]]
    assert np.isfinite(triple_product_terms(params, X, lambda z: z)).all()
    refuses(
        "the triple product must be finite; got inf at index (0, 0, 0)",
        triple_product,
        params,
        X,
        lambda z: z,
    )


@pytest.mark.parametrize("psi", [jnp.tanh, jax.nn.relu], ids=["tanh", "relu"])
def test_kernel_drift_equals_loops(psi, problem, close):
    """|K_t - K_0| in the Frobenius norm, one network after another, with kernels by
    autodiff.
    """
    params, X = stacked(problem)
    K = [
        np.asarray(empirical_ntk_autodiff(Params(*at), X, psi))
        for at in zip(*params, strict=True)
    ]
    got = kernel_drift(params, X, psi)
    close(got, np.array([math.sqrt(np.sum((at - K[0]) ** 2)) for at in K]), 1e-12)
    assert got[0] == 0


@pytest.mark.slow
def test_kernel_drift_starts_with_the_velocity_or_with_its_square(problem, close):
    """|K_t - K_0| = t |d K/dt| + O(t^2); from an antisymmetric start it is of order
    t^2, so 2t gives four times it.
    """
    params, X, y = problem(4, 6, 3)
    ts = 1e-4 * jnp.arange(5.0)
    drift = kernel_drift(gradient_flow(params, X, y, jnp.tanh, ts).params, X, jnp.tanh)
    close(
        drift[1:] / ts[1:],
        jnp.full(4, jnp.linalg.norm(ntk_velocity(params, X, y, jnp.tanh))),
        2e-3,
    )
    pairs = antisymmetric_params(jax.random.key(0), 6, 3)
    drift = kernel_drift(
        gradient_flow(pairs, X, y, jnp.tanh, 10 * ts).params, X, jnp.tanh
    )
    close(drift[1:] / drift[1], jnp.arange(1.0, 5.0) ** 2, 1e-2)


def test_kernel_drift_holds_one_kernel_at_a_time(problem):
    """No array of the computation grows with both T and m."""
    params, X = stacked(problem, T=11)
    made = set(
        shapes(jax.make_jaxpr(lambda p: kernel_drift(p, X, jnp.tanh))(params).jaxpr)
    )
    assert (4, 4) in made
    assert not [shape for shape in made if 11 in shape and 4 in shape]


@pytest.mark.parametrize("T", [1, 2])
def test_kernel_drift_takes_integers_and_lists(T):
    """W0 = (1, 2), x = (3, 4), psi = z: K = 121 + 25 W1^2, so W1 = 5 and then 6 move it
    by 275.
    """
    got = kernel_drift(Params([[[1, 2]]] * T, [[5], [6]][:T]), [[3, 4]], lambda z: z)
    assert got.dtype == jnp.float64
    assert got.tolist() == [0.0, 275.0][:T]


@pytest.mark.slow
def test_kernel_drift_traces_batches_and_keeps_dtype(problem, close):
    """float32 stays; jit(vmap(.)) over flows gives one after another; so do inputs
    spread over devices.
    """
    params, X = stacked(problem, dtype=jnp.float32)
    backwards = jax.tree.map(lambda a: a[::-1], params)
    want = kernel_drift(backwards, X, jnp.tanh)
    assert want.dtype == jnp.float32
    batch = jax.tree.map(lambda a, b: jnp.stack([a, b]), params, backwards)
    close(
        jax.jit(jax.vmap(lambda p: kernel_drift(p, X, jnp.tanh)))(batch)[1], want, 1e-6
    )
    mesh = jax.sharding.Mesh(jax.devices("cpu")[:2], ("inputs",))
    spread = jax.device_put(
        X, jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("inputs"))
    )
    close(kernel_drift(backwards, spread, jnp.tanh), want, 1e-6)


@pytest.mark.slow
def test_kernel_drift_differentiates(problem, close):
    """The derivative is that of the norm; where the kernel stands still it is 0, not
    NaN.
    """
    params, X = stacked(problem)
    params = jax.tree.map(
        lambda a: a.at[2].set(a[0]), params
    )  # the third network is the first

    @jax.jit
    def total(W1):
        return kernel_drift(params._replace(W1=W1), X, jnp.tanh) @ jnp.array(
            [1.0, 2.0, 0.0]
        )

    step, along = 1e-6, jnp.asarray(np.random.default_rng(0).normal(size=(3, 5)))
    gradient = jax.jit(jax.grad(total))(params.W1)
    close(
        jnp.sum(gradient * along),
        (total(params.W1 + step * along) - total(params.W1 - step * along)) / 2e-6,
        1e-7,
    )
    close(jax.jvp(total, (params.W1,), (along,))[1], jnp.sum(gradient * along), 1e-12)
    assert not np.any(
        jax.jit(
            jax.grad(lambda W1: kernel_drift(params._replace(W1=W1), X, jnp.tanh)[0])
        )(params.W1)
    )


def test_kernel_drift_has_no_derivative_where_the_kernel_stands_still():
    """Of two equal networks, in numbers that are not rounded, it is 0, and not NaN."""
    W0, X = np.array([[[1.0, 2.0]]] * 2), np.array([[3.0, 4.0]])

    def last(W1):
        """How far the second kernel is from the first."""
        return kernel_drift(Params(W0, W1), X, lambda z: z)[1]

    drift, gradient = jax.value_and_grad(last)(jnp.array([[5.0], [5.0]]))
    assert drift == 0
    assert gradient.tolist() == [[0.0], [0.0]]


W0T, W1T = np.ones((2, 5, 3)), np.ones((2, 5))


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ([W0T, W1T], "params must be Params(W0, W1), stacked over time; got list"),
        (
            (W0T, W1T, W1T),
            "params must be Params(W0, W1), stacked over time; got tuple",
        ),
        (
            Params(W0T[0], W1T),
            "params.W0 must be a real array of shape (T, n, n0); got shape (5, 3)",
        ),
        (
            Params(W0T, W1T[0]),
            "params.W1 must be a real array of shape (T, n); got shape (5,)",
        ),
        (
            Params(W0T[:0], W1T[:0]),
            "params.W0 must be a real array of shape (T, n, n0) and must not be empty",
        ),
        (Params(W0T, W1T[:1]), "params.W1 has 1 times, but params.W0 expects T = 2"),
        (Params(W0T, W1T[:, :4]), "params.W1 has 4 units, but params.W0 expects n = 5"),
        (
            Params(W0T * np.nan, W1T),
            "params.W0 must be finite; got nan at index (0, 0, 0)",
        ),
        (
            Params(W0T, W1T * np.inf),
            "params.W1 must be finite; got inf at index (0, 0)",
        ),
        (
            Params(W0T, W1T + 0j),
            "params.W1 must be a real array of shape (T, n); got dtype complex128",
        ),
        (
            Params("W0", W1T),
            "params.W0 must be a real array of shape (T, n, n0); got 'W0'",
        ),
    ],
)
def test_kernel_drift_refuses_bad_params(params, message, refuses):
    """Parameters that are not stacked over the same times are refused by name."""
    refuses(message, kernel_drift, params, np.ones((4, 3)), jnp.tanh)


def test_kernel_drift_refuses_bad_psi(bad_psi, refuses):
    """A psi that is not an elementwise function with real values is refused."""
    psi, message = bad_psi
    refuses(message, kernel_drift, Params(W0T, W1T), np.ones((4, 3)), psi)


def test_kernel_drift_refuses_bad_X_and_a_kernel_that_becomes_infinite(refuses):
    """A bad X is refused as by empirical_ntk, and so is a kernel that is not finite at
    a later time.
    """
    refuses(
        "X has 2 columns, but params.W0 expects n0 = 3",
        kernel_drift,
        Params(W0T, W1T),
        np.ones((4, 2)),
        jnp.tanh,
    )
    refuses(
        "X must be finite; got nan",
        kernel_drift,
        Params(W0T, W1T),
        np.full((4, 3), np.nan),
        jnp.tanh,
    )
    later = Params([[[1.0]], [[1.0]], [[-1.0]]], [[1.0], [2.0], [1.0]])
    refuses(
        "the drift must be finite; got nan at index (2,)",
        kernel_drift,
        later,
        [[1.0]],
        jnp.log,
    )


def mean_weight(key, n):
    """The mean of the output weights of a random start."""
    return init_params(key, n, 3).W1.mean()


def test_over_widths_draws_are_what_their_keys_give():
    """Row i, column j is the measurement with key j of draws keys made for width i."""
    key = jax.random.key(3)
    got = over_widths(mean_weight, key, [4, 10], 5)
    assert got.shape == (2, 5)
    assert got.dtype == np.float64
    for i, n in enumerate([4, 10]):
        for j in range(5):
            one = jax.random.split(jax.random.fold_in(key, n), 5)[j]
            assert got[i, j] == mean_weight(one, n)
    assert len(np.unique(got)) == 10  # no random number is used twice
    # a width gives the same whatever the others are
    again = over_widths(mean_weight, key, np.array([2, 10, 20]), 5)
    np.testing.assert_array_equal(again[1], got[1])


def test_over_widths_feeds_width_slope():
    """The mean of n independent numbers has the slope -1/2 and the size 1/sqrt(n)."""
    ns = [10, 100, 1000]
    values = over_widths(mean_weight, jax.random.key(0), ns, 100)
    slope, se = width_slope(ns, values)
    assert abs(slope + 0.5) < 4 * se < 0.1
    rms = np.sqrt(np.mean(values**2, axis=1) * ns)
    assert np.all(np.abs(rms - 1) < 4 / math.sqrt(200))


@pytest.mark.parametrize(
    ("name", "bad", "message"),
    [
        ("key", 0, "key must be a JAX random key, such as jax.random.key(0); got 0"),
        ("ns", [4], "ns must be positive, increasing and at least two; got [4.0]"),
        ("ns", [4, 4.5], "each of ns must be a positive integer; got 4.5"),
        ("draws", 0, "draws must be a positive integer; got 0"),
        (
            "measure",
            lambda key, n: np.ones(2),
            "measure(key, n) must be a finite real number; got ",
        ),
        (
            "measure",
            lambda key, n: np.nan,
            "measure(key, n) must be a finite real number; got nan",
        ),
    ],
)
def test_over_widths_refuses_bad_arguments(name, bad, message, refuses):
    """A bad key, width, number of draws or value is refused."""
    good = {"measure": mean_weight, "key": jax.random.key(0), "ns": [4, 8], "draws": 2}
    refuses(message, over_widths, **(good | {name: bad}))


def test_width_slope_equals_linregress(close):
    """The slope is that of least squares of log RMS on log n."""
    rng = np.random.default_rng(0)
    for widths in ([3.0, 7.0], [64, 256, 1024, 4096], [1, 2, 4, 5, 90]):
        values = rng.normal(size=(len(widths), 9)) / np.array(widths)[:, None]
        rms = np.sqrt(np.mean(values**2, axis=1))
        got = width_slope(widths, values)
        close(
            got.slope, scipy.stats.linregress(np.log(widths), np.log(rms)).slope, 1e-12
        )
        assert isinstance(got, WidthSlope)
        assert type(got.slope) is type(got.se) is float


@pytest.mark.parametrize("power", [-1.0, -0.5, 0.0, 2.0])
def test_width_slope_exact_power_law(power, close):
    """v = 3 n^p in every draw: the slope is p, and its standard error 0."""
    ns = np.array([64.0, 128.0, 1000.0])
    slope, se = width_slope(ns, 3 * ns[:, None] ** power * [[1, -1, 1]])
    assert abs(slope - power) < 1e-14
    assert se == 0


def test_width_slope_by_hand(close):
    """v^2 = (1, 9): mean 5, sd sqrt(32), so log RMS = log(5)/2 +- sqrt(32)/(2 sqrt(2)
    5) = +- 0.4.
    """
    close(
        width_slope([1, 4], [[1, 1], [1, 3]]),
        WidthSlope(math.log(5) / 2 / math.log(4), 0.4 / math.log(4)),
        1e-15,
    )
    close(
        width_slope([1, 4], [[1, 3], [-6, 2]]),
        WidthSlope(0.5, 0.4 * math.sqrt(2) / math.log(4)),
        1e-15,
    )
    # x - mean = (-3, -1, 1, 3) log(2)/2, so the weights are x/(5 log(2)^2), and only
    # the last width scatters
    slope, se = width_slope([1, 2, 4, 8], [[1, 1], [1, 1], [1, 1], [1, 3]])
    close(
        [slope, se],
        [3 / (10 * math.log(2)) * math.log(5) / 2, 3 / (10 * math.log(2)) * 0.4],
        1e-14,
    )


@given(
    values=st.lists(
        st.lists(st.floats(0.1, 10), min_size=4, max_size=4), min_size=3, max_size=3
    ),
    c=st.sampled_from([1e-300, 1e-3, 7.0, 1e300]),
    p=st.floats(-2, 2),
)
def test_width_slope_scales(values, c, p, close):
    """v -> c v and n -> c n change nothing, at any scale; v -> v n^p adds p to the
    slope and leaves its error.
    """
    ns, values = np.array([2.0, 5.0, 6.0]), np.array(values)
    slope, se = width_slope(ns, values)
    for got in (
        width_slope(ns, c * values),
        width_slope(c * ns, values),
        width_slope(ns, -values),
    ):
        np.testing.assert_allclose(got, (slope, se), rtol=1e-10, atol=1e-11)
    tilted = width_slope(ns, values * ns[:, None] ** p)
    np.testing.assert_allclose(tilted, (slope + p, se), rtol=1e-10, atol=1e-11)


def test_width_slope_error_is_honest():
    """In simulated data of known slope, (slope - p)/se has mean 0 and standard
    deviation 1, within five of its own.
    """
    rng, ns, repeats = (
        np.random.default_rng(0),
        np.array([10.0, 30.0, 100.0, 1000.0]),
        1000,
    )
    z = []
    for values in rng.normal(size=(repeats, 4, 500)) * ns[:, None] ** -0.7:
        slope, se = width_slope(ns, values)
        z.append((slope + 0.7) / se)
    assert abs(np.mean(z)) < 5 / math.sqrt(repeats)
    assert abs(np.std(z) - 1) < 5 / math.sqrt(2 * repeats)


@pytest.mark.parametrize(
    ("name", "bad", "message"),
    [
        ("ns", [4.0], "ns must be positive, increasing and at least two; got [4.0]"),
        (
            "ns",
            [4.0, 4.0, 8.0],
            "ns must be positive, increasing and at least two; got [4.0, 4.0, 8.0]",
        ),
        (
            "ns",
            [4.0, 8.0, 6.0],
            "ns must be positive, increasing and at least two; got [4.0, 8.0, 6.0]",
        ),
        (
            "ns",
            [0.0, 1.0, 2.0],
            "ns must be positive, increasing and at least two; got [0.0, 1.0, 2.0]",
        ),
        (
            "ns",
            [-1.0, 1.0, 2.0],
            "ns must be positive, increasing and at least two; got [-1.0, 1.0, 2.0]",
        ),
        ("ns", [1.0, np.inf, 2.0], "ns must be finite; got inf at index (1,)"),
        (
            "ns",
            [],
            "ns must be a real array of shape (w,) and must not be empty; got ",
        ),
        ("ns", "64", "ns must be a real array of shape (w,); got '64'"),
        ("ns", 64, "ns must be a real array of shape (w,); got shape ()"),
        ("values", np.ones((2, 4)), "values has 2 rows, but ns expects w = 3"),
        (
            "values",
            np.ones((3, 1)),
            "values must hold at least two draws for each width; got shape (3, 1)",
        ),
        (
            "values",
            [[1, 1], [0, 0], [1, 0]],
            "values must not be all 0 for one width; got 0 alone at ns = 8",
        ),
        (
            "values",
            np.ones(3),
            "values must be a real array of shape (w, draws); got shape (3,)",
        ),
        (
            "values",
            [[1, 1], [1], [1, 1]],
            "values must be a real array of shape (w, draws); got a list that is not",
        ),
        (
            "values",
            np.ones((3, 2)) * 1j,
            "values must be a real array of shape (w, draws); got dtype complex128",
        ),
        (
            "values",
            [[1, 1], [1, np.nan], [1, 1]],
            "values must be finite; got nan at index (1, 1)",
        ),
    ],
)
def test_width_slope_refuses(name, bad, message, refuses):
    """Widths that do not increase, too few of them or of the draws, and a log of 0, are
    refused by name.
    """
    refuses(
        message,
        width_slope,
        **{"ns": [4.0, 8.0, 16.0], "values": np.ones((3, 2))} | {name: bad},
    )


def test_width_slope_refuses_tracers(refuses):
    """A host function holds numbers: inside jit it says so, whichever argument is
    traced.
    """
    message = (
        "must hold numbers, not a JAX tracer; "
        "call this function outside jit, vmap and grad"
    )
    refuses(
        f"ns {message}",
        jax.jit(lambda ns: width_slope(ns, np.ones((2, 2)))),
        jnp.array([1.0, 2.0]),
    )
    refuses(
        f"values {message}", jax.jit(lambda v: width_slope([1, 2], v)), jnp.ones((2, 2))
    )


def he2(z):
    """The second Hermite polynomial, of unit variance: E psi = 0 and E psi psi' = 0,
    but E psi psi'^2 > 0.
    """
    return (z**2 - 1) / math.sqrt(2)


def slopes(psi, ns, draws, *, ones=False):
    """WidthSlope of |d K/dt| and of the three terms' norms at t = 0, with new random
    parameters at each width.
    """
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(8, 4)), rng.normal(size=8)
    X /= np.linalg.norm(X, axis=1, keepdims=True)

    def norms(params):
        terms = triple_product_terms(params, X, psi).reshape(3, -1)
        return jnp.append(
            jnp.linalg.norm(terms, axis=1),
            jnp.linalg.norm(ntk_velocity(params, X, y, psi)),
        )

    measured = []
    for n in ns:
        W0, W1 = rng.normal(size=(draws, n, 4)), rng.normal(size=(draws, n))
        measured.append(
            jax.jit(lambda p: jax.lax.map(norms, p))(
                Params(W0, np.ones_like(W1) if ones else W1)
            )
        )
    return [width_slope(ns, np.array(measured)[..., i]) for i in range(4)]


@pytest.mark.slow
@pytest.mark.parametrize("psi", [jnp.tanh, jax.scipy.special.erf], ids=["tanh", "erf"])
def test_ntk_velocity_falls_as_one_over_the_width(psi):
    """For smooth psi and W1 ~ N(0, 1), |d K/dt| = O(1/n), not O(1/sqrt(n)); all three
    inner averages fall as well.
    """
    *terms, motion = slopes(psi, (64, 512, 4096), 60)
    for slope, se in (motion, *terms):
        assert abs(slope + 1) < 5 * se
        assert abs(slope + 0.5) > 5 * se
    for slope, se in terms:  # each average is its term times sqrt(n)
        average = slope + 0.5
        assert abs(average + 0.5) < 5 * se
        assert abs(average) > 5 * se


@pytest.mark.slow
@pytest.mark.parametrize(
    ("ones", "want", "rival"),
    [(True, -0.5, -1.0), (False, -1.0, -0.5)],
    ids=["ones", "normal"],
)
def test_ntk_velocity_attains_the_lectures_rate_without_random_signs(ones, want, rival):
    """With W1 = 1 and psi = He_2/sqrt(2), |d K/dt| and all three terms fall as
    1/sqrt(n); with W1 ~ N(0, 1) as 1/n.
    """
    for slope, se in slopes(he2, (1024, 16384), 60, ones=ones):
        assert abs(slope - want) < 5 * se
        assert abs(slope - rival) > 5 * se


@pytest.mark.slow
def test_triple_product_velocity_and_drift_take_explicit_meshes(problem, close):
    """Inputs and units spread over devices, on the mesh that jax.make_mesh makes,
    change nothing.
    """
    params, X, y = problem(4, 6, 2)
    stacked = jax.tree.map(lambda a: jnp.stack([a, 2 * a]), params)
    mesh = jax.make_mesh((2,), ("d",), devices=jax.devices("cpu")[:2])
    place = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("d"))
    spread = jax.tree.map(lambda a: jax.device_put(a, place), (params, X, y, stacked))
    close(
        triple_product(*spread[:2], jnp.tanh),
        triple_product(params, X, jnp.tanh),
        1e-14,
    )
    close(
        ntk_velocity(*spread[:3], jnp.tanh), ntk_velocity(params, X, y, jnp.tanh), 1e-14
    )
    close(
        kernel_drift(spread[3], spread[1], jnp.tanh),
        kernel_drift(stacked, X, jnp.tanh),
        1e-13,
    )
