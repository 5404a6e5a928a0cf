"""What a bench found, each line with min, median and max, and as a ratio to what it is held against.

The lines are printed together at the end of the run (tests/bench/conftest.py), so that no `-s` is needed.
"""

from __future__ import annotations

import os
import statistics
from collections.abc import Sequence

LINES: list[str] = []


def report(
    name: str,
    values: Sequence[float] | float,
    unit: str,
    *,
    aim: float | None = None,
    least: float | None = None,
    over: Sequence[float] | float | None = None,
    aim_over: float | None = None,
) -> None:
    """`aim`: the most that the median should be, `least` the least; `over`: what it is held against, `aim_over` the most
    times of it."""
    measured = list(values) if isinstance(values, Sequence) else [values]
    middle = statistics.median(measured)
    parts = [f"{name:<62}", spread(measured), f"{unit:<8}"]
    if aim is not None:
        parts.append(f"{middle / aim:5.2f} x the aim of {shown(aim)} {unit} {verdict(middle <= aim)}")
    if least is not None:
        parts.append(f"{middle / least:5.2f} x the aim of {shown(least)} {unit} {verdict(middle >= least)}")
    if over is not None:
        other = statistics.median(over) if isinstance(over, Sequence) else over
        ratio = middle / other if other else float("inf")
        aimed = f" (aim {aim_over:g}) {verdict(ratio <= aim_over)}" if aim_over is not None else ""
        parts.append(f"{ratio:5.2f} x {shown(other)} {unit}{aimed}")
    LINES.append("  ".join(part.rstrip() if part is parts[-1] else part for part in parts))


def spread(values: Sequence[float]) -> str:
    if len(values) == 1:
        return f"{shown(values[0]):>26}"
    figures = min(values), statistics.median(values), max(values)
    return f"{' / '.join(shown(figure) for figure in figures):>26}"


def shown(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def verdict(reached: bool) -> str:
    return "reached" if reached else "MISSED"


def noise() -> str:
    """What else the machine did while it measured."""
    load = " ".join(f"{value:.1f}" for value in os.getloadavg())
    return f"min / median / max; {os.cpu_count()} cores, load {load} at the end"
