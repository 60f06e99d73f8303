"""What the scripts that write parts of a model card share. Needs no packages."""
from __future__ import annotations

import json
import subprocess
from pathlib import Path


def evaluate(gradcam: Path, photos: Path, model: Path, *more: str | Path) -> dict:
    """What `gradcam evaluate --json` finds; photos that cannot be read are no failure."""
    command = [str(part) for part in (gradcam, "evaluate", photos, "--model", model, "--json", *more)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode not in (0, 1) or not done.stdout:
        raise SystemExit(f"{' '.join(command)} failed")
    return json.loads(done.stdout)


class Card:
    """A card, of which a part stands between <!-- NAME --> and <!-- /NAME -->."""

    def __init__(self, path: Path, name: str) -> None:
        begin, end = f"<!-- {name} -->\n", f"<!-- /{name} -->"
        before, found_begin, rest = path.read_text().partition(begin)
        _, found_end, after = rest.partition(end)
        if not found_begin or not found_end:
            raise SystemExit(f"{path} lacks the marks {begin.strip()} and {end}")
        self.path = path
        self.before, self.after = before + begin, end + after

    def write(self, part: str) -> None:
        self.path.write_text(self.before + part + self.after)
