"""What stands on the page of results between its tables."""

# ruff: noqa: E501  # a paragraph is one line, as on the other pages of the book

HEAD = """\
# Performance

% Written by tools/bench/page.py from data/performance.json; `make bench` measures anew.

How much time and memory the functions of {{doc}}`the library <api>` need, measured by `make bench`, which writes this page. Times are given as ratios to operations that a function cannot do without, or to a peer: a ratio says more than seconds about a machine that is not this one.

Measured on {date}: {processor}, {cores} cores, of which one was used; {memory} GB of memory; {system}, Python {python}, {packages}.

Each measurement has a process of its own, with one thread on one core, and takes turns with its peer. Times are those of the processor. The number is the least time over the peer's least; half of the rounds gave ratios between those in brackets. Programs are compiled before, unless the line says "first call". Memory is what the process holds at its peak beyond what it held before the call, the result included. "Eager" is a function as it is, "jit" the same function compiled by its caller. The inputs are random and of norm about 1. The last column has the least times themselves, the peer's second.
"""

TARGETS = """
## Targets

{met} of {all} targets are met.
"""

SETTINGS = """\
| Setting | Measured | Target | Met | Seconds |
|---|---|---|---|---|
"""

GROWTH = """
## Growth

Each size grows over a decade, while the others stay. On logarithmic axes a power law is a straight line, and its slope is the exponent. Where a size is small, what does not depend on it counts too, so that the exponent is lower than far out.

```{figure} data/performance.png
:name: fig-growth
:alt: Six panels with logarithmic axes, time on the left and memory on the right, against the number of inputs, the width and the input dimension, for empirical_ntk of tanh and limit_kernel of relu and tanh. The points lie near straight lines, whose slopes are listed in the table below the figure.

Time and memory of one call against the number of inputs m, the width n and the input dimension n₀: points are measured, lines the nearest power laws.
```

| Function | Size | From, to | Time | Exponent | Memory | Exponent |
|---|---|---|---|---|---|---|
"""

PEERS = """
## Beside other libraries

`make bench-peers` installs each library into an environment of its own, and measures it with one thread on one core, in float64, on {date}: {requirements}. Before a time is taken, the kernel has to agree with that of this library to {agreement} of its largest entry. Every library is called in each way that it offers and that fits into memory; its fastest comes first.

| Problem | Library | Way | Seconds | Memory, GB |
|---|---|---|---|---|
"""

NO_PEERS = """
## Beside other libraries

Not measured. `make bench-peers` does it.
"""

DEVICE = """
## On a GPU

Measured on one {name}, called eagerly. The share is that of the time which the function's matrix products take in a product of square matrices of side 8192, which does {rates} multiplications a second.

| Function | Setting | Precision | Milliseconds | Share |
|---|---|---|---|---|
"""

NO_DEVICE = """
## On a GPU

Not measured: `make bench` found none.
"""
