"""What every template writes with: times, sizes, states, icons, small curves.

A state is a word, an icon and a tone, never a colour alone. Absent numbers are an en dash.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from console.access import Scope

register = template.Library()

ABSENT = "\u2013"
NBSP = "\u00a0"  # keeps a number and its unit on one line

_WORDS = {
    "ok": "success active running online healthy succeeded live enabled mounted listening waiting up",
    "warn": "stale degraded unhealthy masked paused stopping deactivating restarting cancelled warning",
    "danger": "failed refused unreachable error critical not-found bad-setting denied",
    "busy": "connecting activating reloading starting asked refreshing auto-restart",
    "info": "info staged",
    "unknown": "unknown",
}
TONES = {word: tone for tone, words in _WORDS.items() for word in words.split()}
# slug, path after the host's, title, icon, the capability that its page asks for
HOST_SECTIONS = (
    ("host", "", "Overview", "overview", "hosts.view"),
    ("units", "units/", "Units", "units", "units.view"),
    ("timers", "timers/", "Timers", "clock", "units.view"),
    ("journal", "journal/", "Journal", "journal", "journal.view"),
    ("containers", "containers/", "Containers", "containers", "workloads.view"),
    ("terminal", "terminal/", "Terminal", "terminal", "hosts.terminal"),
)
WHOLE = {
    "journal": "*"
}  # without a unit in its address this page shows every unit's: for those who may see all


# --- icons and states


@register.simple_tag
def icon(name: str, label: str = "") -> SafeString:
    """`{% icon "ok" %}`: a symbol of console.css in the text's colour; with a label when it stands alone."""
    if label:
        return format_html('<i class="i i-{}" role="img" aria-label="{}"></i>', name, label)
    return format_html('<i class="i i-{}" aria-hidden="true"></i>', name)


def tone(state: object) -> str:
    """ "ok", "warn", "danger", "busy", "info", "unknown" or "off" (neither good nor bad: inactive, exited, disabled)."""
    return TONES.get(str(state).lower(), "off")


@register.filter(name="tone")
def tone_filter(state: object) -> str:
    return tone(state)


@register.filter
def state_label(state: object, words: str = "") -> SafeString:
    """`{{ unit.active_state|state_label }}`; `words` replace the state's own: `"stale"|state_label:"as of 40 s ago"`."""
    known = tone(state)
    return format_html(
        '<span class="state state-{}"><i class="i i-{}" aria-hidden="true"></i>{}</span>',
        known, known, words or state,
    )  # fmt: skip


# --- times

STEPS = ((60, "s", 1), (3600, "min", 60), (86400, "h", 3600), (86400 * 60, "d", 86400))


def span(seconds: float) -> str:
    """ "12 s", "3 min", "4 h", "5 d", "7 mo": the same steps as frame.js ticks with."""
    for limit, unit, size in STEPS:
        if seconds < limit:
            return f"{int(seconds // size)}{NBSP}{unit}"
    if seconds < 86400 * 730:
        return f"{int(seconds // (86400 * 30))}{NBSP}mo"
    return f"{int(seconds // (86400 * 365))}{NBSP}y"


def relative(seconds: float) -> str:
    """Seconds ago, or ahead when negative."""
    if abs(seconds) < 1:
        return "now"
    return f"{span(seconds)} ago" if seconds > 0 else f"in {span(-seconds)}"


