"""The table of targets: all rows, in the order of the page."""

from tools.bench import flows, host, kernels, large
from tools.bench.rows import REGISTERED

TABLE = {
    name: row
    for module in (kernels, flows, host, large)
    for name, row in REGISTERED.items()
    if row.measure.__module__ == module.__name__
}
