"""Gradient descent: theta <- theta - eta grad L."""

import types
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ntklib import Descent, Params, gradient_descent, gradient_flow, half_mse, network

ETA = 0.3


def logistic(f, y):
    """A loss that is not a square; its slope is -y/(1 + e^{yf})/m."""
    return jnp.mean(jnp.logaddexp(0, -y * f))


SLOPES = {
    "square": (half_mse, lambda f, y: f - y),
    "logistic": (logistic, lambda f, y: -y / (1 + np.exp(y * f))),
}


def by_hand(params, X, y, activation, slope, eta, steps):
    """W0, W1 and f after each step, by loops over steps in NumPy."""
    W0, W1, X, y = (np.asarray(a, float) for a in (*params, X, y))
    m, n = len(y), len(W1)
    seen = []
    for _ in range(steps + 1):
        h = X @ W0.T
        f = activation.value(h) @ W1 / np.sqrt(n)
        seen.append((W0, W1, f))
        dL = slope(f, y) / m
        dW0 = (dL[:, None] * activation.slope(h) * W1).T @ X / np.sqrt(n)
        dW1 = activation.value(h).T @ dL / np.sqrt(n)
        W0, W1 = W0 - eta * dW0, W1 - eta * dW1
    return [np.stack(a) for a in zip(*seen, strict=True)]


@pytest.mark.array_function
@pytest.mark.parametrize("name", SLOPES)
def test_gradient_descent_equals_loops(problem, shape, activation, name, close):
    """theta <- theta - eta grad L, against gradients by hand, at every step."""
    params, X, y = problem(*shape)
    loss, slope = SLOPES[name]
    W0, W1, f = by_hand(params, X, y, activation, slope, ETA, 6)
    descent = gradient_descent(params, X, y, activation.psi, ETA, 6, loss=loss)
    close(descent.params, Params(W0, W1), 1e-12)
    close(descent.f, f, 1e-12)


@pytest.mark.array_function
def test_Descent_holds_what_it_says(problem, close):
    """A pytree: f is the network at theta, L the loss at f, and the first theta is the
    start.
    """
    params, X, y = problem(4, 5, 3)
    descent = gradient_descent(params, X, y, jnp.tanh, ETA, 2)
    assert isinstance(descent, Descent)
    assert Descent._fields == ("steps", "params", "f", "loss")
    shapes = [leaf.shape for leaf in jax.tree.leaves(descent)]
    assert shapes == [(3,), (3, 5, 3), (3, 5), (3, 4), (3,)]
    assert descent.steps.tolist() == [0, 1, 2]
    close(jax.tree.map(lambda a: a[0], descent.params), params, 0)
    for k in range(3):
        f = network(jax.tree.map(lambda a, k=k: a[k], descent.params), X, jnp.tanh)
        close(descent.f[k], f, 1e-14)
        close(descent.loss[k], half_mse(f, y), 1e-14)


@pytest.mark.array_function
def test_gradient_descent_reports_every_so_many_steps(problem, close):
    """`every` leaves steps out of the report and changes none of the others."""
    data = (*problem(4, 5, 3), jnp.tanh, ETA)
    each = gradient_descent(*data, 7)
    some = gradient_descent(*data, 7, every=3)
    assert some.steps.tolist() == [0, 3, 6]
    close(some[1:], jax.tree.map(lambda a: a[::3][:3], each[1:]), 1e-14)
    none = gradient_descent(*data, 2, every=3)
    assert none.steps.tolist() == [0]
    close(none.f, each.f[:1], 1e-14)


@pytest.mark.slow
def test_gradient_descent_is_the_flow_to_first_order(problem):
    """At one time t = eta k the distance to gradient flow is proportional to eta."""
    data = (*problem(4, 5, 3), jnp.tanh)
    flow = gradient_flow(*data, [1.0])
    gaps = []
    for steps in (100, 200, 400):
        descent = gradient_descent(*data, 1.0 / steps, steps, every=steps)
        gaps.append(np.linalg.norm(descent.f[-1] - flow.f[0]))
    halves = np.array(gaps[1:]) / gaps[:-1]
    np.testing.assert_allclose(halves, 0.5, atol=0.01)


@pytest.mark.array_function
def test_gradient_descent_batches_over_rates(problem, close):
    """jit(vmap(.)) over eta gives what one call after another gives."""
    data = (*problem(4, 5, 3), jnp.tanh)
    run = jax.jit(jax.vmap(lambda eta: gradient_descent(*data, eta, 5)))
    both = run(jnp.array([0.1, 0.4]))
    for i, eta in enumerate((0.1, 0.4)):
        one = gradient_descent(*data, eta, 5)
        close(jax.tree.map(lambda a, i=i: a[i], both)[1:], one[1:], 1e-13)


