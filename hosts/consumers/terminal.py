"""A terminal's bytes, both ways.

To the page: `attached` {id, login, fresh}; `output` {data: base64, resume: the offset after it, replay, skipped};
`dropped` (input that the host did not read); `over` {reason, title, detail, code}; `confirm` (who is it? ask again).
From the page: {"input": text} or {"binary": latin-1 text}, {"resize": [columns, rows]}, {"drawn": offset},
{"hidden": bool}, {"end": true}.
The page says what its terminal has drawn; at most UNDRAWN bytes are on their way, so that Ctrl-C is answered at once.
"""

from __future__ import annotations

import asyncio
import base64
import time
from typing import Any
from urllib.parse import parse_qs

from console import sessions
from console.errors import ConsoleError, Unreachable
from console.streams import Denied, Stream
from console.supervisor import supervisor
from hosts.access import host_of_stream
from hosts.models import LOGIN, Host
from hosts.terminal import Ending, Output, Owner, Terminal, own_login, terminal_size, terminals

UNDRAWN = 256 * 1024  # bytes
TOUCH_EVERY = 10.0  # seconds


class TerminalStream(Stream):
    host: Host

    async def authorise(self) -> None:
        self.host = await host_of_stream(self._arguments, self.rights, "hosts.terminal")
        if not self.rights.allows("hosts.terminal", self.host, self._login or own_login(self.host)):
            raise Denied

    async def run(self) -> None:
        try:
            found = await self._find()
        except Unreachable:
            raise  # the page tries again, and gets its terminal once the host is back
        except ConsoleError as error:
            found = Ending("failed", error.title, f"{error.detail} {error.remedy}".strip())
        if isinstance(found, Terminal):
            found = await self._show(found)
        if found:
            await self.send_message(
                "over", reason=found.reason, title=found.title, detail=found.detail, code=found.code
            )
        else:
            await self.send_message("confirm")

    # --- finding or opening it

    @property
    def _arguments(self) -> dict[str, str]:
        arguments: dict[str, str] = self.scope["url_route"]["kwargs"]
        return arguments

    def _asked(self, name: str) -> str:
        return parse_qs(self.scope["query_string"].decode("ascii", "replace")).get(name, [""])[0]

    @property
    def _login(self) -> str:
        login = self._asked("login")
        if login and not LOGIN.fullmatch(login):
            raise Denied
        return login

    async def _find(self) -> Terminal | Ending | None:
        """None: a new terminal needs the user to say again who they are."""
        client = self.scope.get("client") or ("",)
        owner = Owner(self.user, self.scope["session"].session_key, client[0])
        terminal_id = self._arguments["terminal"]
        found = terminals.find(owner, self.host, terminal_id)
        if found:
            return found
        if self._asked("resume"):
            return Ending("lost", "Vigie was started anew meanwhile, and the terminal is gone")
        if not terminals.invited(owner, self.host, terminal_id):
            return None
        size = terminal_size(self._asked("columns"), self._asked("rows"))
        return await terminals.open(owner, self.host, terminal_id, self._login, size)

    # --- showing it

    async def _show(self, terminal: Terminal) -> Ending:
        resume = self._asked("resume")
        reader = terminal.attach(int(resume) if resume.isdecimal() else None)
        self._terminal, self._drawn, self._drew = terminal, reader.offset, asyncio.Event()
        try:
            await self.send_message(
                "attached", id=terminal.id, login=terminal.login, anew=str(reader.offset) != resume
            )
            while isinstance(output := await reader.next(), Output):
                await self._send(output)
            return output
        finally:
            terminal.detach(reader)

    async def _send(self, output: Output) -> None:
        await self.send_message(
            "output",
            data=base64.b64encode(output.data).decode("ascii"),
            resume=str(output.end),
            replay=output.replay,
            skipped=output.skipped,
        )
        while output.end - self._drawn > UNDRAWN:
            self._drew.clear()
            await self._drew.wait()

    # --- what the page says

    _terminal: Terminal | None = None
    _touched = 0.0

    async def received(self, message: dict[str, Any]) -> None:
        match message:
            case {"drawn": int(offset)}:
                self._drawn = max(self._drawn, offset)
                self._drew.set()
            case {"input": str(text)}:
                await self._type(text.encode("utf-8", "replace"))
            case {"binary": str(text)}:
                await self._type(text.encode("latin-1", "replace"))
            case {"resize": [int(columns), int(rows)]} if self._terminal:
                size = terminal_size(columns, rows)
                self._terminal.resize(size.columns, size.rows)
            case {"hidden": bool(hidden)} if self._terminal:
                self._terminal.hide(hidden)
            case {"end": True} if self._terminal:
                self._terminal.end()

    async def _type(self, data: bytes) -> None:
        if not self._terminal or self._terminal.reader is None:
            return
        if not self._terminal.type(
            data
        ):  # sent past the flow control: waiting here would hold up acknowledgements
            await self.send(text_data='{"kind":"dropped"}')
        if time.monotonic() - self._touched > TOUCH_EVERY:
            self._touched = time.monotonic()
            supervisor.spawn("touch a session", sessions.touch_stored(self.scope["session"].session_key))
