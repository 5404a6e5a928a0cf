"""Fixtures with real hosts. Those that the chosen tests need start in parallel as soon as they are known.

`web1`, `web2`, `web3` are shared by the whole run: leave them as found. `own_host` is fresh and yours: break it.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.lab.hosts import Lab, LabHost

SHARED = ("web1", "web2", "web3")
LAB = pytest.StashKey[Lab]()


def opened(config: pytest.Config) -> Lab:
    """The run's lab, made at the first need."""
    if LAB not in config.stash:
        config.stash[LAB] = Lab()
    return config.stash[LAB]


def pytest_collection_finish(session: pytest.Session) -> None:
    if session.config.option.collectonly:
        return
    wanted = {name for item in session.items for name in getattr(item, "fixturenames", ()) if name in SHARED}
    if wanted:
        opened(session.config).begin(*sorted(wanted))


def pytest_unconfigure(config: pytest.Config) -> None:
    """After everything, Ctrl-C included."""
    if LAB in config.stash:
        config.stash[LAB].close()


@pytest.fixture(scope="session")
def lab(pytestconfig: pytest.Config) -> Lab:
    return opened(pytestconfig)


@pytest.fixture(scope="session")
def web1(lab: Lab) -> LabHost:
    return lab.start("web1")[0]


@pytest.fixture(scope="session")
def web2(lab: Lab) -> LabHost:
    return lab.start("web2")[0]


@pytest.fixture(scope="session")
def web3(lab: Lab) -> LabHost:
    return lab.start("web3")[0]


@pytest.fixture
def own_host(lab: Lab, request: pytest.FixtureRequest) -> Iterator[LabHost]:
    """A host for this test alone."""
    name = f"own{abs(hash(request.node.nodeid)) % 10**8}"
    yield lab.start(name)[0]
    lab.down(name)
