"""Static files get their content's hash into their names, also where one of our scripts imports another."""

from __future__ import annotations

from servestatic.storage import CompressedManifestStaticFilesStorage

# `from "./x.js"`, `import "./x.js"`, `import("./x.js")` in our scripts alone: others' comments name missing files.
IMPORT = r'(?P<matched>(?P<before>\b(?:from|import)\s*\(?\s*)"(?P<url>\.{1,2}/[\w./-]+\.js)")'
OURS = ("console/*.js", "hosts/*.js", "containers/*.js")


class StaticStorage(CompressedManifestStaticFilesStorage):
    patterns = (
        *CompressedManifestStaticFilesStorage.patterns,
        *((path, ((IMPORT, '%(before)s"%(url)s"'),)) for path in OURS),
    )
