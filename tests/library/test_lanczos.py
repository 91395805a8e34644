"""Lanczos' method: a matrix seen by its products, the error of what is made of it, and
how far its eigenvalues can be from those that are seen.
"""

import numpy as np
import pytest
import scipy
from scipy.sparse.linalg import LinearOperator, aslinearoperator

from ntklib import _lanczos
from ntklib._lanczos import extremes, largest, modes, product, spaces

RNG = np.random.default_rng(7)
Q = np.linalg.qr(RNG.normal(size=(60, 60)))[0]
SPECTRA = {
    "even": np.linspace(0.1, 5, 60),
    "one outlier": np.append(np.linspace(0.1, 1, 59), 300.0),
    "fast decay": 2.0 ** -np.arange(60.0),
    "singular": np.maximum(np.linspace(-3, 5, 60), 0),
    "three values": np.repeat([0.0, 1.0, 7.0], 20),
}
spectra = pytest.mark.parametrize("lam", SPECTRA.values(), ids=SPECTRA.keys())
B = RNG.normal(size=60)


def matrix(lam):
    """A full symmetric matrix with these eigenvalues."""
    K = Q * lam @ Q.T
    return (K + K.T) / 2


def flow(t):
    """(1 - exp(-lam t)) / lam, as a function of lam."""
    return lambda lam: np.where(
        lam == 0, t, -np.expm1(-lam * t) / np.where(lam == 0, 1, lam)
    )


@spectra
def test_spaces_satisfy_the_recurrence(lam, close):
    """K Q = Q T + beta q e^T with orthonormal Q, until K leads nowhere else."""
    K = matrix(lam)
    *smaller, last = spaces(aslinearoperator(K), B, 60)
    assert last.whole
    assert not any(space.whole for space in smaller)
    for space in [*smaller, last]:
        k = len(space.alpha)
        close(space.Q @ space.Q.T, np.eye(k), 1e-13)
        T = np.diag(space.alpha)
        T += np.diag(space.beta[:-1], 1) + np.diag(space.beta[:-1], -1)
        rest = K @ space.Q.T - space.Q.T @ T
        assert np.abs(rest[:, :-1]).max(initial=0) < 1e-13 * lam.max()
        assert abs(np.linalg.norm(rest[:, -1]) - space.beta[-1]) < 1e-13 * lam.max()


def test_spaces_grow_by_a_tenth():
    """The sizes at which a caller looks: each of the first ten, then fewer."""
    sizes = [len(s.alpha) for s in spaces(aslinearoperator(matrix(B**2)), B, 40)]
    assert sizes == [*range(1, 11), 12, 14, 16, 18, 20, 23, 26, 29, 32, 36, 40]


@spectra
@pytest.mark.parametrize("t", [0.3, 4.0, 1e3])
def test_modes_bound_the_error_of_the_flow(lam, t):
    """|exp(-K t) b - Q exp(-T t) Q^T b| <= beta |g(T)[-1, 0]| |b| for each space."""
    K = matrix(lam)
    want = scipy.linalg.expm(-t * K) @ B
    errors = []
    for space in spaces(aslinearoperator(K), B, 60):
        theta, S = space.ritz()
        theta = np.maximum(theta, 0)
        length = np.linalg.norm(B)
        got = length * ((S * np.exp(-t * theta)) @ S[0]) @ space.Q
        bound = space.beta[-1] * abs(flow(t)(theta) @ (S[0] * S[-1]))
        errors.append(np.linalg.norm(got - want) / length)
        assert errors[-1] <= bound * (1 + 1e-9) + 1e-12
    assert errors[-1] < 1e-12


@spectra
def test_modes_know_what_they_need(lam, close):
    """g(K) b for both kinds of g, by all eigenvectors."""
    K = matrix(lam)
    for g in [flow(0.5), flow(30.0), lambda lam: 1 / (lam + 0.2)]:
        theta, V = modes(aslinearoperator(K), B, lambda lam, g=g: g(lam)[None, :])
        close(V @ (g(theta) * (B @ V)), Q @ (g(lam) * (B @ Q)), 1e-7)


def test_modes_stop_early():
    """An outlier and a narrow rest need few products, a short time even fewer."""
    K = aslinearoperator(matrix(SPECTRA["one outlier"]))
    assert len(modes(K, B, lambda lam: flow(0.5)(lam)[None, :])[0]) <= 12
    assert len(modes(K, B, lambda lam: flow(1e-5)(lam)[None, :])[0]) <= 4


def test_modes_of_nothing_are_nothing():
    """b = 0 is 0 in each mode; one number is one mode."""
    lam, V = modes(aslinearoperator(matrix(B**2)), 0 * B, lambda lam: lam[None, :])
    assert not lam.any()
    assert V.shape == (60, 1)
    lam, V = modes(aslinearoperator(np.array([[3.0]])), np.array([-2.0]), flow(1.0))
    assert lam.tolist() == [3.0]
    assert np.abs(V).tolist() == [[1.0]]


