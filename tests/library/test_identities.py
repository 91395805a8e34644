"""Equations (2) and (5) and Exercises 1 to 3 as identities.

psi is undefined; weights, inputs and targets are symbols.

A correct formula leaves exactly 0; a printed one leaves something that is not 0 for a
polynomial psi either.
"""

import itertools
import math

import pytest
import sympy as sp

pytestmark = pytest.mark.slow

Z, PSI, LOSS = sp.Symbol("z"), sp.Function("psi"), sp.Function("l")
SIZES = [(1, 1, 1), (3, 1, 2), (3, 2, 2), (4, 2, 1)]


class Network:
    """Outputs, gradients, Hessians, kernel and triple products of a network of m
    inputs, all by differentiation.
    """

    def __init__(self, m, n, n0):
        """Give every number a symbol of its own."""
        names = [
            sp.symbols(f"{letter}:{size}")
            for letter, size in [("x", m * n0), ("w", n * n0), ("a", n), ("y", m)]
        ]
        self.m, self.n = m, n
        self.x, w, self.a, self.y = (
            sp.Matrix(m, n0, names[0]),
            sp.Matrix(n, n0, names[1]),
            names[2],
            names[3],
        )
        self.symbols, self.theta = [*itertools.chain(*names)], [*w, *self.a]
        self.h, self.gram = self.x * w.T, self.x * self.x.T
        self.f = [
            sum(self.a[i] * PSI(self.h[j, i]) for i in range(n)) / sp.sqrt(n)
            for j in range(m)
        ]
        self.r = [f - y for f, y in zip(self.f, self.y, strict=True)]
        self.grad = [[f.diff(p) for p in self.theta] for f in self.f]
        self.kernel = [[dot(g, g2) for g2 in self.grad] for g in self.grad]

    def psi(self, order, j, i):
        """A derivative of psi at the preactivation of unit i for input j."""
        return PSI(Z).diff(Z, order).subs(Z, self.h[j, i])

    def downhill(self, loss):
        """The velocity of the parameters."""
        return [-loss.diff(p) for p in self.theta]

    def triple(self, j, k, other):
        """(grad f^k)' Hess f^j grad f^other."""
        columns = [
            dot([g.diff(p) for p in self.theta], self.grad[other]) for g in self.grad[j]
        ]
        return dot(self.grad[k], columns)

    def average(self, factor):
        """n^(-3/2) times a sum over the units."""
        return sum(factor(i) for i in range(self.n)) / sp.sqrt(self.n) ** 3

    def is_zero(self, expression):
        """Exactly 0 for every psi; if it is not, then not for a cubic psi and a
        quadratic loss at one point either.
        """
        left = sp.expand(expression.doit())
        cubic = left.subs(
            LOSS,
            sp.Lambda((sp.Symbol("f"), Z), (sp.Symbol("f") - Z) ** 2 * sp.Symbol("f")),
        )
        cubic = cubic.subs(PSI, sp.Lambda(Z, Z**3 - 2 * Z**2 + 3 * Z)).doit()
        point = {
            s: sp.Rational(3 + (7 * k) % 11, 2 + (5 * k) % 7)
            for k, s in enumerate(self.symbols)
        }
        assert (left == 0) == (sp.simplify(cubic.subs(point)) == 0)
        return left == 0


def dot(u, v):
    """Inner product."""
    return sum(p * q for p, q in zip(u, v, strict=True))


@pytest.fixture(params=SIZES, ids=str, scope="module")
def net(request):
    """One network of each size."""
    return Network(*request.param)


def test_equation_2_and_its_misreading(net):
    """d r^a/dt = -(1/m) sum_b K^ab r^b, the term b = a included."""
    moved = dot(net.grad[0], net.downhill(dot(net.r, net.r) / (2 * net.m)))
    assert net.is_zero(moved + dot(net.kernel[0], net.r) / net.m)
    assert not net.is_zero(moved + dot(net.kernel[0][1:], net.r[1:]) / net.m)