@register.filter
def duration(seconds: float | None) -> str:
    """Seconds as "1.2 s", "3 min 20 s", "4 h 5 min", "6 d 7 h"."""
    if seconds is None:
        return ABSENT
    if seconds < 1:
        return f"{seconds * 1000:.0f}{NBSP}ms"
    if seconds < 60:
        return f"{seconds:.1f}{NBSP}s" if seconds < 10 else f"{seconds:.0f}{NBSP}s"
    units = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))
    first = next(index for index, (size, _) in enumerate(units) if seconds >= size)
    (big, big_unit), (small, small_unit) = units[first], units[first + 1]
    rest = int(seconds % big // small)
    head = f"{int(seconds // big)}{NBSP}{big_unit}"
    return f"{head} {rest}{NBSP}{small_unit}" if rest else head


def _moment(value: datetime | float) -> datetime:
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    return datetime.fromtimestamp(value, UTC)


@register.filter
def age(value: datetime | float | None, form: str = "ago") -> SafeString | str:
    """A datetime or epoch seconds as "3 min ago", exact on hover; `age:"span"`: "3 min"; `age:"clock"`: the exact time."""
    if value is None:
        return ABSENT
    moment = _moment(value)
    seconds = time.time() - moment.timestamp()
    exact = moment.strftime("%Y-%m-%d %H:%M:%S UTC")
    text = {"span": span(abs(seconds)), "clock": exact}.get(form) or relative(seconds)
    return format_html(
        '<time datetime="{}" title="{}" data-age="{}">{}</time>',
        moment.isoformat(timespec="seconds"), exact, form, text,
    )  # fmt: skip


# --- numbers


def _scaled(value: float, units: Sequence[str], base: int) -> str:
    size, last = float(value), len(units) - 1
    for index, unit in enumerate(units):
        if abs(size) < base or index == last:
            digits = 0 if index == 0 or abs(size) >= 100 else 1
            return f"{size:.{digits}f}{NBSP}{unit}"
        size /= base
    raise AssertionError


@register.filter(name="bytes")
def bytes_filter(value: float | None) -> str:
    """Bytes in binary units: "1.2 GiB"."""
    return ABSENT if value is None else _scaled(value, ("B", "KiB", "MiB", "GiB", "TiB", "PiB"), 1024)


@register.filter
def rate(value: float | None) -> str:
    """Bytes a second: "1.2 MiB/s"."""
    return ABSENT if value is None else f"{bytes_filter(value)}/s"


@register.filter
def percent(value: float | None, digits: int = 0) -> str:
    """A number from 0 to 100: "42 %"; `percent:1`: "42.1 %"."""
    return ABSENT if value is None else f"{value:.{digits}f}{NBSP}%"


@register.filter
def count(value: int | None) -> str:
    """12345 as "12 345"."""
    return ABSENT if value is None else f"{value:,}".replace(",", "\u202f")


# --- curves

WIDTH, HEIGHT = 60, 18  # samples, units of height


@register.simple_tag
def sparkline(
    values: Sequence[float], top: float | None = None, field: str = "", label: str = ""
) -> SafeString:
    """The last 60 numbers as a curve. `top`: the number at the upper edge (100 for percent), else the largest one.
    `field`: stream patches of this field push a number (chart.js)."""
    shown = [max(0.0, float(value)) for value in values][-WIDTH:]
    limit = top or max(shown, default=0.0) or 1.0
    points = [
        f"{WIDTH - len(shown) + i} {HEIGHT - min(v, limit) / limit * (HEIGHT - 1):.1f}"
        for i, v in enumerate(shown)
    ]
    line = "M" + "L".join(points) if points else ""
    area = f"{line}V{HEIGHT}H{WIDTH - len(shown)}Z" if points else ""
    name = format_html('role="img" aria-label="{}"', label) if label else mark_safe('aria-hidden="true"')
    return format_html(
        '<svg class="spark" viewBox="0 0 {} {}" preserveAspectRatio="none" {}{} data-limit="{}"{}>'
        '<path class="spark-area" d="{}"/><path class="spark-line" d="{}"/></svg>',
        WIDTH - 1, HEIGHT, name, format_html(' data-field="{}"', field) if field else "", f"{limit:g}",
        format_html(' data-top="{}"', f"{top:g}") if top else "", area, line,
    )  # fmt: skip


@register.simple_tag
def meter(
    value: float | None, label: str, field: str = "", warn: float = 75, danger: float = 90
) -> SafeString | str:
    """A bar from 0 to 100, amber from `warn` and red from `danger` on; beside it stands the number."""
    if value is None:
        return ABSENT
    named = format_html(' data-field="{}"', field) if field else ""
    return format_html(
        '<meter min="0" max="100" low="{}" high="{}" optimum="0" value="{}" aria-label="{}"{}></meter>',
        warn, danger, f"{value:.1f}", label, named,
    )  # fmt: skip


@register.simple_tag(takes_context=True)
def host_sections(context: dict[str, Any], host: Scope) -> list[tuple[str, str, str, str]]:
    """What a host's navigation has for this user: (slug, path, title, icon). What would be a 404 is not offered."""
    allows = context["rights"].allows
    return [section[:4] for section in HOST_SECTIONS if allows(section[4], host, WHOLE.get(section[0]))]