def test_modes_say_that_products_were_not_enough(monkeypatch):
    """With 5 products the error at a late time is not small, and is told."""
    monkeypatch.setattr(_lanczos, "PRODUCTS", 5)
    K = aslinearoperator(matrix(SPECTRA["even"]))
    with pytest.raises(
        RuntimeError, match=r"^5 products with K leave a relative error"
    ):
        modes(K, B, lambda lam: flow(1e3)(lam)[None, :])


@spectra
@pytest.mark.parametrize("products", [3, 8, 20, 60])
def test_extremes_hold_the_eigenvalues(lam, products):
    """lambda_min and lambda_max lie in their intervals, for each of 20 seeds; the inner
    ends alone for any start, the outer ends but with probability 1e-6.
    """
    K = aslinearoperator(matrix(lam))
    wanted = {"ends": [0, 1], "rtol": 0.01, "failure": 1e-6, "products": products}
    for seed in range(20):
        low, high, used = extremes(K, 2.2e-16, **wanted, seed=seed)
        assert used <= products
        assert low[0] <= lam.min() <= low[1]
        assert high[0] <= lam.max() <= high[1]


def test_extremes_are_as_short_as_wanted():
    """With products enough; and few suffice for one end that stands out."""
    lam = SPECTRA["one outlier"]
    K = aslinearoperator(matrix(lam))
    wanted = {"failure": 1e-6, "products": 60, "seed": 0, "rtol": 1e-3}
    low, high, _ = extremes(K, 2.2e-16, ends=[0, 1], **wanted)
    assert low[1] - low[0] <= 1e-3 * lam.min() * 1.01
    assert high[1] - high[0] <= 1e-3 * lam.max() * 1.01
    low, high, products = extremes(K, 2.2e-16, ends=[1], **wanted)
    assert products <= 10
    assert high[1] - high[0] <= 1e-3 * lam.max() * 1.01
    assert low[1] - low[0] > 1e-3 * lam.min()


def test_extremes_fail_as_seldom_as_they_say():
    """At a failure of 0.8, for a start of which a rare eigenvector has too little, the
    outer end is wrong; 200 seeds do so less often than in 0.8 of the cases.
    """
    lam = np.append(np.linspace(1, 2, 59), 0.5)
    K = aslinearoperator(np.diag(lam))
    wanted = {"ends": [0], "rtol": 1e-9, "products": 4, "failure": 0.8}
    wrong = [extremes(K, 0.0, **wanted, seed=s)[0][0] > 0.5 for s in range(200)]
    assert 0 < sum(wrong) < 0.8 * 200


def test_extremes_of_a_multiple_of_one():
    """One product shows all there is, up to rounding."""
    low, high, products = extremes(
        aslinearoperator(3 * np.eye(5)),
        2.2e-16,
        ends=[0, 1],
        rtol=0.1,
        failure=1e-6,
        products=9,
        seed=0,
    )
    assert products == 1
    assert 3 - 1e-14 < low[0] <= 3 <= low[1] < 3 + 1e-14
    assert 3 - 1e-14 < high[0] <= 3 <= high[1] < 3 + 1e-14


def test_largest_is_above_by_little():
    """lambda_max <= bound <= (1 + 1e-6) lambda_max; none is positive: 0 or below."""
    for lam in SPECTRA.values():
        bound = largest(aslinearoperator(matrix(lam)))
        assert lam.max() <= bound <= lam.max() * (1 + 2e-6)
    assert largest(aslinearoperator(np.zeros((4, 4)))) == 0
    assert abs(largest(aslinearoperator(-np.eye(4))) + 1) < 1e-14
    assert largest(aslinearoperator(np.diag([-1.0, 1e-17]))) == 0


def test_product_comes_in_the_precision_of_k():
    """float32 matrices get float32 vectors, integer ones float64."""
    seen = []

    def times(v):
        seen.append(v.dtype)
        return v

    for dtype in (np.float32, np.float64, int):
        K = LinearOperator((3, 3), times, dtype=dtype)
        assert product("K", K, np.ones(3)).dtype == float
        assert product("K", K, np.ones((3, 2))).shape == (3, 2)
    assert set(seen[:3]) == {np.dtype(np.float32)}
    assert set(seen[3:]) == {np.dtype(float)}


def test_spaces_refuse_what_is_not_symmetric(refuses):
    """Products show it from the second on; rounding alone does not."""
    K = matrix(SPECTRA["even"])
    K[0, 1] += 1e-3
    refuses(
        "K must be symmetric; got products that differ by ",
        lambda: list(spaces(aslinearoperator(K), B, 60)),
    )
    K = matrix(SPECTRA["even"]).astype(np.float32)
    assert list(spaces(aslinearoperator(K), B, 60))


def test_spaces_refuse_products_that_are_not_finite(refuses):
    """NaN is refused where it comes from."""
    K = LinearOperator((60, 60), lambda v: v * np.nan, dtype=float)
    refuses("a product with K must be finite; got nan", lambda: list(spaces(K, B, 60)))


def test_modes_refuse_a_negative_eigenvalue(refuses):
    """The bound on the error needs K without one."""
    K = aslinearoperator(matrix(SPECTRA["even"] - 1))
    refuses(
        "K must be positive semi-definite, or the flow diverges; got an eigenvalue -0.",
        modes,
        K,
        B,
        lambda lam: flow(9.0)(lam)[None, :],
    )
