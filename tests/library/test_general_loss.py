"""Any loss: its velocity -dl^T K dl/m^2, and the flow d f/dt = -K dl(f, y)/m."""

import dataclasses
import types
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.integrate
from scipy.special import expit, wrightomega

from ntklib import (
    empirical_ntk,
    general_loss,
    half_mse,
    linear_flow,
    network,
    residual_velocity,
)
from ntklib.general_loss import _output_velocity, function_flow, loss_velocity
from tests.library.conftest import BAD_KERNELS, BAD_TIMES


class Loss(NamedTuple):
    """l(f, y) and its slope in f for the library, the slope in NumPy, and the flow of
    one output at rate k.
    """

    loss: Callable
    slope: Callable
    by_hand: Callable
    alone: Callable


def huber(f, y):
    """A square near 0, linear beyond 1."""
    r = jnp.abs(f - y)
    return jnp.where(r <= 1, r**2 / 2, r - 0.5)


def logistic_alone(f0, y, k, t):
    """z = y f solves z' = k/(1 + e^z), so z + e^z grows by k t; e^z is Wright's omega
    of that.
    """
    z = y * f0
    return y * np.log(wrightomega(z + np.exp(z) + k * t))


def log_cosh_alone(f0, y, k, t):
    """r' = -k tanh r, so sinh r decays as exp(-k t)."""
    return y + np.arcsinh(np.sinh(f0 - y) * np.exp(-k * t))


def huber_alone(f0, y, k, t):
    """|r| falls at the rate k down to 1, and then as exp(-k t)."""
    far = max(abs(f0 - y) - 1, 0)
    return y + np.sign(f0 - y) * np.where(
        k * t < far, far + 1 - k * t, min(abs(f0 - y), 1) * np.exp(-(k * t - far))
    )


LOSSES = {
    "square": Loss(
        lambda f, y: (f - y) ** 2 / 2,
        lambda f, y: f - y,
        lambda f, y: f - y,
        lambda f0, y, k, t: y + (f0 - y) * np.exp(-k * t),
    ),
    "logistic": Loss(
        lambda f, y: jnp.logaddexp(0, -y * f),
        lambda f, y: -y * jax.nn.sigmoid(-y * f),
        lambda f, y: -y * expit(-y * f),
        logistic_alone,
    ),
    "log-cosh": Loss(
        lambda f, y: jnp.log(jnp.cosh(f - y)),
        lambda f, y: jnp.tanh(f - y),
        lambda f, y: np.tanh(f - y),
        log_cosh_alone,
    ),
    "huber": Loss(
        huber,
        lambda f, y: jnp.clip(f - y, -1, 1),
        lambda f, y: np.maximum(-1, np.minimum(f - y, 1)),
        huber_alone,
    ),
}
losses = pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES.keys())
SQUARE, LOGISTIC = LOSSES["square"].slope, LOSSES["logistic"].slope
RNG = np.random.default_rng(11)
B, Q = RNG.normal(size=(4, 6)), np.linalg.qr(RNG.normal(size=(4, 4)))[0]
K, F0, Y = B @ B.T, 3 * RNG.normal(size=4), np.array([1.0, -1.0, -1.0, 1.0])
TIMES, LATE = np.array([0.0, 0.3, 0.3, 2.0, 9.0]), np.array([0.0, 0.3, 50.0, 1e4, 1e6])
RATES = np.array([1e-6, 1e-2, 1.0, 10.0])


@pytest.mark.parametrize("psi", [jnp.tanh, jax.nn.relu], ids=["tanh", "relu"])
def test_loss_velocity_equals_autodiff_along_the_flow(psi, shape, problem, close):
    """d L*/dt = -dl^T K dl/m^2 along d theta/dt = -grad L*, with K and dl of that
    moment; L* = mean of l.
    """
    params, X, y = problem(*shape)
    y = jnp.sign(y)

    def velocities(loss):
        """d L*/dt by automatic differentiation, and by the formula."""

        def mean(p):
            return jnp.mean(loss.loss(network(p, X, psi), y))

        downhill = jax.tree.map(jnp.negative, jax.grad(mean)(params))
        _, along = jax.jvp(mean, (params,), (downhill,))
        dl = loss.slope(network(params, X, psi), y)
        return along, loss_velocity(empirical_ntk(params, X, psi), dl)

    @jax.jit
    def all_velocities():
        """One program for all losses."""
        return [velocities(loss) for loss in LOSSES.values()]

    for along, got in all_velocities():
        close(got, along, 1e-12)


