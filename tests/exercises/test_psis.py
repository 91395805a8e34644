"""Activations by name and numbers, on their way to where a submission runs."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ntklib.exercises.psis import NAMED, Mixture, activation, name_of, packed

MIXTURE = Mixture(0.3, 0.7, 1.1, -0.4)


@pytest.mark.parametrize("psi", [*NAMED.values(), MIXTURE])
def test_packed_comes_back_through_json(psi):
    """The same function, or a mixture of the same numbers."""
    sent = json.loads(json.dumps(packed(psi)))
    assert activation(sent["psi"], sent["numbers"]) == psi


def test_name_of_says_what_a_reader_can_look_up():
    """The name, and the form of a mixture."""
    assert [name_of(psi) for psi in NAMED.values()] == list(NAMED)
    assert name_of(MIXTURE) == "a z + b sin(c z + d) + softplus(z)"


def test_square_and_identity_are_those_of_the_cases_by_hand():
    """z squared, and z."""
    z = np.array([-2.0, 3.0])
    np.testing.assert_array_equal(NAMED["square"](z), z * z)
    np.testing.assert_array_equal(NAMED["identity"](z), z)


def test_mixture_has_the_derivatives_of_its_formula():
    """a + b c cos(c z + d) + sigmoid(z), by JAX in every way that readers take."""
    z = jnp.linspace(-2, 2, 9)
    want = 0.3 + 0.7 * 1.1 * jnp.cos(1.1 * z - 0.4) + jax.nn.sigmoid(z)
    ways = [
        jnp.vectorize(jax.grad(MIXTURE))(z),
        jax.vmap(jax.grad(MIXTURE))(z),
        jax.jvp(MIXTURE, (z,), (jnp.ones_like(z),))[1],
        jax.jit(jax.vmap(jax.grad(MIXTURE)))(z),
    ]
    for got in ways:
        np.testing.assert_allclose(got, want, rtol=1e-12)
