"""What is done to workloads, and how it is recorded, on a real host."""

import pytest

from console.errors import NotFound, Unsupported
from console.models import User
from containers import verbs, watch
from containers.workloads import Workload
from tests.containers.test_watch import QUADLET, TICKING, rows, state
from tests.hosts.watching import until, watching


@pytest.fixture
def actor():
    return User.objects.create_user("ada", role="admin")


async def act(host, name, verb, actor, **more):
    return await verbs.act(host, rows(host)[name], verbs.VERBS[verb], actor=actor, **more)


@pytest.mark.lab
@pytest.mark.django_db(transaction=True)
async def test_the_verbs_of_a_bare_container_act_on_it(web1, actor):
    web1.shell(f"podman run -d --name bare {web1.busybox()} {TICKING}")
    try:
        async with watching(web1) as host:
            await until(lambda: state(host, "bare") == "running")
            paused = await act(host, "bare", "pause", actor)
            assert (paused.state, paused.shell) == ("succeeded", "podman pause -- bare")
            assert paused.call.startswith("POST /v") and paused.call.endswith(
                "/libpod/containers/bare/pause at /run/podman/podman.sock"
            )
            await until(lambda: state(host, "bare") == "paused")
            await act(host, "bare", "unpause", actor)
            await until(lambda: state(host, "bare") == "running")
            stopped = await act(host, "bare", "stop", actor)
            assert (stopped.state, stopped.result) == ("succeeded", "bare stopped")
            await until(lambda: state(host, "bare") == "exited")
            await act(host, "bare", "start", actor)
            await until(lambda: state(host, "bare") == "running")
            killed = await act(host, "bare", "kill", actor, signal="KILL")
            assert killed.shell == "podman kill --signal KILL -- bare"
            await until(lambda: state(host, "bare") == "exited")
            removed = await act(host, "bare", "remove", actor)
            assert (removed.state, removed.kind, removed.target) == ("succeeded", "container", "bare")
            await until(lambda: state(host, "bare") is None)
    finally:
        web1.shell("podman rm -f -t 0 -i bare")


@pytest.mark.lab
@pytest.mark.django_db(transaction=True)
async def test_the_verbs_of_a_container_that_a_unit_owns_act_on_the_unit(web1, actor):
    web1.shell(
        "mkdir -p /etc/containers/systemd; cat > /etc/containers/systemd/owned.container",
        stdin=QUADLET.format(image=web1.busybox()),
    )
    web1.shell("systemctl daemon-reload")
    try:
        async with watching(web1) as host:
            await until(lambda: state(host, "systemd-owned") == "stopped")
            started = await act(host, "systemd-owned", "start", actor)
            assert started.call == 'org.freedesktop.systemd1.Manager.StartUnit("owned.service", "replace")'
            await until(
                lambda: state(host, "systemd-owned") == "running" and rows(host)["systemd-owned"].engine_id
            )
            with pytest.raises(Unsupported, match="makes and removes it"):
                await act(host, "systemd-owned", "remove", actor)
            stopped = await act(host, "systemd-owned", "stop", actor)
            assert (stopped.state, stopped.shell) == ("succeeded", "systemctl stop -- owned.service")
            assert web1.shell("systemctl is-active owned.service", check=False).strip() == "inactive"
    finally:
        web1.shell(
            "systemctl stop owned.service; rm /etc/containers/systemd/owned.container; systemctl daemon-reload"
        )


@pytest.mark.lab
@pytest.mark.django_db(transaction=True)
async def test_what_became_of_a_stop_is_observed(web1, actor):
    web1.shell(f"podman run -d --name looked {web1.busybox()} {TICKING}")
    try:
        async with watching(web1) as host:
            await until(lambda: state(host, "looked") == "running")
            operation = await act(host, "looked", "stop", actor)
            assert await verbs.observe(operation) == "looked is exited."
    finally:
        web1.shell("podman rm -f -t 0 -i looked")


def row(kind="container", unit=None, state="running"):
    return Workload(1, kind, "", "one", "podman", "0" * 64, state, unit=unit)


def test_only_what_makes_sense_is_offered():
    names = {verb.name for verb in verbs.offered(row())}
    assert names == {"stop", "restart", "pause", "kill", "remove"}
    assert {verb.name for verb in verbs.offered(row(unit="one.service"))} == names - {"remove"}
    assert {verb.name for verb in verbs.offered(row(kind="machine", unit="x.service"))} == {
        "stop",
        "restart",
        "kill",
        "terminate",
    }
    assert {verb.name for verb in verbs.offered(row(state="exited"))} == {"start", "restart", "remove"}


def test_what_ends_something_asks_first():
    remove = verbs.VERBS["remove"]
    assert remove.question(row(), "web1") == "Remove container one on web1?"
    assert "one.service may start it again" in verbs.VERBS["kill"].consequence(row(unit="one.service"))
    assert verbs.VERBS["start"].question(row(), "web1") == ""


def test_there_are_no_other_verbs():
    with pytest.raises(NotFound):
        verbs.verb_named("explode")


def test_unknown_workloads_are_not_found():
    with pytest.raises(NotFound):
        watch.workload(987654, "container", "", "nothing")
