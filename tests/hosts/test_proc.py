"""The samplers' parsers: what /proc says, and whatever else a host may send instead."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hosts.samplers import proc
from hosts.samplers.mounts import Mount, disks, parse_df, parse_mount, parse_mountinfo, unescape
from hosts.samplers.reading import (
    CpuTimes,
    Reading,
    Requests,
    Survey,
    Traffic,
    cpu_between,
    grown,
    sample_between,
)
from hosts.samplers.remote import parse_counters, parse_survey

UPTIME = "100.50 180.00\n"
STAT = """\
cpu  100 10 50 1000 20 5 5 10 30 0
cpu0 60 5 25 500 10 5 0 5 30 0
cpu1 40 5 25 500 10 0 5 5 0 0
intr 386277 0 0
btime 1795575734
"""
LOADAVG = "0.51 0.40 0.30 2/345 6789\n"
MEMINFO = """\
MemTotal:       1000 kB
MemFree:         100 kB
MemAvailable:    600 kB
Buffers:          10 kB
Cached:          200 kB
SwapTotal:       500 kB
SwapFree:        400 kB
SReclaimable:     30 kB
HugePages_Total:       0
"""
PSI = "some avg10=12.50 avg60=0.61 avg300=0.87 total=13950565\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n"
NET = """\
Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:    3193      29    0    0    0     0          0         0     3193      29    0    0    0     0       0          0
  eth0:1000 10 1 2 0 0 0 0 500 5 3 4 0 0 0 0
"""
DISKSTATS = """\
   7       0 loop0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0
 254       0 vda 38035 9074 2000 16811 59521 73833 1000 33433 0 10376 53455 43604 30 3741368 2714 13335 496
 254       1 vda1 1 1 1 1 1 1 1 1 0 1 1
