"""Units on a lab host to measure with."""

from __future__ import annotations

from tests.lab.hosts import LabHost

SLEEPER = "bench-sleeper.service"


def add_sleeper(host: LabHost) -> None:
    """A service that starts and stops at once."""
    unit = "[Unit]\\nDescription=Sleeps\\n[Service]\\nExecStart=sleep infinity\\n"
    host.shell(f"printf '{unit}' > /run/systemd/system/{SLEEPER}; systemctl daemon-reload")


def add_targets(host: LabHost, number: int) -> None:
    """So many units that are loaded and active, and cost nothing."""
    host.shell(
        f"cd /run/systemd/system; for i in $(seq {number}); do "
        'printf "[Unit]\\nDescription=Number $i of a great many units to list\\n" > "bench-$i.target"; done; '
        f'printf "[Unit]\\nWants=%s\\n" "$(seq -f bench-%g.target -s " " {number})" > bench-all.target; '
        "systemctl daemon-reload; systemctl start bench-all.target",
        timeout=120,
    )


def remove_targets(host: LabHost) -> None:
    host.shell(
        "systemctl stop bench-all.target; systemctl list-units --plain --no-legend 'bench-*.target' | "
        "awk '{print $1}' | xargs -r systemctl stop; rm -f /run/systemd/system/bench-*.target; systemctl daemon-reload",
        timeout=120,
    )
