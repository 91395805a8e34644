"""Says in one sentence why an answer gave no value, and what to look at."""

from ntklib.exercises.cases import described

UNANSWERED = "not answered yet"
NOTHING = "it returned nothing; a function gives its value by `return`"

# What to look at, by what an error is about: the keys of `plain.SIGNS` and "error".
ADVICE = {
    "none": "something in it is None: does a function that it calls lack a `return`?",
    "traced": "within jax.grad, jax.jit and jax.vmap use jnp for np, and no `if` on "
    "values",
    "immutable": "arrays of JAX cannot be changed in place; start from np.zeros, or "
    "use `.at[...].set(...)`",
    "scalar": "an array has come where one number is needed; jnp.vectorize or jax.vmap "
    "applies a function to each entry",
    "singular": "a matrix in it has no inverse there; which one, and is it needed?",
    "dtype": "jax.grad needs a float: write 1.0 for 1",
    "index": "an index is too large; the sizes differ from case to case",
    "name": "is it misspelt, or has the cell that defines it not run?",
    "shapes": "print the shapes of what meets there; which of them should agree?",
    "error": "call it yourself with arguments of these shapes to see the line",
}


def sentence(exercise, failure, case=()):
    """The sentence for a Failure that an answer to this exercise had in this case."""
    arguments = ", ".join(exercise.arguments)
    about, detail = failure.about, failure.detail
    if about == "unanswered":
        return UNANSWERED
    if about == "nothing":
        return NOTHING
    if about == "function":
        return f"expected a function of ({arguments}), got {detail}"
    if about == "signature":
        return f"it is called as {exercise.name}({arguments}), but takes {detail}"
    where = f" for {described(exercise.name, case)}" if case else ""
    if about == "changed":
        changed = _argument(exercise, detail)
        return f"it changes its argument {changed} in place; work on a copy"
    if about in ADVICE:
        return f"it raised {detail}{where}; {ADVICE[about]}"
    return f"{detail}{where}"


def _argument(exercise, number):
    """The name of an argument by its number, whatever the number is."""
    names = dict(zip(map(str, range(9)), exercise.arguments, strict=False))
    return names.get(number, "")
