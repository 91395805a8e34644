"""The smallest eigenvalue of a symmetric matrix, and the lecture's Lemma 2.

lambda_min |u|^2 <= u^T M u.
"""

from fractions import Fraction

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ntklib.rayleigh import lambda_min, rayleigh_quotient

EPS = np.finfo(float).eps
RNG = np.random.default_rng(8)
M, U = (lambda A: A + A.T)(RNG.normal(size=(4, 4))), RNG.normal(size=4)
squares = st.integers(1, 6).flatmap(
    lambda m: arrays(float, (m, m), elements=st.floats(-4, 4))
)


def reflected(d):
    """A full matrix whose eigenvalues are exactly the integers d.

    H diag(d) H, H = I - (2/m) 1 1^T, m a power of 2.
    """
    m, d = len(d), np.array([int(x) for x in d], dtype=object)
    exact = 4 * d.sum() - 2 * m * (d[:, None] + d[None, :]) + np.diag(m * m * d)
    got = exact.astype(float) / m**2
    assert all(
        Fraction(x) * m**2 == want
        for x, want in zip(got.ravel(), exact.ravel(), strict=True)
    )
    return got


def negative(M, shift):
    """How many eigenvalues of M lie below the shift.

    Sylvester's law of inertia, in exact fractions.
    """
    A = [[Fraction(float(x)) for x in row] for row in M]
    for i in range(len(A)):
        A[i][i] -= Fraction(float(shift))
    count = 0
    while A:
        pivot, *rest = A[0]
        assert pivot  # a random shift never makes a pivot vanish
        count += pivot < 0
        A = [
            [x - row[0] * r / pivot for x, r in zip(row[1:], rest, strict=True)]
            for row in A[1:]
        ]
    return count


@given(A=squares)
def test_lambda_min_equals_the_smallest_of_all(A):
    """The smallest of all m eigenvalues, by another routine of LAPACK, for symmetric
    matrices of any sign.
    """
    A = A + A.T
    lam = np.linalg.eigvalsh(A)
    assert isinstance(lambda_min(A), float)
    assert abs(lambda_min(A) - lam[0]) <= 2 * len(A) * EPS * np.abs(lam).max()


@given(a=st.floats(-9, 9), b=st.floats(-9, 9), c=st.floats(-9, 9))
def test_lambda_min_of_two_by_two(a, b, c):
    """The smaller root of lambda^2 - (a + c) lambda + (ac - b^2)."""
    want = (a + c) / 2 - np.hypot((a - c) / 2, b)
    assert abs(lambda_min([[a, b], [b, c]]) - want) <= 4 * EPS * max(
        abs(a), abs(b), abs(c)
    )


@pytest.mark.parametrize("seed", range(5))
def test_lambda_min_lies_where_inertia_changes(seed):
    """No eigenvalue lies below lambda_min - delta and one lies below lambda_min +
    delta; exact, delta = m eps |M|.
    """
    A = np.random.default_rng(seed).normal(size=(6, 6))
    A = A @ A.T if seed % 2 else A + A.T
    delta = 6 * EPS * np.linalg.norm(A, 2)
    assert negative(A, lambda_min(A) - delta) == 0
    assert negative(A, lambda_min(A) + delta) == 1


def test_lambda_min_equals_power_iteration(close):
    """Powers of s I - M, with s above every eigenvalue, turn any vector to the
    eigenvector of lambda_min.
    """
    s, v = np.abs(M).sum(axis=1).max(), np.ones(4)
    for _ in range(3000):
        v = (s * v - M @ v) / np.linalg.norm(s * v - M @ v)
    close(lambda_min(M), v @ M @ v, 1e-13)


