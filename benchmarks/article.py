"""What does the article say of the model? Its events with and without each, evidence against rivals, theory by theory.

Fit, not forecast: the structure of the case was chosen knowing these events. Runs `negsim fit`, `explain` and `compare`
(singles with refits and a stage on the way, pairs by weights alone) and writes what they print to results/article.md,
and the picture of what each event says to docs/pictures. `--keep DIR` keeps all fits there and takes them up again.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import io
import shutil
import tempfile
from pathlib import Path

from negsim.cli import main as negsim

CASE = "beijing-1999"
RESULTS = Path(__file__).parent / "results"
PICTURES = Path(__file__).parents[1] / "docs" / "pictures"


def main() -> None:
    options = read_options()
    folder = options.keep or Path(tempfile.mkdtemp())
    places = {"FIT": str(folder / "fit"), "VARIANTS": str(folder / "variants"), "SAID": str(folder / "said")}
    engine = f"--engine {options.engine}"
    again = f"--keep VARIANTS --particles {options.particles} {engine}"
    lines = [
        f"# The article beside the model, {dt.date.today()}",
        "",
        "Fit, not forecast: the structure of the case was chosen knowing these events; only its numbers were learned "
        f"from them. `python benchmarks/article.py --particles {options.particles}`",
    ]
    if not (folder / "fit" / "posterior.json").exists():
        run(f"fit {CASE} --seed 1 {engine} --out FIT", places)
    for title, command in (
        ("Events, rivals, and what could be told", f"explain FIT {again} --out SAID"),
        ("Theory by theory", f"compare FIT {again} --stages 2"),
        ("Two theories at a time, by weights alone", f"compare FIT {again} --stages 2 --pairs --no-rivals --no-refit"),
    ):
        printed = run(command, places)
        lines += ["", f"## {title}", "", f"`negsim {command}`", "", "```", printed.rstrip(), "```"]
        (RESULTS / "article.md").write_text("\n".join([*lines, ""]), encoding="utf-8")
    shutil.copy(folder / "said" / "information.png", PICTURES / "beijing-information.png")


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--particles", type=int, default=150, help="of each run of the other fits (default: 150)")
    parser.add_argument("--engine", default="auto", help="who computes: numpy, compiled or auto (default)")
    parser.add_argument("--keep", type=Path, help="keep all fits there, and take them up again")
    return parser.parse_args()


def run(command: str, places: dict[str, str]) -> str:
    """What a command prints."""
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        code = negsim([places.get(word, word) for word in command.split()])
    if code:
        raise SystemExit(code)
    return printed.getvalue()


if __name__ == "__main__":
    main()
