#!/usr/bin/env python3
"""Which heatmap to trust: measures every method on a model and writes the table of the model card.

    scripts/train/card_methods.py PHOTOS/test --masks MASKS [--limit 150] [--limit-slow 30]

Runs `gradcam evaluate --explain --road`, writes what it found into the card between the marks
<!-- methods --> and <!-- /methods -->, and the curves to methods.svg beside it. With --result a
file that `gradcam evaluate --explain --road --json` wrote earlier is used instead. Needs no packages.
"""

import argparse
import json
from pathlib import Path

from card_text import Card, evaluate

ROOT = Path(__file__).resolve().parents[2]
COLUMNS = [
    ("average drop", "average_drop", 100, "%"),
    ("increase", "increase", 100, "%"),
    ("insertion", "insertion", 1, ""),
    ("deletion", "deletion", 1, ""),
    ("ROAD", "road", 1, ""),
    ("on the dog", "pointing", 100, "%"),
    ("heat on the dog", "heat_inside", 100, "%"),
    ("other class", "other_class", 1, ""),
]
# Rank correlation after shuffling the last layers: down to fc1, and all.
SHUFFLED = [("top shuffled", "fc1"), ("all shuffled", "block1_conv1")]
# What knows nothing of the network or the photo.
CONTROLS = [("random order", "random_order"), ("centre", "centre"), ("other photo", "other_photo")]


def number(value: float | None, error: float | None, scale: float, unit: str) -> str:
    if value is None:
        return "-"
    digits = 0 if unit else 2
    text = f"{round(value * scale, digits) + 0:.{digits}f}"  # -0.00 is 0.00
    if error is not None:
        text += f" ± {error * scale:.{digits}f}"
    return f"{text} {unit}".strip()


def shuffled(method: dict, layer: str) -> str:
    for each in method["randomised"]:
        if each["layer"] == layer:
            text = number(each["correlation"], each["standard_error"], 1, "")
            empty = each["empty"]
            return f"{text} ({empty} of {each['photos']} empty)" if empty else text
    return "-"


def table(result: dict) -> str:
    header = ["method", *(c[0] for c in COLUMNS), *(s[0] for s in SHUFFLED)]
    methods = result["methods"]
    most = result["photos"]
    fewer = {m["method"]: m["photos"] for m in methods if m["photos"] < most}
    said = "".join(f", `{name}` {count}" for name, count in fewer.items())
    redone = {count for m in methods for e in m["randomised"] for count in [e["photos"]]}
    lines = [
        f"{most} photos{said}; maps of the most probable breed at `{result['layer']}`; means ± standard "
        f"errors. Shuffled weights: {max(redone, default=0)} photos, slow methods "
        f"{min(redone, default=0)}.",
        "",
        "| " + " | ".join(header) + " |",
        "|" + "---|" * len(header),
    ]
    controls = [result[key] | {"control": name, "randomised": []} for name, key in CONTROLS]
    for method in [*methods, *controls]:
        errors = method["standard_errors"]
        cells = [
            number(method.get(key), errors.get(key), scale, unit)
            for _, key, scale, unit in COLUMNS
        ]
        cells += [shuffled(method, layer) for _, layer in SHUFFLED]
        name = f"`{method['method']}`" if "method" in method else f"({method['control']})"
        lines.append("| " + " | ".join([name, *cells]) + " |")
    return "\n".join([*lines, "", "![Insertion and deletion](methods.svg)", ""])


def svg(result: dict) -> str:
    """For each method a small chart: insertion (solid) and deletion (dashed), 0 to 1."""
    side, gap, columns = 110, 34, 4
    rows = -(-len(result["methods"]) // columns)
    width, height = columns * (side + gap) + gap, rows * (side + gap) + gap + 16
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        'font-family="sans-serif" font-size="11">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
        f'<text x="{gap}" y="16">Probability of the breed as the hottest pixels are shown (blue) '
        "and hidden (orange, dashed); pale: in random order</text>",
    ]
    for i, method in enumerate(result["methods"]):
        x, y = gap + i % columns * (side + gap), gap + 8 + i // columns * (side + gap)
        parts.append(
            f'<rect x="{x}" y="{y}" width="{side}" height="{side}" fill="none" stroke="#bbb"/>'
        )
        for curve, style in (
            (result["random_order"]["insertion_curve"], 'stroke="#b9cfe6"'),
            (result["random_order"]["deletion_curve"], 'stroke="#ecc9ae" stroke-dasharray="4 3"'),
            (method["insertion_curve"], 'stroke="#1667b7"'),
            (method["deletion_curve"], 'stroke="#c2570c" stroke-dasharray="4 3"'),
        ):
            points = " ".join(
                f"{x + side * j / (len(curve) - 1):.1f},{y + side * (1 - p):.1f}"
                for j, p in enumerate(curve)
            )
            parts.append(f'<polyline points="{points}" fill="none" stroke-width="1.6" {style}/>')
        parts.append(f'<text x="{x}" y="{y + side + 13}">{method["method"]}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("photos", type=Path, nargs="?", help="a folder of photos for each breed")
    parser.add_argument("--masks", type=Path)
    parser.add_argument("--limit", type=int, default=150, help="how many photos")
    parser.add_argument("--limit-slow", type=int, default=30, help="how many of them for slow methods")
    parser.add_argument("--model", type=Path, default=ROOT / "weights/default.safetensors")
    parser.add_argument("--card", type=Path, default=ROOT / "weights/MODEL_CARD.md")
    parser.add_argument("--gradcam", type=Path, default=ROOT / "build/native/gradcam")
    parser.add_argument("--result", type=Path, help="use this result of gradcam evaluate --explain --json")
    args = parser.parse_args()
    if not args.result and not args.photos:
        parser.error("name a folder of photos, or a --result")
    card = Card(args.card, "methods")
    if args.result:
        result = json.loads(args.result.read_text())
    else:
        limits = ("--limit", str(args.limit), "--limit-slow", str(args.limit_slow))
        masks = ("--masks", args.masks) if args.masks else ()
        result = evaluate(args.gradcam, args.photos, args.model, "--explain", "--road", *limits, *masks)
    card.write(table(result))
    (args.card.parent / "methods.svg").write_text(svg(result))


if __name__ == "__main__":
    main()
