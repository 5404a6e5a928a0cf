"""What of other projects' files is served."""

from pathlib import Path

from console import vendor

SHEETS = {"patternfly-base": "", **dict.fromkeys(vendor.COMPONENTS, "")}


def package(folder: Path, **sheets: str) -> Path:
    for name, text in {**SHEETS, **{key.replace("__", "/"): text for key, text in sheets.items()}}.items():
        path = folder / vendor.PATTERNFLY / f"{name}.css"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    for source, _ in vendor.FILES:
        path = folder / source
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x\n//# sourceMappingURL=x.map\n")
    return folder


BASE = """
/* { a comment } */
@font-face { font-family: "Red Hat Text"; src: url("./assets/fonts/RedHatText/RedHatTextVF.woff2"); }
@font-face { font-family: "pf-v6-pficon"; src: url("./assets/pficon/pf-v6-pficon.woff2"); }
.fa-server:before { content: "\\f233"; }
:root { --image: var(--x, url("./assets/images/PF.svg")); }
@media (min-width: 1px) { .a { color: red; } .b { color: blue; } }
"""


def test_the_style_sheet_names_only_files_that_are_served(tmp_path: Path) -> None:
    node_modules = package(tmp_path / "node_modules", **{"patternfly-base": BASE})
    vendor.build(node_modules, tmp_path / "vendor")
    sheet = (tmp_path / "vendor/patternfly.css").read_text()
    assert "font-face" not in sheet
    assert "pficon" not in sheet
    assert "assets" not in sheet
    assert ":root{--image: var(--x, none)}" in sheet


def test_icon_fonts_and_comments_are_left_out_and_nested_rules_kept(tmp_path: Path) -> None:
    sheet = vendor.patternfly(package(tmp_path, **{"patternfly-base": BASE}) / vendor.PATTERNFLY)
    assert "fa-server" not in sheet
    assert "comment" not in sheet
    assert "@media (min-width: 1px){.a{color: red}.b{color: blue}}" in sheet


def test_source_maps_that_are_not_served_are_not_named(tmp_path: Path) -> None:
    vendor.build(package(tmp_path / "node_modules"), tmp_path / "vendor")
    assert (tmp_path / "vendor/xterm.js").read_text() == "x\n"