@pytest.mark.parametrize("m", [2, 4, 16, 64])
@pytest.mark.parametrize("kind", ["any sign", "one", "zero", "negative", "repeated"])
def test_lambda_min_errs_by_rounding_alone(m, kind):
    """For spectra known exactly, with lambda_max up to 2^30, the error is at most 0.4 m
    eps max |lambda|.
    """
    rng = np.random.default_rng(m)
    d = rng.integers(2, 2**30, m)
    d = {
        "any sign": d - 2**29,
        "one": np.r_[1, d[1:]],
        "zero": np.r_[0, d[1:]],
        "negative": -d,
    }.get(kind, d // d * 5)
    assert abs(lambda_min(reflected(d)) - d.min()) <= 0.4 * m * EPS * np.abs(d).max()


@given(A=squares, shift=st.floats(-9, 9), c=st.floats(0, 9))
def test_lambda_min_shifts_and_scales(A, shift, c):
    """lambda_min(c M + s I) = c lambda_min(M) + s for c >= 0.

    For -M it is minus the largest.
    """
    A = A + A.T
    rounding = 8 * len(A) * EPS * (c * np.linalg.norm(A, 2) + abs(shift)) + 1e-300
    assert (
        abs(lambda_min(c * A + shift * np.eye(len(A))) - (c * lambda_min(A) + shift))
        <= rounding
    )
    assert (
        abs(lambda_min(-A) + np.linalg.eigvalsh(A)[-1])
        <= 8 * len(A) * EPS * np.linalg.norm(A, 2) + 1e-300
    )


@given(A=squares)
def test_lambda_min_interlaces(A):
    """Cauchy: without its last row and column a matrix has no smaller lambda_min, and
    at most the second eigenvalue.
    """
    A = A + A.T
    assume(len(A) > 1)
    lam = np.linalg.eigvalsh(A)
    slack = 4 * len(A) * EPS * np.abs(lam).max()
    assert lam[0] - slack <= lambda_min(A[:-1, :-1]) <= lam[1] + slack


@pytest.mark.parametrize("scale", [1e-300, 1e-150, 1.0, 1e150, 1e300])
def test_lambda_min_at_any_scale(scale):
    """Entries may be almost as large or as small as floats.

    One row, equal eigenvalues and zero are nothing special.
    """
    assert lambda_min([[-3.0 * scale]]) == -3.0 * scale
    assert lambda_min(scale * np.eye(3)) == pytest.approx(scale, rel=1e-15)
    assert lambda_min(scale * np.array([[1.0, 2.0], [2.0, 1.0]])) == pytest.approx(
        -scale, rel=1e-14
    )
    assert lambda_min(np.zeros((3, 3))) == 0.0


@pytest.mark.parametrize("x64", [True, False])
def test_lambda_min_works_in_numpy_float64(x64):
    """A Python float in double precision, whatever comes.

    float32 rounding may make M a little asymmetric.
    """
    A = np.round(M, 3).astype(np.float32)
    A[0, 1] *= 1 + np.float32(3e-7)
    assert A[0, 1] != A[1, 0]
    want = np.linalg.eigvalsh((A.astype(float) + A.T.astype(float)) / 2)[0]
    with jax.enable_x64(x64):
        for got in (lambda_min(A), lambda_min(jnp.asarray(A))):
            assert type(got) is float
            assert got == pytest.approx(want, rel=1e-14)
        assert (
            lambda_min(M.tolist())
            == lambda_min(M)
            == pytest.approx(np.linalg.eigvalsh(M)[0], rel=1e-14)
        )
        assert lambda_min([[2, 0], [0, 1]]) == 1.0


@given(A=squares, data=st.data())
def test_rayleigh_quotient_is_bounded_by_lambda_min(A, data):
    """Lemma 2: lambda_min |u|^2 <= u^T M u for every symmetric M, positive
    semi-definite or not.
    """
    A = A + A.T
    u = data.draw(arrays(float, len(A), elements=st.floats(-9, 9)))
    assume(np.abs(u).max() > 1e-300)
    slack = 4 * len(A) * EPS * np.linalg.norm(A, 2)
    assert lambda_min(A) - slack <= rayleigh_quotient(A, u) <= -lambda_min(-A) + slack


@given(A=squares)
def test_rayleigh_quotient_attains_its_bounds(A):
    """At an eigenvector the quotient is its eigenvalue.

    The smallest, the largest and those between.
    """
    A = A + A.T
    for lam, v in zip(*(lambda lam, V: (lam, V.T))(*np.linalg.eigh(A)), strict=True):
        assert abs(rayleigh_quotient(A, -3 * v) - lam) <= 8 * len(
            A
        ) * EPS * np.linalg.norm(A, 2)


@pytest.mark.array_function
def test_rayleigh_quotient_equals_loops(close):
    """u^T M u / |u|^2, term by term; for m = 1 it is M."""
    numerator = sum(U[a] * M[a, b] * U[b] for a in range(4) for b in range(4))
    close(rayleigh_quotient(M, U), np.array(numerator / sum(x**2 for x in U)), 1e-14)
    assert rayleigh_quotient([[-3]], [7]) == -3.0
    assert rayleigh_quotient([[1, 2], [2, 5]], [1, 1]) == 5.0


def test_rayleigh_quotient_needs_symmetry(refuses):
    """With rows (1, -4) and (0, 1) both eigenvalues are 1, and u = (1, 1) gives -1.

    Such a matrix is refused.
    """
    A, u = np.array([[1.0, -4.0], [0.0, 1.0]]), np.ones(2)
    assert np.linalg.eigvals(A).tolist() == [1.0, 1.0]
    assert u @ A @ u / (u @ u) == -1.0
    for function in (lambda_min, lambda A: rayleigh_quotient(A, u)):
        refuses(
            "M must be symmetric; got max|M - M^T| = 4 where max|M| = 4", function, A
        )
    assert rayleigh_quotient((A + A.T) / 2, u) == lambda_min((A + A.T) / 2) == -1.0


@pytest.mark.parametrize("scale", [1e-306, 1e-170, -1.0, 1e160, 1e307])
def test_rayleigh_quotient_at_any_length(scale, close):
    """u and c u have one quotient, where |u|^2 overflows or vanishes too.

    Its gradient is 2 (M v - q v)/|v|/|u|.
    """
    close(rayleigh_quotient(M, scale * U), rayleigh_quotient(M, U), 1e-14)
    q = U @ M @ U / (U @ U)
    close(
        jax.grad(rayleigh_quotient, 1)(M, scale * U),
        2 * (M @ U - q * U) / (U @ U) / scale,
        1e-13,
    )
    close(jax.grad(rayleigh_quotient, 0)(M, scale * U), np.outer(U, U) / (U @ U), 1e-14)


def test_rayleigh_quotient_has_gradients_where_entries_tie(close):
    """Two entries of the largest size, or zeros, do no harm.

    At an eigenvector the gradient in u is zero.
    """
    v = np.array([1.0, -1.0, 0.0, 1.0])
    q = v @ M @ v / 3
    close(jax.grad(rayleigh_quotient, 1)(M, v), 2 * (M @ v - q * v) / 3, 1e-14)
    assert (
        jnp.abs(jax.grad(rayleigh_quotient, 1)(M, np.linalg.eigh(M)[1][:, 0])).max()
        < 1e-13
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("dtype", "tol"), [(jnp.float16, 3e-3), (jnp.float32, 1e-6), (jnp.float64, 1e-14)]
)
def test_rayleigh_quotient_traces_and_keeps_dtype(dtype, tol, close):
    """The dtype that comes goes out; jit(vmap(.)) gives one after another.

    So do arrays spread over devices.
    """
    A, u = jnp.asarray(M, dtype), jnp.asarray(U, dtype)
    assert rayleigh_quotient(A, u).dtype == dtype
    assert rayleigh_quotient(A, u).shape == ()
    close(rayleigh_quotient(A, u), rayleigh_quotient(M, U), tol)
    batch = jax.jit(jax.vmap(rayleigh_quotient))(
        jnp.stack([A, 2 * A]), jnp.stack([u, u[::-1]])
    )
    close(batch[1], rayleigh_quotient(2 * A, u[::-1]), tol)
    mesh = jax.sharding.Mesh(jax.devices("cpu")[:2], ("inputs",))
    spread = jax.device_put(
        u, jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("inputs"))
    )
    close(rayleigh_quotient(A, spread), rayleigh_quotient(A, u), tol)


