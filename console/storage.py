"""Static files get their content's hash into their names, also where one of our scripts imports another."""

from __future__ import annotations

from functools import cache

from servestatic.storage import CompressedManifestStaticFilesStorage

# `from "./x.js"`, `import "./x.js"`, `import("./x.js")` in our scripts alone: others' comments name missing files.
IMPORT = r'(?P<matched>(?P<before>\b(?:from|import)\s*\(?\s*)"(?P<url>\.{1,2}/[\w./-]+\.js)")'
OURS = ("console/*.js", "hosts/*.js", "containers/*.js")


class StaticStorage(CompressedManifestStaticFilesStorage):
    patterns = (
        *CompressedManifestStaticFilesStorage.patterns,
        *((path, ((IMPORT, '%(before)s"%(url)s"'),)) for path in OURS),
    )

    @cache  # noqa: B019  (there is one, and its names never change while it runs: a page asks for a dozen)
    def url(self, name: str, force: bool = False) -> str:
        return str(super().url(name, force))