def test_exercise_1(net):
    """K^ab = (1/n) sum_i [psi psi + <x^a, x^b> W1_i^2 psi' psi'].

    With W1_i in place of its square it is wrong.
    """
    b = net.m - 1

    def closed(power):
        return net.average(
            lambda i: (
                net.psi(0, 0, i) * net.psi(0, b, i)
                + net.gram[0, b]
                * net.a[i] ** power
                * net.psi(1, 0, i)
                * net.psi(1, b, i)
            )
        ) * sp.sqrt(net.n)

    assert net.is_zero(net.kernel[0][b] - closed(2))
    assert not net.is_zero(net.kernel[0][b] - closed(1))


def test_exercise_2_and_its_misprint(net):
    """d K^ab/dt = -(1/m) sum_c r^c (T^abc + T^bac).

    With r^a for r^c it is wrong as soon as there are two inputs.
    """
    b, loss = net.m - 1, dot(net.r, net.r) / (2 * net.m)
    moved = dot([net.kernel[0][b].diff(p) for p in net.theta], net.downhill(loss))
    both = [net.triple(0, b, c) + net.triple(b, 0, c) for c in range(net.m)]
    assert net.is_zero(moved + dot(net.r, both) / net.m)
    assert net.is_zero(moved + net.r[0] * sum(both) / net.m) == (net.m == 1)


def test_exercise_3_and_its_misprints(net):
    """T^abc has the factors <x^a, x^c>, <x^a, x^b> and their product.

    Each misprint alone is wrong, unless b = c.
    """
    m, psi, a, g = net.m, net.psi, net.a, net.gram
    for b, c in {(m - 1, m - 1), (m - 1, m // 2)}:
        first = net.average(
            lambda i, b=b, c=c: a[i] * psi(0, b, i) * psi(1, 0, i) * psi(1, c, i)
        )
        second = net.average(
            lambda i, b=b, c=c: a[i] * psi(0, c, i) * psi(1, 0, i) * psi(1, b, i)
        )
        third = net.average(
            lambda i, b=b, c=c: a[i] ** 3 * psi(1, b, i) * psi(2, 0, i) * psi(1, c, i)
        )
        T, same = net.triple(0, b, c), b == c
        assert net.is_zero(
            T - g[0, c] * first - g[0, b] * second - g[0, b] * g[0, c] * third
        )
        assert (
            net.is_zero(
                T - g[0, b] * first - g[0, b] * second - g[0, b] * g[0, c] * third
            )
            == same
        )
        assert (
            net.is_zero(T - g[0, c] * first - g[0, b] * second - g[0, b] ** 2 * third)
            == same
        )


def test_equation_5_and_its_misreadings(net):
    """d L*/dt = -(1/m^2) dl' K dl for any loss l.

    1/m in place of 1/m^2, or f - y in place of dl, is wrong.
    """
    examples = list(zip(net.f, net.y, strict=True))
    slopes = [LOSS(Z, y).diff(Z).subs(Z, f) for f, y in examples]
    total = sum(LOSS(f, y) for f, y in examples) / net.m
    moved = dot([total.diff(p) for p in net.theta], net.downhill(total))
    for v, power, right in [
        (slopes, 2, True),
        (slopes, 1, net.m == 1),
        (net.r, 2, False),
    ]:
        form = dot(v, [dot(row, v) for row in net.kernel]) / net.m**power
        assert net.is_zero(moved + form) == right


def test_identities_can_tell_a_constant():
    """The check itself: a square root of n, or of 1.0001 n, in front of the output is
    not the same.
    """
    net = Network(2, 2, 1)
    assert net.is_zero(net.f[0] - net.f[0])
    assert not net.is_zero(
        net.f[0] * (1 - 1 / sp.sqrt(sp.Rational(math.ceil(10001), 10000)))
    )
