"""The table and the picture of the model card's methods, of a result made up here."""
from __future__ import annotations

import tempfile
import unittest
from pathlib import Path

import card_methods
from card_text import Card

MEASURED = ("average_drop", "increase", "insertion", "deletion", "road", "pointing", "heat_inside",
            "other_class")


def method(name: str, photos: int) -> dict:
    return {
        "method": name,
        "photos": photos,
        **dict.fromkeys(MEASURED, 0.25),
        "standard_errors": dict.fromkeys(MEASURED, 0.031) | {"pointing": None},
        "insertion_curve": [0, 0.5, 1],
        "deletion_curve": [1, 0.5, 0],
        "randomised": [
            {"layer": "fc1", "photos": 10 if photos > 30 else 3, "empty": 0, "correlation": 0.5,
             "standard_error": 0.1},
            {"layer": "block1_conv1", "photos": 3, "empty": 3, "correlation": None,
             "standard_error": None},
        ],
    }


control = method("", 150)
del control["method"], control["randomised"]

RESULT = {
    "photos": 150,
    "layer": "block5_conv3",
    "methods": [method("gradcam", 150), method("scorecam", 30)],
    "centre": control,
    "other_photo": control,
    "random_order": {
        "photos": 150,
        "insertion": 0.35,
        "deletion": 0.125,
        "road": -0.001,
        "standard_errors": {"insertion": 0.02, "deletion": 0.01, "road": 0.01},
        "insertion_curve": [0, 0.1, 1],
        "deletion_curve": [1, 0.1, 0],
    },
}


class Methods(unittest.TestCase):
    def test_the_table_has_means_with_their_errors(self) -> None:
        lines = card_methods.table(RESULT).splitlines()
        self.assertIn("150 photos, `scorecam` 30;", lines[0])
        self.assertIn("10 photos, slow methods 3", lines[0])
        rows = {line.split(" | ")[0].strip("| "): line for line in lines if line.startswith("|")}
        for name in ("`gradcam`", "`scorecam`"):
            self.assertIn("| 25 ± 3 % | 25 ± 3 % | 0.25 ± 0.03 | 0.25 ± 0.03 | 0.25 ± 0.03 | 25 % |", rows[name])
            self.assertTrue(rows[name].endswith("| 0.50 ± 0.10 | - (3 of 3 empty) |"), rows[name])
        self.assertIn("| - | - | 0.35 ± 0.02 | 0.12 ± 0.01 | 0.00 ± 0.01 | - |", rows["(random order)"])
        self.assertIn("| 25 ± 3 % | 25 ± 3 % | 0.25 ± 0.03 |", rows["(centre)"])
        self.assertTrue(rows["(other photo)"].endswith("| - | - |"))
        widths = {line.count("|") for line in rows.values()}
        self.assertEqual(len(widths), 1, "every row has as many cells")

    def test_the_picture_has_a_chart_for_each_method(self) -> None:
        picture = card_methods.svg(RESULT)
        self.assertEqual(picture.count("<polyline"), 8)
        for name in ("gradcam", "scorecam"):
            self.assertIn(f">{name}<", picture)


class Cards(unittest.TestCase):
    def test_only_what_is_between_the_marks_is_replaced(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "card.md"
            path.write_text("A\n<!-- x -->\nold\n<!-- /x -->\nB\n<!-- y -->\n<!-- /y -->\n")
            Card(path, "x").write("new\n")
            self.assertEqual(path.read_text(),
                             "A\n<!-- x -->\nnew\n<!-- /x -->\nB\n<!-- y -->\n<!-- /y -->\n")
            with self.assertRaisesRegex(SystemExit, "lacks the marks <!-- z --> and <!-- /z -->"):
                Card(path, "z")


if __name__ == "__main__":
    unittest.main()