def test_rayleigh_quotient_without_x64():
    """Where JAX's flag is off integers become float32."""
    with jax.enable_x64(False):
        assert rayleigh_quotient([[1, 2], [2, 5]], [1, 1]).dtype == jnp.float32
    assert rayleigh_quotient([[1, 2], [2, 5]], [1, 1]).dtype == jnp.float64


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (np.ones((3, 2)), "M must be square; got shape (3, 2)"),
        (np.ones(4), "M must be a real array of shape (m, m); got shape (4,)"),
        (
            np.ones((0, 0)),
            (
                "M must be a real array of shape (m, m) and must not be empty; got "
                "shape (0, 0)"
            ),
        ),
        (M * 1j, "M must be a real array of shape (m, m); got dtype complex128"),
        (M * np.nan, "M must be finite; got nan at index (0, 0)"),
        (np.diag([1, 2, 3, np.inf]), "M must be finite; got inf at index (3, 3)"),
        ("M", "M must be a real array of shape (m, m); got 'M'"),
        (
            [[1.0], [2.0, 3.0]],
            (
                "M must be a real array of shape (m, m); got a list that is not a "
                "rectangular"
            ),
        ),
        (np.triu(M), "M must be symmetric; got max|M - M^T| = "),
    ],
)
def test_lambda_min_and_rayleigh_quotient_refuse(bad, message, refuses):
    """A matrix that is not square, symmetric, real and finite is refused."""
    refuses(message, lambda_min, bad)
    refuses(message, rayleigh_quotient, bad, U)


