"""One workload is one row, however many APIs show it."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from containers.engine.base import Container, ContainerStats, Port
from containers.workloads import Engined, NspawnMachine, OwningUnit, Workload, join, with_stats

PORT = Port("", 8080, 80)


def container(name: str = "web", state: str = "running", **more) -> Container:
    return Container(
        id=(name.encode().hex() + "0" * 64)[:64], name=name, image="img", image_id="", state=state, **more
    )


def podman(*containers: Container, owner: str = "") -> Engined:
    return Engined("podman", containers, owner)


SITE = OwningUnit(
    "site.service", "container", "active", "running", runs="systemd-site", image="img", description="Site"
)
OF_SITE = container("systemd-site", unit="site.service", started_at=5.0)


def only(rows: tuple[Workload, ...]) -> Workload:
    (row,) = rows
    return row


def test_a_container_and_its_unit_are_one_row() -> None:
    row = only(join(1, [podman(OF_SITE)], [SITE]))
    assert (row.host_id, row.kind, row.name, row.unit, row.state) == (
        1,
        "container",
        "systemd-site",
        "site.service",
        "running",
    )
    assert (row.engine_id, row.description, row.since) == (OF_SITE.id, "Site", 5.0)


def test_a_stopped_quadlet_is_the_same_row_without_container() -> None:
    stopped = only(join(1, [podman()], [replace(SITE, active="inactive", sub="dead", ports=(PORT,))]))
    assert (stopped.state, stopped.engine_id, stopped.image, stopped.ports) == ("stopped", None, "img", (PORT,))
    assert stopped.key == only(join(1, [podman(OF_SITE)], [SITE])).key


def test_the_key_survives_a_new_container_of_the_same_unit() -> None:
    again = replace(OF_SITE, id="f" * 64)
    assert only(join(1, [podman(again)], [SITE])).key == only(join(1, [podman(OF_SITE)], [SITE])).key


@pytest.mark.parametrize(
    "claim",
    [
        container("evil", unit="sshd.service"),  # a unit that runs no container
        container("evil", unit="site.service"),  # another container's unit
        replace(OF_SITE, is_infra=True, pod="systemd-site"),  # a pod's process claims a container's unit
    ],
)
def test_a_label_alone_does_not_make_an_owner(claim: Container) -> None:
    rows = join(1, [podman(claim)], [SITE])
    assert {(row.engine_id, row.unit) for row in rows} == {(claim.id, None), (None, "site.service")}


def test_users_are_kept_apart() -> None:
    rows = join(
        1,
        [podman(OF_SITE), podman(OF_SITE, owner="alice")],
        [SITE, replace(SITE, owner="alice", active="failed")],
    )
    assert {(row.owner, row.unit, row.state) for row in rows} == {
        ("", "site.service", "running"),
        ("alice", "site.service", "running"),
    }
    row = only(join(1, [podman(OF_SITE, owner="alice")], []))
    assert (row.owner, row.unit) == ("alice", None)


def test_a_pod_is_a_row_and_its_infra_container_is_not() -> None:
    infra = container("25c0-infra", pod="p1", is_infra=True, ports=(PORT,), unit="p1-pod.service")
    unit = OwningUnit("p1-pod.service", "pod", "active", runs="p1")
    rows = join(1, [podman(infra, container("inpod", pod="p1", ports=(PORT,)))], [unit])
    assert [(row.kind, row.name, row.pod, row.unit, row.ports) for row in rows] == [
        ("container", "inpod", "p1", None, ()),
        ("pod", "p1", None, "p1-pod.service", (PORT,)),
    ]


def test_a_kube_unit_owns_all_its_containers() -> None:
    unit = OwningUnit("app.service", "kube", "active")
    rows = join(
        1, [podman(container("app-a", unit="app.service"), container("app-b", unit="app.service"))], [unit]
    )
    assert [(row.name, row.unit) for row in rows] == [("app-a", "app.service"), ("app-b", "app.service")]


def test_a_machine_and_its_unit_are_one_row() -> None:
    unit = OwningUnit("systemd-nspawn@db.service", "nspawn", "active", since=3.0)
    running = only(join(1, [], [unit], [NspawnMachine("db", "running", "systemd-nspawn@db.service")]))
    assert (running.kind, running.name, running.unit, running.state) == ("machine", "db", unit.name, "running")
    only_image = only(join(1, [], [replace(unit, active="failed")], [NspawnMachine("db", "stopped")]))
    only_unit = only(join(1, [], [replace(unit, active="failed", runs="db")]))
    assert only_image.state == only_unit.state == "failed"
    assert only_image.key == only_unit.key == running.key


def test_a_container_that_claims_a_machines_unit() -> None:
    unit = OwningUnit("systemd-nspawn@db.service", "nspawn", "active")
    rows = join(
        1, [podman(container("x", unit=unit.name))], [unit], [NspawnMachine("db", "running", unit.name)]
    )
    assert {(row.kind, row.unit) for row in rows} == {("container", None), ("machine", unit.name)}


@pytest.mark.parametrize(
    ("active", "sub", "state"),
    [
        ("failed", "failed", "failed"),
        ("activating", "start", "starting"),
        ("activating", "auto-restart", "restarting"),
        ("deactivating", "stop", "stopping"),
        ("inactive", "dead", "stopped"),
        ("active", "running", "running"),
    ],
)
def test_the_state_of_a_unit_without_container(active: str, sub: str, state: str) -> None:
    assert only(join(1, [], [replace(SITE, active=active, sub=sub)])).state == state


def test_a_running_container_counts_more_than_its_unit() -> None:
    assert only(join(1, [podman(OF_SITE)], [replace(SITE, active="failed")])).state == "running"
    ended = replace(OF_SITE, state="exited", exit_code=1)
    assert only(join(1, [podman(ended)], [replace(SITE, active="failed")])).state == "failed"


def test_worst_first() -> None:
    rows = join(
        1,
        [
            podman(
                container("a-running"),
                container("b-created", "created"),
                container("c-sick", health="unhealthy"),
                container("d-crashed", "exited", exit_code=3),
                container("e-stopped", "exited", exit_code=143),
                container("f-paused", "paused"),
                container("g-odd", "a state of tomorrow"),
            )
        ],
    )
    names = [row.name for row in rows]
    assert names == ["c-sick", "d-crashed", "g-odd", "f-paused", "a-running", "b-created", "e-stopped"]


def test_statistics_come_and_go() -> None:
    rows = join(1, [podman(container())])
    sample = ContainerStats(container().id, "web", 12.5, 100, 200, 1, 0, 0, 0, 0)
    with_figures = with_stats(rows, {sample.id: sample})
    assert (with_figures[0].cpu_percent, with_figures[0].memory, with_figures[0].memory_limit) == (
        12.5,
        100,
        200,
    )
    assert with_stats(with_figures, {}) == rows


text = st.one_of(
    st.sampled_from(["a", "b", "site", "systemd-site", "../x", "<b hx-get=/>", "\x00", ""]), st.text(max_size=5)
)
owners = st.sampled_from(["", "alice"])
units = st.sampled_from([None, "", "a.service", "b.service", "systemd-nspawn@a.service", "\n"])
containers = st.builds(
    Container,
    id=st.text("0123456789abcdef", min_size=64, max_size=64),
    name=text,
    image=text,
    image_id=st.just(""),
    state=st.sampled_from(["running", "paused", "exited", "created", "configured", "removing", "", "\x1b[31m"]),
    health=st.sampled_from([None, "healthy", "unhealthy", "starting"]),
    exit_code=st.none() | st.integers(0, 255),
    pod=st.none() | text,
    unit=units,
    is_infra=st.booleans(),
)
owning = st.builds(
    OwningUnit,
    name=units.filter(bool),
    kind=st.sampled_from(["container", "pod", "kube", "nspawn"]),
    active=st.sampled_from(["active", "inactive", "failed", "activating", "deactivating", "reloading", "?"]),
    sub=st.sampled_from(["", "auto-restart", "dead"]),
    owner=owners,
    runs=st.none() | text,
)
machines = st.builds(
    NspawnMachine,
    name=text,
    state=st.sampled_from(["opening", "running", "closing", "stopped", "?"]),
    unit=units,
)


@given(
    st.lists(containers, max_size=6, unique_by=(lambda one: one.id, lambda one: one.name)),
    st.lists(containers, max_size=4, unique_by=(lambda one: one.id, lambda one: one.name)),
    st.lists(owning, max_size=5, unique_by=lambda one: (one.owner, one.name)),
    st.lists(machines, max_size=4, unique_by=lambda one: one.name),
    st.randoms(use_true_random=False),
)
def test_one_workload_is_one_row_in_one_order(system, of_alice, units, machines, chance: random.Random) -> None:
    rows = join(7, [podman(*system), podman(*of_alice, owner="alice")], units, machines)
    assert len({row.key for row in rows}) == len(rows)
    assert [row.rank for row in rows] == sorted(row.rank for row in rows)

    ids = [(row.owner, row.engine_id) for row in rows if row.engine_id]
    assert len(ids) == len(set(ids))
    assert {row.name for row in rows} >= {one.name for one in (*system, *of_alice) if not one.is_infra}
    for unit in units:
        assert any((row.owner, row.unit) == (unit.owner, unit.name) for row in rows)
    assert {row.name for row in rows if row.kind == "machine"} >= {one.name for one in machines}

    for part in (system, of_alice, units, machines):
        chance.shuffle(part)
    assert join(7, [podman(*of_alice, owner="alice"), podman(*system)], units, machines) == rows
