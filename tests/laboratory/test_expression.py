"""Expressions that a reader types: values, exact slopes, sentences for mistakes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.scipy.special import erf

Z = np.linspace(-3.03, 2.97, 41)  # no kink falls on one of these

GOOD = {
    "z": lambda z: z,
    " 2.5e-1 * z ": lambda z: 0.25 * z,
    "-z^2": lambda z: -(z**2),
    "2^-z": lambda z: 2**-z,
    "2^3^(z/9)": lambda z: 2 ** (3 ** (z / 9)),
    "z - 1 - 2": lambda z: z - 3,
    "8/2/(z^2+1)": lambda z: 4 / (z**2 + 1),
    "z**3·.5": lambda z: z**3 / 2,
    "(z^2+1)^z": lambda z: (z**2 + 1) ** z,
    "sin(pi*z)+cos(e·z)": lambda z: jnp.sin(jnp.pi * z) + jnp.cos(jnp.e * z),
    "exp(-z^2)*log(z^2+1)": lambda z: jnp.exp(-(z**2)) * jnp.log(z**2 + 1),
    "sqrt(z^2 + 0.01)": lambda z: jnp.sqrt(z**2 + 0.01),
    "abs(z - 1)": lambda z: jnp.abs(z - 1),
    "max(z, 0.1*z)": lambda z: jnp.maximum(z, 0.1 * z),
    "min(z, z^2)": lambda z: jnp.minimum(z, z**2),
    "relu(z)*erf(-z)": lambda z: jax.nn.relu(z) * erf(-z),
    "tanh(gelu(z))": lambda z: jnp.tanh(jax.nn.gelu(z, approximate=False)),
    "softplus(z)-sigmoid(z)": lambda z: jax.nn.softplus(z) - jax.nn.sigmoid(z),
    "sinh(z)/cosh(z)+atan(z)": lambda z: jnp.tanh(z) + jnp.arctan(z),
    "+--z−1": lambda z: z - 1,
    "3": lambda z: 3 + 0 * z,
}


@pytest.mark.parametrize("text", GOOD)
def test_parse_gives_value_and_exact_slope(laboratory, text):
    """The value in JAX, and its derivative by jax.grad."""
    expected = jax.vmap(GOOD[text])(Z)
    slopes = jax.vmap(jax.grad(GOOD[text]))(Z)
    value = laboratory("expression.js", "parse", text, over={"value": Z})
    slope = laboratory("expression.js", "parse", text, over={"slope": Z})
    np.testing.assert_allclose(value, expected, rtol=1e-13, atol=1e-13)
    np.testing.assert_allclose(slope, slopes, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("text", "at"), [("relu(z)", 0.0), ("abs(z)", 0.0), ("max(z, 0.1*z)", 0.55)]
)
def test_parse_has_the_slope_of_jax_at_a_kink(laboratory, text, at):
    """0 for relu and abs, the mean of both sides for max."""
    assert laboratory("expression.js", "parse", text, over={"slope": [0.0]}) == [at]


BAD = {
    "": "Type a function of z, such as tanh(2*z).",
    "2 + ": "Expected a number, z, a function or “(” after “+”, but the expression "
    "ends there, at character 4.",
    "2 * / z": "Expected a number, z, a function or “(” after “*”, but “/” stands "
    "there, at character 5.",
    "tanh z": "Expected “(” after “tanh”, but “z” stands there, at character 6.",
    "tanh(z": "Expected an operator or “)” after “z”, but the expression ends there, "
    "at character 7.",
    "2z": "Expected +, -, *, /, ^ or the end after “2”, but “z” stands there, at "
    "character 2.",
    "max(z)": "Expected a comma and a second argument of max after “z”, but “)” "
    "stands there, at character 6.",
    "x^2": "“x” is not known, at character 1; the variable is z, and the functions "
    "are tanh, sin,",
    "z # 2": "“#” has no meaning here, at character 3.",
    "constructor(z)": "“constructor” is not known, at character 1",
    "1/z": "The expression has no finite value at z = 0.",
    "sqrt(z)": "The expression has no finite value at z = -8.",
    "log(z^2+1)/0": "The expression has no finite value at z = -8.",
    "sqrt(abs(z))": "The expression has no finite slope at z = 0.",
    "exp(exp(z))": "The expression has no finite value at z = 6.625.",
    "z" + " + z" * 60: "The expression has 241 characters; 200 are the most",
    "(" * 60 + "z" + ")" * 60: "The expression is more than 40 levels deep.",
    "-" * 60 + "z": "The expression is more than 40 levels deep.",
    "z" + "^z" * 60: "The expression is more than 40 levels deep.",
}


@pytest.mark.parametrize("text", BAD)
def test_parse_says_in_a_sentence_what_is_wrong_and_where(laboratory, text):
    """Never a value, never another kind of error."""
    reply = laboratory.reply("expression.js", "parse", text)
    assert reply["error"].startswith(BAD[text])
    assert reply["error"].endswith(".")