"""
BOOT = "7f7e13a8-8e66-4be9-a73d-903641df0323\n"
FRAME = "Linux\n".join([UPTIME, STAT, LOADAVG, MEMINFO, PSI, PSI, "", NET, DISKSTATS, BOOT])


def test_a_reading():
    reading = parse_counters(FRAME)
    assert reading.uptime == 100.5
    assert reading.boot_time == 1795575734
    assert reading.cpu == CpuTimes(user=110, system=60, idle=1000, iowait=20, steal=10)
    assert len(reading.cores) == 2
    assert (reading.load, reading.threads) == ((0.51, 0.40, 0.30), 345)
    assert (reading.memory.total, reading.memory.used) == (1000 * 1024, 400 * 1024)
    assert (reading.memory.cached, reading.memory.swap_used) == (240 * 1024, 100 * 1024)
    assert (reading.pressure.cpu_some, reading.pressure.cpu_full) == (0.125, 0.0)
    assert (reading.pressure.io_some, reading.pressure.io_full) == (None, None)
    assert reading.interfaces["eth0"] == Traffic(received=1000, sent=500, errors=4, drops=6)
    assert reading.devices["vda"] == Requests(read=2000 * 512, written=1000 * 512, busy=10376)
    assert reading.boot_id == BOOT.strip()


def test_a_kernel_without_pressure_and_available_memory():
    frame = FRAME.replace(PSI, "").replace("MemAvailable:    600 kB\n", "")
    reading = parse_counters(frame)
    assert reading.pressure.cpu_some is None
    assert reading.memory.available == (100 + 240) * 1024


@given(st.integers(0, len(FRAME)), st.integers(0, len(FRAME)), st.text(max_size=40))
def test_a_garbled_frame_is_no_exception(start, length, garbage):
    reading = parse_counters(FRAME[:start] + garbage + FRAME[start + length :])
    if reading:
        sample_between(reading, reading, Survey())
        sample_between(parse_counters(FRAME), reading, Survey())


@given(st.text())
def test_any_text_is_no_exception(text):
    parse_counters(text)
    parse_counters("Linux\n".join([UPTIME, *[text] * 9]))
    _, mounts = parse_survey(text)
    parse_df(text, mounts)


@given(st.text(alphabet="0123456789.eE+-infaINFANx_٣²", max_size=400))
def test_only_plain_numbers_are_numbers(text):
    value = proc.seconds(text)
    assert value is None or 0 <= value < 1e21
    found = proc.numbers([text])
    assert found is None or 0 <= found[0] < 10**20


@given(st.lists(st.integers(0, 2**64 - 1), min_size=16, max_size=16), st.integers(0, 2**70))
def test_the_largest_counters_are_kept_and_larger_ones_refused(values, huge):
    line = f"  eth0: {' '.join(map(str, values))}\n"
    assert proc.parse_net_dev(line)["eth0"].received == values[0]
    broken = f"  eth0: {huge}{'0' * 21} {' '.join(map(str, values[1:]))}\n"
    assert proc.parse_net_dev(broken) == {}


def test_what_a_host_can_make_us_keep_is_bounded():
    net = "".join(f"veth{n}: {' 1' * 16}\n" for n in range(5000))
    stat = "".join(f"cpu{n} 1 1 1 1\n" for n in range(5000))
    disk = "".join(f" 8 0 sd{n} 1 1 1 1 1 1 1 1 1 1 1\n" for n in range(5000))
    assert len(proc.parse_net_dev(net)) == proc.MAX_INTERFACES
    assert len(proc.parse_stat(stat)[1]) == proc.MAX_CORES
    assert len(proc.parse_diskstats(disk)) == proc.MAX_DEVICES


# --- counters become rates ---


@pytest.mark.parametrize(
    ("before", "now", "growth"),
    [
        (5, 5, 0),
        (5, 9, 4),
        (2**32 - 10, 20, 30),  # wrapped at 32 bits
        (2**31, 20, None),  # reset
        (2**40, 20, None),
    ],
)
def test_growth_of_a_counter(before, now, growth):
    assert grown(before, now) == growth


@given(*[st.builds(CpuTimes, *[st.integers(0, 2**64).map(float)] * 5)] * 2)
def test_shares_of_time_are_fractions(before, now):
    cpu = cpu_between(before, now)
    if cpu:
        parts = (cpu.user, cpu.system, cpu.iowait, cpu.steal, cpu.busy)
        assert all(0 <= part <= 1.0001 for part in parts)
        assert cpu.busy == pytest.approx(cpu.user + cpu.system + cpu.steal)


def reading(uptime: float, sent: int, boot: str = "a", name: str = "eth0") -> Reading:
    return Reading(
        uptime, boot_id=boot, interfaces={name: Traffic(0, sent, 0, 0)}, cpu=CpuTimes(uptime, 0, 1, 0, 0)
    )


def test_a_rate_is_growth_over_the_host_s_own_time():
    sample = sample_between(reading(10, 100), reading(12, 400), Survey())
    assert (sample.interfaces[0].sent, sample.span) == (150, 2)
    assert sample.cpu.busy == 1.0


@pytest.mark.parametrize(
    ("before", "now"),
    [
        (reading(10, 100), reading(5, 400)),  # its clock began anew
        (reading(10, 100), reading(12, 400, boot="b")),  # it booted meanwhile
        (reading(10, 100), reading(12, 40)),  # the counter was reset
        (reading(10, 100), reading(12, 400, name="eth1")),  # new
    ],
)
def test_no_rate_without_a_comparable_reading(before, now):
    sample = sample_between(before, now, Survey())
    assert sample.interfaces[0].sent is None


def test_no_cpu_share_across_a_reboot():
    assert sample_between(reading(10, 1), reading(12, 1, boot="b"), Survey()).cpu is None


def test_partitions_loops_cables_and_the_loopback_are_not_shown():
    found = parse_counters(FRAME)
    survey = Survey(whole_devices=frozenset({"vda", "loop0"}), physical_interfaces=frozenset({"eth0"}))
    sample = sample_between(found, found, survey)
    assert [device.name for device in sample.devices] == ["vda"]
    assert [(i.name, i.physical) for i in sample.interfaces] == [("eth0", True)]


def test_swapping_is_a_rate_between_surveys():
    first = Survey(swapped_in=1000, swapped_out=0)
    assert Survey(swapped_in=3000, swapped_out=10).since(first, 10.0).swap_rates == (200, 1)
    assert first.since(Survey(), 10.0).swap_rates == (None, None)


# --- mounts ---


def mount(point: str, *, device: str = "8:1", root: str = "/", kind: str = "ext4", options: str = "rw") -> str:
    return f"36 35 {device} {root} {point} rw,noatime shared:1 - {kind} /dev/source {options}"


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\0/"), min_size=1, max_size=30))
def test_any_name_of_a_folder_survives_the_mount_table(name):
    escaped = "".join(f"\\{ord(c):03o}" if c in " \t\n\\#" else c for c in f"/mnt/{name}")
    found = parse_mountinfo(mount(escaped))
    assert [m.point for m in found] == [f"/mnt/{name}"]


def test_octal_escapes_end_after_three_digits():
    assert unescape(r"/a\0401\134b") == r"/a 1\b"


def points(*lines: str) -> list[str]:
    return [found.point for found in disks(parse_mountinfo("\n".join(lines)))]


def test_a_container_host_shows_its_overlay_root_once_and_no_bind_mounts():
    assert points(
        mount("/", device="0:40", kind="overlay"),
        mount("/etc/hosts", root="/run/containers/hosts"),
        mount("/var/lib/containers", root="/volumes/x/_data"),
        mount("/var/lib/containers/storage/overlay/l/merged", device="0:77", kind="overlay"),
        mount("/run", device="0:41", kind="tmpfs"),
    ) == ["/"]


def test_an_ostree_host_shows_its_root_not_the_deployment_s_binds():
    assert points(
        mount("/", root="/ostree/deploy/os/deploy/abc.0"),
        mount("/sysroot"),
        mount("/var", root="/ostree/deploy/os/var"),
        mount("/boot", device="8:2"),
    ) == ["/", "/boot"]


def test_a_composefs_root_is_an_image_and_no_full_disk():
    assert points(mount("/", device="0:30", kind="overlay", options="ro"), mount("/sysroot", kind="xfs")) == [
        "/sysroot"
    ]


def test_subvolumes_of_btrfs_are_one_disk():
    assert points(
        mount("/home", device="0:33", root="/@home", kind="btrfs"),
        mount("/", device="0:33", root="/@", kind="btrfs"),
    ) == ["/"]


def test_a_disk_mounted_over_another_hides_it():
    assert [
        found.device for found in disks(parse_mountinfo(mount("/mnt") + "\n" + mount("/mnt", device="8:9")))
    ] == ["8:9"]


def test_network_file_systems_and_control_characters_are_not_asked():
    assert points(mount("/net", kind="nfs4"), mount("/a\\012b"), mount("/ok", device="8:3")) == ["/ok"]


@given(st.text())
def test_any_line_is_a_mount_or_none(text):
    found = parse_mount(text)
    assert found is None or isinstance(found, Mount)


DF = """\
Filesystem     1024-blocks   Used Available Capacity Mounted on
/dev/my disk           100     40        60      40% /
/dev/sdb1             1000      0      1000       0% /mnt/a b
"""


def test_df_of_mounts_with_blanks():
    mounts = parse_mountinfo(mount("/") + "\n" + mount("/mnt/a\\040b"))
    root, other = parse_df(DF, mounts)
    assert (root.mount_point, root.total, root.used, root.full) == ("/", 102400, 40960, 0.4)
    assert (other.mount_point, other.full) == ("/mnt/a b", 0.0)


def test_a_mount_that_df_leaves_out_is_left_out():
    mounts = parse_mountinfo("\n".join([mount("/"), mount("/gone"), mount("/mnt/a\\040b")]))
    assert [disk.mount_point for disk in parse_df(DF, mounts)] == ["/", "/mnt/a b"]


def test_busybox_names_another_mount_of_the_same_disk():
    mounts = parse_mountinfo(mount("/") + "\n" + mount("/data"))
    assert [disk.mount_point for disk in parse_df(DF, mounts)] == ["/", "/data"]


def test_a_survey():
    survey, mounts = parse_survey(
        "Linux\n".join(
            [
                mount("/") + "\n",
                "pswpin 3\npswpout 4\npgfault 99\n",
                "57\n/sys/block/cciss!c0d0 /sys/block/vda\n/sys/class/net/eth0/device\n",
            ]
        )
    )
    assert survey.processes == 57
    assert survey.whole_devices == {"cciss/c0d0", "vda"}
    assert survey.physical_interfaces == {"eth0"}
    assert (survey.swapped_in, survey.swapped_out) == (3 * 4096, 4 * 4096)
    assert [found.point for found in mounts] == ["/"]


def test_patterns_that_match_nothing_are_no_names():
    survey, _ = parse_survey("Linux\nLinux\n1\n/sys/block/*\n/sys/class/net/*/device\n")
    assert survey.physical_interfaces == frozenset()