@losses
def test_slopes_are_those_by_hand(loss, close):
    """The slopes that the library gets are those that SciPy gets."""
    close(loss.slope(F0, Y), loss.by_hand(F0, Y), 1e-14)


def test_loss_velocity_equals_loops(close):
    """-(1/m^2) sum_alpha,beta dl_alpha K_alpha,beta dl_beta; for m = 1 it is -K dl^2;
    an indefinite K may raise a loss.
    """
    dl = [1.0, -2.0, 4.0, 0.5]
    close(
        loss_velocity(K, dl),
        -np.array(
            sum(dl[a] * K[a, b] * dl[b] for a in range(4) for b in range(4)) / 16
        ),
        1e-14,
    )
    assert loss_velocity([[2]], [3]) == -18.0
    assert loss_velocity([[0, 1], [1, 0]], [1, -1]) == 0.5


def test_loss_velocity_of_the_square_is_that_of_half_mse(problem, close):
    """d/dt |r|^2/2m = r^T (d r/dt)/m with d r/dt = -K r/m, the first equality of the
    lecture's equation 5.
    """
    params, X, y = problem(4, 5, 3)
    k, r = empirical_ntk(params, X, jnp.tanh), network(params, X, jnp.tanh) - y
    close(
        loss_velocity(k, r),
        jax.jvp(lambda r: half_mse(r, 0 * r), (r,), (residual_velocity(k, r),))[1],
        1e-14,
    )


@losses
def test_loss_velocity_is_not_its_misreadings(loss):
    """Not 1/m for 1/m^2, not f - y for the slope unless l is the square, and with the
    terms beta = alpha.
    """
    dl, r = loss.by_hand(F0, Y), F0 - Y
    v = loss_velocity(K, dl)
    without_diagonal = K - np.diag(np.diag(K))
    misread = [-dl @ K @ dl / 4, -dl @ without_diagonal @ dl / 16]
    if loss.slope is not SQUARE:
        misread += [-r @ K @ r / 16, -r @ K @ dl / 16]
    assert all(abs(wrong - v) > 0.01 * abs(v) for wrong in misread)


@pytest.mark.parametrize(
    ("dtype", "tol"), [(jnp.float16, 1e-2), (jnp.float32, 1e-6), (jnp.float64, 1e-14)]
)
def test_loss_velocity_keeps_dtype(dtype, tol, close):
    """A scalar of the dtype that came."""
    k, dl = jnp.asarray(K, dtype), jnp.asarray(F0, dtype)
    v = loss_velocity(k, dl)
    assert v.dtype == dtype
    assert v.shape == ()
    close(v, np.array(-F0 @ K @ F0 / 16), tol)


def test_loss_velocity_traces(close):
    """Its gradients are -2 K dl/m^2 and -dl dl^T/m^2; jit(vmap(.)) and sharding."""
    k, dl = jnp.asarray(K), jnp.asarray(F0)
    in_K, in_dl = jax.jit(jax.grad(loss_velocity, (0, 1)))(k, dl)
    close(in_dl, -2 * K @ F0 / 16, 1e-14)
    close(in_K, -np.outer(F0, F0) / 16, 1e-14)
    batch = jax.jit(jax.vmap(loss_velocity))(jnp.stack([k, 2 * k]), jnp.stack([dl, dl]))
    close(batch[1], 2 * loss_velocity(K, F0), 1e-14)
    close(loss_velocity(k, spread(dl)), loss_velocity(k, dl), 1e-14)


@pytest.mark.parametrize(
    ("k", "dl", "message"),
    [
        *BAD_KERNELS,
        (
            np.eye(0),
            np.ones(0),
            "K must be a real array of shape (m, m) and must not be empty; got shape",
        ),
        (np.eye(2), np.ones(3), "dl has length 3, but K expects m = 2"),
        (
            np.eye(2),
            np.ones((2, 1)),
            "dl must be a real array of shape (m,); got shape (2, 1)",
        ),
        (np.eye(2), [1, np.inf], "dl must be finite; got inf at index (1,)"),
        (np.eye(2), "dl", "dl must be a real array of shape (m,); got 'dl'"),
        (np.eye(2), SQUARE, "dl must be a real array of shape (m,); got <function"),
        (np.eye(2) * 1e200, [1e200, 0], "the velocity must be finite; got -inf"),
    ],
)
def test_loss_velocity_refuses(k, dl, message, refuses):
    """A bad K or dl is refused by name."""
    refuses(message, loss_velocity, k, dl)


