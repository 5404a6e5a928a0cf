"""Curves, and what in a sample deserves attention."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hosts.facts import Facts
from hosts.metrics import MAX_SERIES, POINTS, Curves, History, Severity, health, series_of
from hosts.samplers import BlockDevice, Cpu, Filesystem, Interface, Memory, Pressure, Sample

GIB = 2**30


def disk(percent: float, point: str = "/", *, read_only: bool = False) -> Filesystem:
    used = int(percent * 1000)
    return Filesystem(point, "ext4", "/dev/vda", 100_000, used, 100_000 - used, read_only)


QUIET = Sample(
    uptime=1000.0,
    host_time=2000.0,
    seen=2000.0,
    monotonic=50.0,
    span=1.0,
    cpu=Cpu(0.25, 0.2, 0.05, 0.0, 0.0),
    cores=(0.2, 0.3),
    load=(0.5, 0.4, 0.3),
    memory=Memory(8 * GIB, 6 * GIB, GIB, 0, 0),
    pressure=Pressure(0.0, 0.0, 0.0, 0.0, 0.0, 0.0),
    filesystems=(disk(50),),
    devices=(BlockDevice("vda", 10.0, 20.0, 0.1), BlockDevice("dm-0", 10.0, 20.0, 0.1, stacked=True)),
    interfaces=(
        Interface("eth0", 100.0, 50.0, 0.0, 0.0, physical=True),
        Interface("podman0", 100.0, 50.0, 0.0, 0.0),
    ),
)


def test_totals_count_no_byte_twice():
    values = dict(series_of(QUIET))
    assert (values["disk.read"], values["disk.written"]) == (10.0, 20.0)
    assert (values["network.received"], values["network.sent"]) == (100.0, 50.0)
    assert values["network.received.podman0"] == 100.0


def test_a_virtual_host_without_physical_interfaces_has_traffic_too():
    only = replace(QUIET, interfaces=(Interface("eth0", 7.0, None, None, None),))
    values = dict(series_of(only))
    assert (values["network.received"], values["network.sent"]) == (7.0, None)


def test_curves_keep_the_newest_points_in_order():
    curves = Curves(points=4)
    for second in range(6):
        curves.append(float(second), {"a": second * 10})
    assert curves.times() == [2, 3, 4, 5]
    assert curves.values("a") == [20, 30, 40, 50]
    assert (curves.times(1), curves.values("a", 1)) == ([4, 5], [40, 50])
    assert curves.values("unknown") == []


def test_what_was_not_measured_is_none():
    curves = Curves(points=4)
    curves.append(1.0, {"a": 1.0})
    curves.append(2.0, {"a": None, "b": 2.0})
    curves.append(3.0, {"b": 3.0})
    assert curves.values("a") == [1.0, None, None]
    assert curves.values("b") == [None, 2.0, 3.0]


@given(st.lists(st.dictionaries(st.sampled_from("abc"), st.none() | st.integers(0, 1000)), max_size=30))
def test_curves_equal_a_plain_list(rows):
    curves = Curves(points=7)
    for second, row in enumerate(rows):
        curves.append(float(second), row)
    for name in curves.names:
        assert curves.values(name) == [row.get(name) for row in rows[-7:]]


def test_a_device_that_is_gone_is_forgotten():
    curves = Curves(points=3)
    curves.append(0.0, {"gone": 1.0, "stays": 1.0})
    for second in range(1, 8):
        curves.append(float(second), {"stays": 1.0})
    assert curves.names == ["stays"]


def test_a_day_of_coming_and_going_interfaces_stays_within_its_budget():
    """1.5 MB a host is all that a host may cost; its curves, at their worst, are a fifth of it."""
    history = History()
    for second in range(POINTS * 4):
        names = [f"tap{second * 50 + n}" for n in range(50)]
        interfaces = tuple(Interface(name, 1.0, 1.0, 0.0, 0.0) for name in names)
        history.add(replace(QUIET, monotonic=float(second), interfaces=interfaces, cores=(0.5,) * 512))
    assert len(history.names) <= MAX_SERIES
    assert history.size <= 330_000


def test_an_ordinary_host_s_curves_are_small():
    history = History()
    for second in range(POINTS + 10):
        history.add(replace(QUIET, monotonic=float(second)))
    assert len(history) == POINTS
    assert history.size < 50_000


def test_a_clock_that_is_set_moves_the_curve_and_does_not_tear_it():
    history = History()
    for second in range(10):
        wall = 5000.0 + second if second < 5 else 100.0 + second
        history.add(replace(QUIET, monotonic=float(second), seen=wall))
    assert history.times() == [100.0 + second for second in range(10)]
    assert len(history.values("cpu.busy", 3)) == 4


def texts(sample: Sample | None, facts: Facts | None = None) -> list[tuple[str, str]]:
    return [(issue.severity.value, issue.text) for issue in health(sample, facts)]


def test_a_quiet_host_has_no_issues():
    assert health(QUIET, Facts()) == []
    assert health(None) == []


@pytest.mark.parametrize(
    ("percent", "severity"),
    [(89.9, None), (90, "warning"), (96.9, "warning"), (97, "critical"), (100, "critical")],
)
def test_disks_nearly_full(percent, severity):
    found = health(replace(QUIET, filesystems=(disk(percent, "/srv"),)))
    assert [(issue.severity.value, issue.link, issue.subject) for issue in found] == (
        [(severity, "disks", "/srv")] if severity else []
    )


def test_a_read_only_disk_is_that_and_not_full():
    assert texts(replace(QUIET, filesystems=(disk(99, read_only=True),))) == [("warning", "/ is read-only")]


def test_an_empty_disk_is_not_full():
    assert texts(replace(QUIET, filesystems=(Filesystem("/", "ext4", "x", 0, 0, 0),))) == []


def test_memory_pressure():
    assert texts(replace(QUIET, pressure=Pressure(memory_full=0.15))) == [
        ("warning", "Everything waits for memory 15% of the time")
    ]
    assert health(replace(QUIET, pressure=Pressure(memory_full=0.5)))[0].severity is Severity.CRITICAL


def test_little_memory_counts_where_pressure_is_unknown():
    small = replace(QUIET, memory=Memory(100, 4, 0, 0, 0))
    assert texts(small) == []
    assert texts(replace(small, pressure=Pressure())) == [
        ("warning", "Less than 5 % of the memory is available")
    ]


def test_swapping_both_ways_is_thrashing_but_one_way_is_not():
    assert texts(replace(QUIET, swapped_in=0.0, swapped_out=9e9)) == []
    assert texts(replace(QUIET, swapped_in=9e6, swapped_out=9e6)) == [
        ("warning", "Memory is swapped out and in again all the time")
    ]


def test_load_counts_by_core():
    assert texts(replace(QUIET, load=(9.0, 3.9, 1.0))) == []
    assert texts(replace(QUIET, load=(1.0, 4.0, 1.0))) == [("warning", "Load 4.0 on 2 cores for 5 minutes")]
    assert texts(replace(QUIET, load=(1.0, 8.0, 1.0), cores=(1.0,)))[0] == (
        "critical",
        "Load 8.0 on 1 core for 5 minutes",
    )


@pytest.mark.parametrize(
    ("skew", "error", "expected"),
    [
        (1.9, 0.0, []),
        (-2.5, 1.0, []),
        (-5.0, 0.1, [("warning", "The clock is 5 s behind")]),
        (3600.0, 0.1, [("critical", "The clock is 3,600 s ahead")]),
    ],
)
def test_the_clock(skew, error, expected):
    assert texts(QUIET, Facts(clock_skew=skew, clock_error=error)) == expected


def test_worst_first_and_a_pending_restart_last():
    sample = replace(QUIET, filesystems=(disk(91, "/a"), disk(99, "/b")))
    assert texts(sample, Facts(reboot_reason="updated packages: linux-image")) == [
        ("critical", "/b is 99 % full"),
        ("warning", "/a is 91 % full"),
        ("notice", "Restart pending: updated packages: linux-image"),
    ]
