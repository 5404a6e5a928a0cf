"""Pages of made-up hosts and units, and a stream that changes them on request."""

import asyncio
import json
import math
import time

from django.core.exceptions import PermissionDenied
from django.http import HttpResponse, JsonResponse
from django.shortcuts import render
from django.template.loader import render_to_string

from console.access import public, signed_in
from console.errors import NoEngine
from console.streams import Denied, Stream

NOW = time.time
COLUMNS = ("name", "state", "words", "os", "cpu", "memory", "disk", "failed", "containers", "tone")
FLEET = [
    ("db2", "unreachable", "as of 40 s ago", "Debian 13", None, None, 71, 0, 0, "danger"),
    ("build1", "online", "", "Fedora CoreOS 42", 97, 88, 93, 2, 5, "danger"),
    ("web1", "online", "", "Debian 13", 12, 43, 55, 0, 9, ""),
    ("web2", "online", "", "Debian 13", 9, 41, 54, 0, 9, ""),
    ("edge-frankfurt-07", "connecting", "", "Fedora IoT 42", 3, 22, 80, 0, 2, "warn"),
]


def unit(index, state="active", sub="running"):
    names = (
        "nginx",
        "sshd",
        "postgresql@16-main",
        "systemd-journald",
        "dbus-broker",
        "podman-auto-update",
        "cron",
        "chrony",
    )
    kind = ("service", "socket", "timer")[index % 3 if index > 7 else 0]
    name = f"{names[index % 8]}{'' if index < 8 else f'-{index}'}.{kind}"
    if index in (3, 9):
        state, sub = "failed", "failed"
    elif index % 5 == 4:
        state, sub = "inactive", "dead"
    tone = "danger" if state == "failed" else ""
    return {
        "id": f"unit-{index}",
        "name": name,
        "state": state,
        "sub": sub,
        "type": kind,
        "tone": tone,
        "description": f"A service that does its work <b>number {index}</b>",
        "enabled": ("enabled", "disabled", "static")[index % 3],
        "memory": (index * 7919 % 300) * 1024 * 1024 if state == "active" else None,
        "since": NOW() - 37 * index**2 - 3,
        "key": f"{0 if state == 'failed' else 1}-{name}",
        "cpu": (index * 31 % 90) / 10 if state == "active" else None,
        "source": f"/verbs/{name}/",
    }


def verbs_of(name):
    restart = f"Restart {name} on web1?"
    return [
        {
            "title": "Restart",
            "href": "/verb/",
            "icon": "restart",
            "confirm": restart,
            "confirm_text": "Connections are cut.",
        },
        {"title": "Stop", "href": "/verb/", "icon": "stop"},
        {"separator": True},
        {"title": "Mask", "href": "/verb/", "icon": "lock", "danger": True, "confirm": f"Mask {name} on web1?"},
    ]


def wave(phase, size=60):
    return [50 + 40 * math.sin((i + phase) / 6) for i in range(size)]


@signed_in
async def fleet(request):
    rows = [
        dict(zip(COLUMNS, row, strict=True))
        | {
            "curve": [value * (row[4] or 0) / 100 for value in wave(index * 9)],
            "since": NOW() - 86400 * index - 40,
        }
        for index, row in enumerate(FLEET)
    ]
    return render(request, "preview/fleet.html", {"nav": "overview", "rows": rows})


@signed_in
async def units(request):
    number = int(request.GET.get("number", "60"))
    rows = sorted((unit(index) for index in range(number)), key=lambda row: row["key"])
    context = {
        "nav": "units",
        "host": {"name": "web1"},
        "rows": rows,
        "types": [("service", "Services"), ("socket", "Sockets"), ("timer", "Timers")],
    }
    return render(request, "preview/units.html", context)


@signed_in
async def host(request):
    now = int(NOW())
    context = {
        "nav": "host",
        "verbs": verbs_of("web1"),
        "host": {"name": "web1"},
        "wave": wave(0),
        "wave2": wave(30),
        "history": [list(range(now - 299, now + 1)), wave(0, 300), wave(40, 300)],
        "facts": [
            ("OS", "Debian GNU/Linux 13 (trixie)"),
            ("Kernel", "6.12.48+deb13-amd64"),
            ("Machine id", "4c1b0f7d9a3e4f5c8b2a6d1e0f9c7b3a"),
            ("Virtualisation", "kvm"),
            ("Hardware", None),
        ],
        "series": json.dumps([{"label": "user"}, {"label": "system"}]),
        "booted": NOW() - 86400 * 3,
    }
    return render(request, "preview/host.html", context)


@signed_in
async def states(request):
    context = {
        "nav": "states",
        "error": NoEngine("dial unix /run/podman/podman.sock: connect: no such file"),
        "seen": NOW() - 40,
        "incident": "3f2a9c1b7d4e",
    }
    return render(request, "preview/states.html", context)


@signed_in
async def verb(request):
    await asyncio.sleep(0.3)
    toast = {
        "partial": True,
        "state": "succeeded",
        "title": "nginx.service restarted",
        "text": "on web1, in 0.2 s",
        "href": "/operations/7/",
    }
    return HttpResponse(render_to_string("components/toast.html", toast, request))


@signed_in
async def verbs(request, name):
    return render(request, "preview/verbs.html", {"verbs": verbs_of(name)})


@signed_in
async def palette(request):
    query = request.GET.get("q", "").lower()
    found = [
        {"label": name, "hint": "host", "href": f"/host/{name}/", "kind": "host"}
        for name, *_ in FLEET
        if query in name
    ]
    return JsonResponse({"results": found})


@public
def refused(request):
    raise PermissionDenied


class Preview(Stream):
    """Plays back what the test asks for: {"play": [[kind, payload], ...]}; {"close": code} ends the line."""

    async def authorise(self):
        pass

    async def run(self):
        self.asked = asyncio.Queue()
        await self.send_message("hello", resumed=self.scope["query_string"].decode())
        ticking = asyncio.create_task(self.tick())
        try:
            while True:
                for kind, payload in await self.asked.get():
                    await self.send_message(kind, **payload)
        finally:
            ticking.cancel()

    async def tick(self):
        """A sample a second."""
        for second in range(100_000):
            await asyncio.sleep(1)
            value = 50 + 40 * math.sin(second / 6)
            await self.send_message("patch", patch={"tile-cpu": {"cpu": f"{value:.0f} %", "cpu-curve": value}})
            await self.send_message("sample", samples={"cpu": [int(NOW()), value, value / 2]})

    async def received(self, message):
        if "close" in message:
            await self.close(message["close"])
        if "play" in message:
            await self.asked.put(message["play"])
        if "render" in message:
            row = unit(message["render"]) | message.get("with", {})
            await self.asked.put([["html", {"html": render_to_string("preview/units.html#row", {"row": row})}]])


class Closed(Stream):
    async def authorise(self):
        raise Denied

    async def run(self):
        pass
