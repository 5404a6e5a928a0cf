"""Vigie's own settings, with a data folder that lives as long as the test run."""

import atexit
import os
import shutil
import tempfile

os.environ["VIGIE_DATA"] = tempfile.mkdtemp(prefix="vigie-test-")
atexit.register(shutil.rmtree, os.environ["VIGIE_DATA"], ignore_errors=True)

from console.settings import *  # noqa: E402, F403