def spread(a):
    """The same array, spread over two devices."""
    mesh = jax.sharding.Mesh(jax.devices("cpu")[:2], ("inputs",))
    return jax.device_put(
        a, jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("inputs"))
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    "k",
    [
        K,
        B[:, :2] @ B[:, :2].T,
        0 * K,
        Q * RATES * 4 @ Q.T,
        Q * RATES * 4e9 @ Q.T,
        Q * [-0.2, 0.0, 0.5, 1.0] @ Q.T,
    ],
    ids=["regular", "rank 2", "zero", "stiff", "very stiff", "indefinite"],
)
def test_function_flow_of_the_square_is_the_linear_flow(k, close):
    """With dl = f - y the outputs are y + exp(-K t/m)(f(0) - y): for singular, stiff
    and indefinite K too.
    """
    for ts in (TIMES, LATE) if np.linalg.eigvalsh(k)[0] > -1e-9 else (TIMES,):
        close(function_flow(k, F0, Y, SQUARE, ts), Y + linear_flow(k, F0 - Y, ts), 5e-9)


@pytest.fixture(scope="module")
def flows():
    """flows(K, ts): the outputs from F0 with targets Y under each of the four losses.

    One program under jit(vmap(.)) serves all losses and kernels.
    """
    slopes = [loss.slope for loss in LOSSES.values()]

    def flow(which, k, ts):
        """The flow of one loss, which its number picks."""

        def slope(f, y):
            return jax.lax.switch(which, slopes, f, y)

        return function_flow(k, F0, Y, slope, ts)

    batch = jax.jit(jax.vmap(flow, (0, None, None)))

    def all_flows(k, ts):
        """The four flows, by the name of their loss."""
        return dict(zip(LOSSES, batch(jnp.arange(4), k, ts), strict=True))

    return all_flows


@pytest.mark.slow
def test_function_flow_equals_the_closed_form(flows, close):
    """A diagonal K leaves every output alone, with a closed form; the rates K/m are
    1e-6 to 10, the times to 1e6.
    """
    got = flows(np.diag(4 * RATES), LATE)
    for name, loss in LOSSES.items():
        cases = zip(F0, Y, RATES, strict=True)
        want = np.array([loss.alone(*case, LATE) for case in cases]).T
        close(got[name], want, 5e-9)


@pytest.mark.slow
def test_function_flow_takes_a_step_to_every_time(close):
    """At 4000 times, far more than the tolerance asks for, it is the linear flow."""
    ts = np.linspace(0, 4, 4000)
    close(function_flow(K, F0, Y, SQUARE, ts), Y + linear_flow(K, F0 - Y, ts), 5e-9)


@pytest.mark.parametrize(
    ("k", "method"),
    [(K, "DOP853"), (Q * [0.01, 0.1, 1, 10] * 40 @ Q.T, "Radau")],
    ids=["regular", "stiff"],
)
def test_function_flow_equals_scipy(k, method, flows, close):
    """d f/dt = -K dl(f, y)/m, by SciPy with the slope by hand."""
    got = flows((k + k.T) / 2, TIMES)
    for name, loss in LOSSES.items():
        ode = scipy.integrate.solve_ivp(
            lambda t, f, loss=loss: -k @ loss.by_hand(f, Y) / 4,
            (0, 9),
            F0,
            method,
            [0, 0.3, 2, 9],
            rtol=1e-10,
            atol=1e-11,
        )
        close(got[name], ode.y.T[[0, 1, 1, 2, 3]], 2e-8)


def test_function_flow_of_the_logistic_loss_ends_in_one_over_t(flows, close):
    """For large t, L = log(1 + e^{-y f}) is m/(K t): not exponential."""
    f = flows(8 * np.eye(4), np.full(5, 1e6))["logistic"][-1]
    close(jnp.logaddexp(0, -Y * f), np.full(4, 1 / 2e6), 1e-4)


def test_function_flow_and_loss_velocity_agree(flows, close):
    """The derivative of L* along the flow, by a five-point difference in time, is
    -dl^T K dl/m^2.
    """
    h = 0.01
    got = flows(K, 0.5 + h * np.arange(-2, 3))
    for name, loss in LOSSES.items():
        f = got[name]
        L = jnp.mean(loss.loss(f, jnp.broadcast_to(Y, f.shape)), axis=1)
        difference = (L[0] - 8 * L[1] + 8 * L[3] - L[4]) / (12 * h)
        close(difference, loss_velocity(K, loss.by_hand(np.asarray(f[2]), Y)), 1e-5)


