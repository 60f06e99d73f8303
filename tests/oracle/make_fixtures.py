#!/usr/bin/env python3
"""Writes the fixtures of the tests: what PyTorch computes in float64, rounded once to float32.

    tests/oracle/make_fixtures.py [--out FOLDER] [cams] [layers] [methods] [...]

Needs PyTorch and numpy and, for full_vgg16, 4 GB of memory. The same on every run.
"""

import argparse
from pathlib import Path

import cams
import full_vgg16
import layers
import methods
import road
import tiny_vgg16
import training


GROUPS = {
    module.__name__: module
    for module in (cams, layers, methods, road, tiny_vgg16, training, full_vgg16)
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("groups", nargs="*", metavar="GROUP",
                        help=f"{', '.join(GROUPS)} (default: all)")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "fixtures")
    arguments = parser.parse_args()
    for name in arguments.groups:
        if name not in GROUPS:
            parser.error(f"there is no group {name}")
    arguments.out.mkdir(parents=True, exist_ok=True)
    for name in arguments.groups or GROUPS:
        GROUPS[name].write(arguments.out)


if __name__ == "__main__":
    main()
