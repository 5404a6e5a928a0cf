"""What a wheel of Vigie carries beside its Python code: templates/, static/ with static/vendor/, built here if need be."""

from __future__ import annotations

import shutil
from pathlib import Path

from setuptools.command.build_py import build_py

FOLDERS = ("templates", "static")


class BuildWithAssets(build_py):
    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            root = Path.cwd()
            build_vendor(root)
            copy_assets(root, Path(self.build_lib) / "console" / "assets")


def build_vendor(root: Path) -> None:
    import sys

    sys.path.insert(0, str(root))
    from console import installation

    installation.ensure_vendor(root, installation.Environment(root))


def copy_assets(root: Path, target: Path) -> None:
    shutil.rmtree(target, ignore_errors=True)  # left by an earlier build
    for folder in FOLDERS:
        if (root / folder).is_dir():
            shutil.copytree(root / folder, target / folder)