@pytest.mark.slow
def test_function_flow_starts_at_zero_whatever_the_times(close):
    """f(t) depends on t alone: not on ts[0], on repetitions, or on other times."""
    f = function_flow(K, F0, Y, SQUARE, TIMES)
    close(f[0], F0, 0)
    close(f[1], f[2], 0)
    again = function_flow(K, F0, Y, SQUARE, [0.1, 0.1, 0.2, 0.3, 2.0])
    close(again[3:], f[2:4], 5e-9)
    still = function_flow(K, F0, Y, SQUARE, np.zeros(5))
    close(still, np.tile(F0, (5, 1)), 0)


def test_function_flow_hands_its_tolerances_on(monkeypatch):
    """rtol and atol reach the integrator; the defaults are those of the dtype."""
    used, run = [], general_loss.run

    def still(formula, functions, arrays, **options):
        """The start at all times, in place of the flow."""
        if formula is not general_loss._function_flow:
            return run(formula, functions, arrays, **options)
        _, f0, _, ts, rtol, atol = arrays
        used.append((rtol, atol))
        return jnp.stack([f0] * len(ts))

    monkeypatch.setattr(general_loss, "run", still)
    function_flow(K, F0, Y, SQUARE, [0.0], rtol=1e-4)
    function_flow(K, F0, Y, SQUARE, [0.0], atol=1e-3)
    k, f0, y = (np.float32(a) for a in (K + K.T, F0, Y))
    function_flow(k, f0, y, SQUARE, [0.0])
    assert used == [(1e-4, 1e-4 / 100), (1e-9, 1e-3), (1e-5, 1e-5 / 100)]


SETTINGS = types.SimpleNamespace(factor=1.0)


@pytest.mark.slow
def test_function_flow_compiles_once_and_sees_changes(caplog, close):
    """Other numbers, tolerances and equal functions compile nothing; an attribute or
    global that dloss reads counts as it is at the call.
    """

    def flow(scale, rtol):
        """Outputs at t = 1 and 2 with K = m."""
        ts = [scale, 2 * scale]
        return function_flow(
            [[1.0]],
            [scale],
            [0.0],
            lambda f, y: SETTINGS.factor * (f - y),
            ts,
            rtol=rtol,
        )

    with jax.log_compiles():
        for factor, scale, rtol in [
            (1.0, 1.0, None),
            (1.0, 0.5, 1e-7),
            (2.0, 0.5, None),
        ]:
            caplog.clear()
            SETTINGS.factor = factor
            want = scale * np.exp(-factor * scale * np.array([1.0, 2.0]))[:, None]
            close(flow(scale, rtol), want, 1e-6)
            compiled = "Finished XLA compilation" in caplog.text
            assert compiled == ((scale, rtol) != (0.5, 1e-7))


@pytest.mark.slow
def test_function_flow_differentiates_forward(close):
    """jax.jvp in the start: f = y + exp(-t) (f0 - y)."""
    _, along = jax.jvp(
        lambda f0: function_flow([[1.0]], f0, [0.0], SQUARE, [0.5]),
        (jnp.array([1.0]),),
        (jnp.array([3.0]),),
    )
    close(along, np.array([[3 * np.exp(-0.5)]]), 1e-8)


def test_function_flow_refuses_shard_map(refuses):
    """Its linear solver does not run there, and it says so."""
    spec = jax.sharding.PartitionSpec("d")
    mesh = jax.sharding.Mesh(jax.devices("cpu")[:2], ("d",))
    flow = jax.shard_map(
        lambda f0: function_flow([[1.0]], f0, [0.0], SQUARE, [0.5])[0],
        mesh=mesh,
        in_specs=spec,
        out_specs=spec,
    )
    refuses("function_flow must be called outside jax.shard_map", flow, jnp.ones(2))


def wide(f, y):
    """The residuals in JAX's widest float."""
    return (f - y).astype(float)