def test_lambda_min_refuses_tracers(refuses):
    """A host function holds numbers."""
    refuses(
        "M must hold numbers, not a JAX tracer; call this function outside jit",
        jax.jit(lambda_min),
        M,
    )


@pytest.mark.parametrize(
    ("u", "message"),
    [
        (np.zeros(4), "u must not be zero"),
        (np.full(4, 1e-310), "u must not be zero"),
        (jnp.full(4, 1e-39, jnp.float32), "u must not be zero"),
        (np.ones(3), "u has length 3, but M expects m = 4"),
        (np.ones((4, 1)), "u must be a real array of shape (m,); got shape (4, 1)"),
        (
            np.ones(0),
            (
                "u must be a real array of shape (m,) and must not be empty; got "
                "shape (0,)"
            ),
        ),
        ([1, 2, 3, np.nan], "u must be finite; got nan at index (3,)"),
        (np.ones(4) * 1j, "u must be a real array of shape (m,); got dtype complex128"),
        ("u", "u must be a real array of shape (m,); got 'u'"),
    ],
)
def test_rayleigh_quotient_refuses_bad_vectors(u, message, refuses):
    """A vector of zeros has no quotient, nor has one of the wrong length."""
    refuses(message, rayleigh_quotient, M, u)


def test_lambda_min_and_rayleigh_quotient_refuse_an_overflow(refuses):
    """Entries next to the largest float give no finite sum; no result is made up."""
    refuses(
        "the eigenvalue must be finite; got -inf", lambda_min, np.full((3, 3), -1.7e308)
    )
    refuses(
        "the quotient must be finite; got inf",
        rayleigh_quotient,
        np.full((2, 2), 1.7e308),
        np.ones(2),
    )


@pytest.mark.parametrize(
    ("gap", "passes"), [(1e-15, True), (4e2, True), (1.5e3, False)]
)
def test_rayleigh_quotient_judges_symmetry_in_the_precision_that_came(
    gap, passes, refuses
):
    """With x64 off a float64 matrix is rounded to float32, but is asked to be symmetric
    to 1e3 eps of float64.
    """
    middle = (
        1 + 2.0**-24
    )  # between two numbers of float32, to which its neighbours are rounded
    off = gap if gap < 1e-3 else gap * np.finfo(float).eps
    M = np.array([[middle, middle - off / 2], [middle + off / 2, middle]])
    with jax.enable_x64(False):
        if passes:
            assert abs(float(rayleigh_quotient(M, [1.0, 1.0])) - 2) < 1e-6
        else:
            refuses(
                "M must be symmetric; got max|M - M^T| = 3.33e-13",
                rayleigh_quotient,
                M,
                [1.0, 1.0],
            )
