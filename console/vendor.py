"""Builds static/vendor/ from node_modules: the files of other projects that pages load.

Standard library only, since it runs before anything is installed, and in the build of a wheel.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

PATTERNFLY = "@patternfly/patternfly"
# What pages use of PatternFly besides its tokens, as folder/file under its components/ or layouts/. The rest of the look is
# console.css on the same tokens: rows of a table need no class of their own then, and the first load is a third.
COMPONENTS = ("components/Button/button",)
# Rules of PatternFly's base that no page uses: 1,600 icon glyphs (our icons are SVG) and its optional themes.
# Its fonts are left out as well: the system's are used.
UNUSED = re.compile(
    r"(:root )?\.(fa|fas|far|fal|fab|pf-v6-pficon)\b|:root:where\([^)]*theme-(felt|glass|high-contrast)"
)
FILES = (
    ("uplot/dist/uPlot.iife.min.js", "uPlot.iife.min.js"),
    ("uplot/dist/uPlot.min.css", "uPlot.min.css"),
    ("@xterm/xterm/lib/xterm.js", "xterm.js"),
    ("@xterm/xterm/css/xterm.css", "xterm.css"),
    ("@xterm/addon-fit/lib/addon-fit.js", "addon-fit.js"),
)


def build(node_modules: Path, vendor: Path) -> None:
    """Write every vendored file anew; a missing package is a FileNotFoundError that names it."""
    vendor.mkdir(parents=True, exist_ok=True)
    for source, target in FILES:
        shutil.copyfile(node_modules / source, vendor / target)
    for script in vendor.glob("*.js"):  # the maps they point to are not served
        script.write_text(re.sub(r"//# sourceMappingURL=\S+\s*$", "", script.read_text("utf-8")), "utf-8")
    (vendor / "patternfly.css").write_text(patternfly(node_modules / PATTERNFLY), "utf-8")


def patternfly(package: Path) -> str:
    """One style sheet: the base and the components in use, without comments, icon fonts and missing files."""
    names = ("patternfly-base", *COMPONENTS)
    sheets = [(package / f"{name}.css").read_text("utf-8") for name in names]
    return "\n".join(rule for sheet in sheets for rule in _rules(sheet) if not _is_unused(rule)) + "\n"


def _is_unused(rule: str) -> bool:
    return rule.startswith("@font-face") or bool(UNUSED.match(rule))


def _rules(sheet: str) -> Iterator[str]:
    """The top-level rules of a style sheet, each squeezed onto one line."""
    sheet = re.sub(r"/\*.*?\*/", "", sheet, flags=re.S)
    sheet = re.sub(r'url\("\./assets/[^)]*\)', "none", sheet)
    depth = start = 0
    for brace in re.finditer(r"[{}]", sheet):
        depth += 1 if brace.group() == "{" else -1
        if depth == 0:
            yield _squeeze(sheet[start : brace.end()])
            start = brace.end()


def _squeeze(rule: str) -> str:
    return re.sub(r"\s*([{};])\s*", r"\1", re.sub(r"\s+", " ", rule)).strip().replace(";}", "}")
