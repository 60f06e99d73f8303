#!/usr/bin/env python3
"""Writes the fixtures of the tests: what PyTorch computes in float64, rounded once to float32.

    tests/oracle/make_fixtures.py [FOLDER]

Needs PyTorch and numpy and, for the full VGG16, 4 GB of memory. The same on every run.
"""

import sys
from pathlib import Path

import cams
import full_vgg16
import layers
import methods
import tiny_vgg16
import training


def main() -> None:
    here = Path(__file__).parent
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else here / "fixtures"
    folder.mkdir(parents=True, exist_ok=True)
    cams.write(folder)
    layers.write(folder)
    methods.write(folder)
    tiny_vgg16.write(folder)
    training.write(folder)
    full_vgg16.write(folder)


if __name__ == "__main__":
    main()
