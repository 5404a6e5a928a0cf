"""The rules that the test suite itself keeps: nothing is left behind, and CI leaves nothing out."""

from __future__ import annotations

import pytest

from console.installation import ROOT
from tests.completeness import NO_SKIPS

pytestmark = pytest.mark.served  # each starts a pytest of its own
PLUGINS = ("-p", "tests.leaks", "-p", "tests.completeness", "-p", "no:django")


@pytest.fixture
def suite(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    monkeypatch.delenv("DJANGO_SETTINGS_MODULE", raising=False)
    pytester.makeini(
        "[pytest]\nasyncio_mode = auto\nasyncio_default_fixture_loop_scope = function\nmarkers =\n    lab\n    browser\n"
    )
    monkeypatch.delenv(NO_SKIPS, raising=False)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    return pytester


LEAVING = {
    "task": "async def test():\n    asyncio.get_running_loop().create_task(asyncio.sleep(60), name='forgotten')",
    "process": "def test():\n    subprocess.Popen(['sleep', '60'])",
    "socket": "kept = []\ndef test():\n    kept.append(socket.socket())",
}


@pytest.mark.parametrize("what", LEAVING)
def test_what_is_left_behind_fails_the_test(suite: pytest.Pytester, what: str) -> None:
    suite.makepyfile("import asyncio, socket, subprocess\n" + LEAVING[what])
    result = suite.runpytest_subprocess(*PLUGINS)
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines([f"*left behind: {what}*"])


def test_what_is_put_away_passes(suite: pytest.Pytester) -> None:
    suite.makepyfile("""
        import asyncio, socket, subprocess
        async def test():
            task = asyncio.create_task(asyncio.sleep(60))
            task.cancel()
            socket.socket().close()
            subprocess.run(["true"])
    """)
    suite.runpytest_subprocess(*PLUGINS).assert_outcomes(passed=1)


SKIPPED = (
    "import pytest\n@pytest.mark.skip(reason='later')\ndef test(): pass\ndef test_other(): pytest.skip('now')"
)


def test_a_skip_fails_in_ci_and_there_alone(suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    suite.makepyfile(SKIPPED)
    suite.runpytest_subprocess(*PLUGINS).assert_outcomes(skipped=2)
    monkeypatch.setenv(NO_SKIPS, "1")
    result = suite.runpytest_subprocess(*PLUGINS)
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*skipped, which CI does not allow*later*"])


def test_a_module_that_leaves_itself_out_fails_in_ci(
    suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    suite.makepyfile("import pytest\npytest.skip('later', allow_module_level=True)")
    monkeypatch.setenv(NO_SKIPS, "1")
    assert suite.runpytest_subprocess(*PLUGINS).ret == 2
