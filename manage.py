#!/usr/bin/env python3
"""Makes the environment when it is missing, then runs a command: up, test, hosts, signin, help, ..."""

import sys

if sys.version_info < (3, 11):  # noqa: UP036  (an older one must be able to read this, and to say so)
    sys.exit("vigie: Python 3.11 or newer is needed; this is Python " + sys.version.split()[0])

from console.__main__ import main

if __name__ == "__main__":
    main()