@pytest.mark.slow
@pytest.mark.parametrize(("scale", "x64"), [(1.0, True), (100.0, True), (10.0, False)])
def test_function_flow_is_stiff_in_float32(scale, x64, close):
    """float32 in, float32 out, whatever the dtype of the times and of what dloss
    returns; stiffness does no harm.
    """
    ts = [0, 1, 10, 100, 1000]
    k = np.float32(Q * [1e-3, 0.1, 1, 10] * 4 @ Q.T)
    f0, y = np.float32(scale * F0), np.float32(scale * Y)
    with jax.enable_x64(x64):
        f = function_flow(k, f0, y, wide, ts)
        assert wide(jnp.asarray(f0), y).dtype == (jnp.float64 if x64 else jnp.float32)
        velocity = _output_velocity(0.0, jnp.asarray(f0), (k, y, wide))
    assert f.dtype == velocity.dtype == jnp.float32
    close(f, y + linear_flow(k, f0 - y, ts), 2e-5)


@pytest.mark.slow
def test_function_flow_takes_integers_and_lists(close):
    """Integers become float, and of several dtypes the widest is kept."""
    f = function_flow(
        [[2, 0, 0, 0], [0, 2, 0, 0], [0, 0, 2, 0], [0, 0, 0, 2]],
        [0] * 4,
        [1] * 4,
        SQUARE,
        [0, 0, 0, 0, 2],
    )
    assert f.dtype == jnp.float64
    close(f[4], np.full(4, 1 - np.exp(-1.0)), 1e-8)
    assert (
        function_flow(np.float32(K + K.T), F0, np.float32(Y), SQUARE, TIMES).dtype
        == jnp.float64
    )


@pytest.mark.slow
def test_function_flow_differentiates(close):
    """Reverse mode through the flow, in K, f0, y and the times, agrees with central
    differences.
    """
    step, at = 1e-3, (K, F0, Y, TIMES)
    along = [
        (lambda A: A + A.T)(RNG.normal(size=(4, 4))),
        *RNG.normal(size=(2, 4)),
        np.array([0, 0, 0, 1.0, 0.5]),
    ]

    def total(k, f0, y, ts):
        return jnp.sum(
            function_flow(k, f0, y, LOGISTIC, ts) * jnp.arange(20.0).reshape(5, 4)
        )

    both = jax.jit(jax.value_and_grad(total, (0, 1, 2, 3)))
    for i, (d, grad) in enumerate(zip(along, both(*at)[1], strict=True)):
        ahead, behind = (
            both(*[a + s * d if i == j else a for j, a in enumerate(at)])[0]
            for s in (step, -step)
        )
        close(jnp.sum(grad * d), (ahead - behind) / (2 * step), 1e-5)


def runaway(f, y):
    """The slope of l = -f^3/3, which is not bounded below."""
    return -(f**2)


@pytest.mark.slow
def test_function_flow_refuses_what_does_not_converge():
    """What becomes infinite, as f' = f^2 does at t = 1/f(0), is a RuntimeError."""
    with pytest.raises(
        RuntimeError,
        match=r"^function_flow did not converge: [^\n]*is the loss convex[^\n]*$",
    ):
        function_flow(np.diag([1.0, 1, 1, -1]), F0, Y, SQUARE, LATE)
    inside = jax.jit(lambda f0, ts: function_flow([[1.0]], f0, [0.0], runaway, ts))
    np.testing.assert_allclose(
        inside(jnp.array([3.0]), jnp.array([0.1, 0.3]))[:, 0],
        [3 / 0.7, 30.0],
        rtol=1e-6,
    )
    for f0, ts in [(3.0, [0.1, 1.0]), (np.nan, [0.0, 0.0])]:
        with pytest.raises(
            (RuntimeError, ValueError), match="function_flow did not converge"
        ):  # jit's own choice
            inside(jnp.array([f0]), jnp.array(ts)).block_until_ready()


SLOPE = (
    "dloss must be a function of f and y, such as lambda f, y: f - y, "
    "that JAX can trace and that returns a real array of shape (4,); got "
)
RTOL, ATOL = (
    f"{name} must lie between 2.2e-15 (ten roundings in float64) and 1; got "
    for name in ("rtol", "atol")
)


