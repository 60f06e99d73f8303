#!/usr/bin/env python3
"""Measures a model with the C++ engine and writes the numbers into its card.

Runs `gradcam evaluate` on the test photos, full views and crops apart, and replaces what stands in
MODEL_CARD.md between the marks <!-- measured --> and <!-- /measured -->; the confusion matrix
becomes confusion.svg beside it.
"""
from __future__ import annotations

import argparse
import os
import random
import tempfile
from html import escape
from pathlib import Path

from PIL import Image, ImageFilter

import data
from card_text import Card, evaluate

VIEWS = ("full", "crop")
SCENES = {1: "as they are", 2: "at half their size", 3: "at a third of their size"}
MASK_KINDS = {"ground truth": "ground-truth", "coarse polygons": "polygon", "machine-made": "deeplab"}


def of_view(photos: Path, split: str, view: str | None, folder: Path) -> Path:
    """A folder of links to the photos of one view."""
    manifest = data.read_manifest(photos)
    for file in data.list_files(photos, [split]):
        if view in (None, manifest.get(file, {}).get("view", "full")):
            link = folder / Path(file).relative_to(split)
            link.parent.mkdir(parents=True, exist_ok=True)
            os.symlink((photos / file).resolve(), link)
    return folder


def shrunk(photos: Path, times: int, folder: Path) -> Path:
    """A folder of the same photos, but a dog has so many times fewer pixels in each direction: each
    lies somewhere on an enlarged and blurred copy of itself."""
    for path in sorted(photos.glob("*/*")):
        photo = Image.open(path).convert("RGB")
        scene = photo.resize((times * photo.width, times * photo.height))
        scene = scene.filter(ImageFilter.GaussianBlur(12 * times))
        place = random.Random(f"{path.parent.name}/{path.name}")
        scene.paste(photo, (place.randint(0, scene.width - photo.width),
                            place.randint(0, scene.height - photo.height)))
        file = folder / path.parent.name / f"{path.stem}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        scene.save(file)
    return folder


def strangers_to(labels: set[str], photos: Path, folder: Path) -> Path | None:
    """A folder of the photos whose classes the model does not have; None if there are none."""
    for strangers in sorted(photos.iterdir()):
        if strangers.name not in labels:
            folder.mkdir(exist_ok=True)
            strangers.rename(folder / strangers.name)
    return folder if folder.exists() else None


def of_kind(masks: Path, kind: str, photos: Path, folder: Path) -> Path | None:
    """A folder whose manifest names those of the photos' masks that are of one kind; None if there
    are none."""
    lines = (masks / "MANIFEST.tsv").read_text().splitlines()
    columns = lines[0].split("\t")
    mask, photo, kinds = (columns.index(name) for name in ("mask", "photo", "kind"))
    rows = [line.split("\t") for line in lines[1:]]
    rows = [row for row in rows if kind in row[kinds] or kind in row[mask]]
    rows = [row for row in rows if (photos / Path(*Path(row[photo]).parts[-2:])).exists()]
    folder.mkdir()
    text = "".join(f"{(masks / row[mask]).resolve()}\t{row[photo]}\n" for row in rows)
    (folder / "MANIFEST.tsv").write_text("mask\tphoto\n" + text)
    return folder if rows else None


def percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f} %"


