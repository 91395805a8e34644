"""Measure the library, store the results, and write the page: `make bench`.

With names of rows only these are measured, and nothing is stored.
"""

import argparse

from tools.bench import device, growth, machine, page
from tools.bench.process import measured, stay_on_one_core
from tools.bench.rows import in_words
from tools.bench.table import TABLE


def table(names):
    """Results of the rows with these names, printed one by one."""
    results = []
    for name in names:
        row = TABLE[name]
        print(f"{row.what}, {row.unit}")
        for setting, target in row.settings:
            result = measured("row", name, setting)
            result = {"row": name, "setting": setting, "target": target} | result
            met = {True: "met", False: "NOT MET", None: ""}[page.is_met(result)]
            print(
                f"  {in_words(setting):45} {page.measured(result):24} {met}", flush=True
            )
            results.append(result)
    return results


def growing():
    """Times and memory over a decade of each size."""
    results = []
    for name, problem in growth.GROWING.items():
        for size in problem.smallest:
            sizes = growth.points(name, size)
            found = [
                measured("growth", name, problem.sizes | {size: one}) for one in sizes
            ]
            results.append({"problem": name, "size": size, "sizes": sizes, "at": found})
            print(f"{problem.what}, {size} from {sizes[0]} to {sizes[-1]}", flush=True)
    return results


def main():
    """Measure what is named, or everything."""
    parser = argparse.ArgumentParser(prog="python -m tools.bench")
    parser.add_argument("names", nargs="*", metavar="row", help=", ".join(TABLE))
    names = parser.parse_args().names
    unknown = [name for name in names if name not in TABLE]
    if unknown:
        parser.error(f"there is no row {unknown[0]!r}")
    stay_on_one_core()
    if names:
        table(names)
        return
    results = page.read()
    results["machine"] = machine.describe()
    results["table"] = table(TABLE)
    results["growth"] = growing()
    results["device"] = device.measured()
    page.write(results)


if __name__ == "__main__":
    main()
