"""Print how much of each package the last run covered, and fail where that is less than is required.

python tests/coverage_by_package.py --require protos=90 protos splitter edge
"""

import argparse
import io
import sys

from coverage import Coverage


def percent(measured: Coverage, package: str) -> float:
    """Of a package's lines."""
    return measured.report(
        include=[f"{package}/*"], omit=["*_pb2*", "protos/generate.py"], file=io.StringIO()
    )


def requirement(text: str) -> tuple[str, float]:
    """PACKAGE=PERCENT."""
    package, _, least = text.partition("=")
    return package, float(least)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("packages", nargs="+")
    parser.add_argument("--require", type=requirement, action="append", default=[], metavar="PACKAGE=PERCENT")
    options = parser.parse_args()
    measured, required, status = Coverage(), dict(options.require), 0
    measured.load()
    for package in options.packages:
        covered, least = percent(measured, package), required.get(package, 0.0)
        short = covered < least
        status |= short
        print(
            f"coverage of {package + '/':10} {covered:5.1f}%"
            + (f", at least {least:g}% is required" if short else "")
        )
    return int(status)


if __name__ == "__main__":
    sys.exit(main())