@pytest.mark.parametrize(
    ("name", "bad", "message"),
    [
        ("K", np.ones((4, 3)), "K must be square; got shape (4, 3)"),
        ("K", B[:, :4], "K must be symmetric; got max|K - K^T| = "),
        ("K", K * 1j, "K must be a real array of shape (m, m); got dtype complex128"),
        ("K", K * np.nan, "K must be finite; got nan at index (0, 0)"),
        ("K", "tanh", "K must be a real array of shape (m, m); got 'tanh'"),
        ("f0", np.ones(3), "f0 has length 3, but K expects m = 4"),
        (
            "f0",
            np.ones((4, 1)),
            "f0 must be a real array of shape (m,); got shape (4, 1)",
        ),
        ("f0", [1, 2, 3, np.inf], "f0 must be finite; got inf at index (3,)"),
        (
            "f0",
            [],
            "f0 must be a real array of shape (m,) and must not be empty; got shape",
        ),
        ("y", np.ones(5), "y has length 5, but K expects m = 4"),
        (
            "y",
            ["a", "b", "a", "b"],
            "y must be a real array of shape (m,); got dtype <U1",
        ),
        ("y", [1, 2, 3, np.nan], "y must be finite; got nan at index (3,)"),
        *BAD_TIMES,
        ("dloss", "square", SLOPE + "str"),
        ("dloss", None, SLOPE + "NoneType"),
        ("dloss", lambda f, y: jnp.sum(f - y), SLOPE + "shape () and dtype float64"),
        (
            "dloss",
            lambda f, y: (f - y)[:, None],
            SLOPE + "shape (4, 1) and dtype float64",
        ),
        ("dloss", lambda f, y: f > y, SLOPE + "shape (4,) and dtype bool"),
        (
            "dloss",
            lambda f, y: (f - y).astype(complex),
            SLOPE + "shape (4,) and dtype complex128",
        ),
        ("dloss", lambda f, y: (f, y), SLOPE + "tuple"),
        ("dloss", lambda f: f, SLOPE + "TypeError: "),
        (
            "dloss",
            lambda f, y: np.tanh(np.asarray(f)),
            SLOPE + "TracerArrayConversionError: ",
        ),
        (
            "dloss",
            lambda f, y: jnp.sqrt(f - 99),
            "dloss(f0, y) must be finite; got nan at index (0,)",
        ),
        *[
            ("rtol", bad, RTOL)
            for bad in (0, -1e-6, 1.0, 1e-16, np.nan, "1e-6", 1e-6j, [1e-6])
        ],
        *[
            ("atol", bad, ATOL)
            for bad in (0, -1e-6, 1.0, 1e-16, np.inf, "1e-6", np.eye(2))
        ],
    ],
    ids=lambda value: None if isinstance(value, str) and len(value) < 9 else "",
)
def test_function_flow_refuses(name, bad, message, refuses):
    """Bad arguments of each kind are refused by name."""
    refuses(
        message,
        function_flow,
        **dict(K=K, f0=F0, y=Y, dloss=SQUARE, ts=TIMES) | {name: bad},
    )


@pytest.mark.parametrize("dtype", [jnp.float16, jnp.bfloat16])
def test_function_flow_refuses_half_precision(dtype, refuses):
    """The integrator needs float32 or float64, and says which dtype came."""
    k, f0, y = jnp.eye(4, dtype=dtype), jnp.ones(4, dtype), jnp.zeros(4, dtype)
    message = (
        f"K, f0 and y must be float32 or float64 for a flow; got {jnp.dtype(dtype)}"
    )
    refuses(message, function_flow, k, f0, y, SQUARE, TIMES)


@pytest.mark.slow
def test_function_flow_takes_explicit_meshes(close):
    """Arrays on the mesh that jax.make_mesh makes give what they give otherwise."""
    mesh = jax.make_mesh((2,), ("d",), devices=jax.devices("cpu")[:2])
    place = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("d"))
    k, f0 = jax.device_put(K, place), jax.device_put(F0, place)
    want = Y + linear_flow(K, F0 - Y, TIMES)
    close(function_flow(k, f0, Y, SQUARE, TIMES), want, 5e-9)


@dataclasses.dataclass
class Slope:
    """The slope of the squared loss, with a factor; a dataclass has no hash."""

    factor: float

    def __call__(self, f, y):
        """f - y, times the factor."""
        return self.factor * (f - y)


@pytest.mark.slow
def test_function_flow_takes_spread_arrays_and_functions_without_a_hash(close):
    """Arrays spread over devices, and a dataclass as the slope: the linear flow."""
    f = function_flow(K, spread(jnp.asarray(F0)), Y, Slope(1.0), TIMES)
    close(f, Y + linear_flow(K, F0 - Y, TIMES), 5e-9)