@pytest.mark.array_function
def test_gradient_descent_differentiates(close):
    """f = a w x with x = 1, y = 0, a = w: one step gives w (1 - eta w^2), so f = w^2
    (1 - eta w^2)^2 has the derivatives of this polynomial.
    """

    @jax.jit
    @partial(jax.grad, argnums=(0, 1))
    def outputs(w, eta):
        params, X, y = Params(w[None, None], w[None]), jnp.ones((1, 1)), jnp.zeros(1)
        return gradient_descent(params, X, y, lambda z: z, eta, 1).f[-1, 0]

    w, eta = 0.7, 0.5
    rest = 1 - eta * w**2
    dw = 2 * w * rest**2 - 4 * eta * w**3 * rest
    deta = -2 * w**4 * rest
    got = outputs(jnp.array(w), jnp.array(eta))
    close(got, (np.array(dw), np.array(deta)), 1e-12)


@pytest.mark.parametrize("dtype", [jnp.float16, jnp.float32, jnp.float64])
def test_gradient_descent_keeps_dtype(problem, dtype, close):
    """The dtype that came, also where eta is a float64 number."""
    params, X, y = problem(4, 5, 3, dtype=dtype)
    descent = gradient_descent(params, X, y, jnp.tanh, np.float64(ETA), 3)
    dtypes = {leaf.dtype for leaf in jax.tree.leaves(descent[1:])}
    assert dtypes == {jnp.dtype(dtype)}
    want = gradient_descent(*problem(4, 5, 3), jnp.tanh, ETA, 3)
    close(descent[1:], want[1:], 1e-2)


def test_gradient_descent_reports_what_is_infinite():
    """Steps that are too large end in infinity or NaN, and no error is raised."""
    params = Params(jnp.ones((1, 1)), jnp.ones(1))
    X, y = jnp.ones((1, 1)), jnp.zeros(1)
    descent = gradient_descent(params, X, y, lambda z: z, 3.0, 30)
    assert np.isfinite(descent.loss[0])
    assert not np.isfinite(descent.loss[-1])


def test_gradient_descent_refuses_bad_data(bad_data, refuses):
    """A bad params or X is refused by name."""
    data, message = bad_data
    extra = dict(y=np.ones(4), psi=jnp.tanh, eta=ETA, steps=2)
    refuses(message, gradient_descent, **data, **extra)


def test_gradient_descent_refuses_bad_psi(bad_psi, problem, refuses):
    """A psi that is not an elementwise function with real values is refused."""
    psi, message = bad_psi
    refuses(message, gradient_descent, *problem(4, 5, 3), psi, ETA, 2)


def no_derivative(z):
    """A psi that jax.grad cannot differentiate backwards."""
    return jax.lax.while_loop(lambda a: jnp.all(a > 9e9), lambda a: a / 2, z)


@pytest.mark.parametrize(
    ("name", "bad", "message"),
    [
        ("y", np.ones(3), "y has length 3, but X expects m = 4"),
        ("y", [1, 2, 3, np.nan], "y must be finite; got nan at index (3,)"),
        ("eta", 0.0, "eta must be a number above 0 and below inf; got "),
        ("eta", -1.0, "eta must be a number above 0 and below inf; got "),
        ("eta", np.nan, "eta must be finite; got nan"),
        ("eta", [0.1], "eta must be a real array of shape (); got shape (1,)"),
        ("eta", "fast", "eta must be a real array of shape (); got 'fast'"),
        ("steps", 0, "steps must be a positive integer; got 0"),
        ("steps", 2.0, "steps must be a positive integer; got 2.0"),
        ("every", -1, "every must be a positive integer; got -1"),
        ("loss", "mse", "loss must be a function of f and y, such as half_mse, that"),
        (
            "loss",
            lambda f, y: (f - y) ** 2,
            "loss must be a function of f and y, such as half_mse, that JAX can trace",
        ),
        (
            "psi",
            no_derivative,
            "psi and loss must be functions whose derivatives jax.grad can take; got",
        ),
    ],
)
def test_gradient_descent_refuses(name, bad, message, problem, refuses):
    """Every other argument is refused by name, in one sentence."""
    params, X, y = problem(4, 5, 3)
    good = dict(params=params, X=X, y=y, psi=jnp.tanh, eta=ETA, steps=2)
    refuses(message, gradient_descent, **good | {name: bad})


SETTINGS = types.SimpleNamespace(scale=1.0)


def test_gradient_descent_sees_that_a_function_has_changed(close):
    """A global that psi reads counts as it is at the call."""

    def psi(z):
        """A linear activation."""
        return SETTINGS.scale * z

    for scale in (1.0, 0.5):
        SETTINGS.scale = scale
        descent = gradient_descent(Params([[0.6]], [0.6]), [[1.0]], [1.5], psi, ETA, 1)
        close(descent.f[0], np.array([0.36 * scale]), 1e-14)


def test_gradient_descent_inside_shard_map(close):
    """Each of two devices goes its own way, from weights that are the same on both."""
    mesh = jax.sharding.Mesh(jax.devices("cpu")[:2], ("d",))
    spec = jax.sharding.PartitionSpec("d")

    def f_at(y):
        """The output after three steps."""
        params = Params([[0.6]], [0.6])
        return gradient_descent(params, [[0.8]], y, jnp.tanh, ETA, 3).f[-1]

    y = jnp.array([1.5, -0.5])
    alone = jnp.concatenate([f_at(y[:1]), f_at(y[1:])])
    spread = jax.shard_map(f_at, mesh=mesh, in_specs=spec, out_specs=spec)
    close(jax.jit(spread)(y), alone, 1e-12)