def tables(whole: dict, views: dict[str, dict], masks: dict[str, dict],
           strangers: dict | None = None, scenes: dict[str, tuple[dict, dict]] | None = None) -> str:
    lines = ["| photos | number | top-1 | top-5 | calibration error | sure of | right when sure |",
             "|---|---|---|---|---|---|---|"]
    for name, result in [("all", whole), *views.items()]:
        lines.append(
            f"| {name} | {result['photos']} | {percent(result['top1'])} | {percent(result['top5'])} "
            f"| {result['ece']:.3f} | {percent(result.get('sure'))} "
            f"| {percent(result.get('top1_sure'))} |")
    for others, what in ((whole.get("others"), "pictures without a dog"),
                         (strangers, "photos of other breeds")):
        if others:
            told = others.get("recognised")
            says = f"; of {percent(told)} it says that they show another breed" if told is not None else ""
            lines += ["", f"Of {others['photos']} {what} it is sure of {percent(others['sure'])}{says}."]
    if "taken_for_others" in whole:
        lines += ["", "Of the photos of its own breeds it says so of "
                      f"{percent(whole['taken_for_others'])}."]
    if scenes:
        lines += ["", "| whole scenes | top-1 | sure of | right when sure | looked at closer: top-1 "
                      "| sure of | right when sure |", "|---|---|---|---|---|---|---|"]
        for name, looks in scenes.items():
            cells = [percent(look.get(key)) for look in looks for key in ("top1", "sure", "top1_sure")]
            lines.append(f"| {name} | {' | '.join(cells)} |")
    if masks:
        lines += ["", "| masks | number | heat's maximum on the dog | heat on the dog |",
                  "|---|---|---|---|"]
        for name, result in masks.items():
            lines.append(f"| {name} | {result['masks']} | {percent(result['pointing'])} "
                         f"| {percent(result['heat_inside'])} |")
    lines += ["", "| breed | " + " | ".join(f"{view}, top-1" for view in views) + " |",
              "|---|" + "---|" * len(views)]
    for i, entry in enumerate(whole["per_class"]):
        cells = []
        for result in views.values():
            mine = result["per_class"][i]
            cells.append(f"{percent(mine['top1'])} of {mine['photos']}" if mine["photos"] else "-")
        lines.append(f"| {entry['label']} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def confusion_svg(result: dict) -> str:
    """Rows: the breed; columns: the answer; darker: a larger share of the row."""
    labels = [entry["label"].replace("_", " ") for entry in result["per_class"]]
    cell, left, top = 30, 190, 190
    width, height = left + cell * len(labels) + 10, top + cell * len(labels) + 10
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'font-family="sans-serif" font-size="13">',
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
        '<text x="10" y="20" fill="#555">rows: the breed</text>',
        '<text x="10" y="38" fill="#555">columns: the answer</text>',
    ]
    for i, label in enumerate(labels):
        middle = top + cell * i + cell / 2
        parts.append(f'<text x="{left - 8}" y="{middle + 4}" text-anchor="end">{escape(label)}</text>')
        x = left + cell * i + cell / 2 + 4
        parts.append(f'<text transform="translate({x} {top - 8}) rotate(-60)">{escape(label)}</text>')
        row = result["confusion"][i]
        for j, count in enumerate(row):
            share = count / max(sum(row), 1)
            colour = "#1a7f4b" if i == j else "#b3372f"
            x, y = left + cell * j, top + cell * i
            parts.append(f'<rect x="{x}" y="{y}" width="{cell - 1}" height="{cell - 1}" '
                         f'fill="{colour}" fill-opacity="{0.04 + 0.96 * share:.2f}"/>')
            if count:
                ink = "#fff" if share > 0.5 else "#222"
                parts.append(f'<text x="{x + cell / 2 - 0.5}" y="{y + cell / 2 + 4}" fill="{ink}" '
                             f'text-anchor="middle">{count}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photos", type=Path, help="holds SPLIT/CLASS/*.jpg and MANIFEST.tsv")
    parser.add_argument("--split", default="test")
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--gradcam", type=Path, required=True, help="the built command")
    parser.add_argument("--masks", type=Path, help="where the dog is, with a MANIFEST.tsv")
    parser.add_argument("--others", type=Path, help="pictures without a dog")
    parser.add_argument("--card", type=Path, required=True, help="MODEL_CARD.md")
    args = parser.parse_args()
    card = Card(args.card, "measured")
    others = ["--others", str(args.others)] if args.others else []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        everything = of_view(args.photos, args.split, None, folder / "all")
        whole = evaluate(args.gradcam, everything, args.model, *others)
        views = {view: evaluate(args.gradcam,
                                of_view(args.photos, args.split, view, folder / view), args.model)
                 for view in VIEWS}
        scenes = {}
        for times, name in SCENES.items():
            photos = shrunk(folder / "full", times, folder / name) if times > 1 else folder / "full"
            scenes[name] = tuple(evaluate(args.gradcam, photos, args.model, *closer)
                                 for closer in ((), ("--closer",)))
        labels = {entry["label"] for entry in whole["per_class"]}
        strangers = strangers_to(labels, everything, folder / "strangers")
        if strangers:
            strangers = evaluate(args.gradcam, everything, args.model, "--others",
                                 str(strangers))["others"]
        masks = {}
        for name, kind in MASK_KINDS.items() if args.masks else ():
            if chosen := of_kind(args.masks, kind, everything, folder / kind):
                masks[name] = evaluate(args.gradcam, everything, args.model, "--masks", str(chosen))
    (args.card.parent / "confusion.svg").write_text(confusion_svg(whole))
    card.write(tables(whole, views, masks, strangers, scenes))


if __name__ == "__main__":
    main()
