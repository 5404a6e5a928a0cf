"""The bus against a real dbus-daemon, and against far ends that misbehave."""

import asyncio
from pathlib import Path

import pytest
from dbus_next import Message, MessageType
from dbus_next import Variant as Sent

from console.errors import (
    AnswerTimedOut,
    Busy,
    ConnectionTimedOut,
    Disconnected,
    Failed,
    InvalidInput,
    NoDBus,
    NotAuthorised,
    NotFound,
    Unsupported,
)
from hosts.dbus.bus import Bus, Signal, Subscription, Variant
from hosts.dbus.signals import Rule
from tests.fakes.dbus import Peer, daemon, peer, socket_that

HELLO = b"DATA\r\nOK 0123456789abcdef\r\n"


def left(files):
    """Tasks besides the asking one, and descriptors that were not open before."""
    tasks = [task.get_name() for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    return tasks + list(set(open_files()) - set(files))


def open_files():
    return [path.name for path in Path("/proc/self/fd").iterdir()]


@pytest.fixture(autouse=True)
async def nothing_left():
    """No task and no descriptor survives a test."""
    files = open_files()
    yield
    for _ in range(50):
        if not left(files):
            return
        await asyncio.sleep(0.02)
    assert not left(files)


@pytest.fixture
async def running(nothing_left, tmp_path):
    async with daemon(tmp_path / "bus") as process:
        yield process


@pytest.fixture
async def bus(running, tmp_path):
    connected = await Bus.connect(str(tmp_path / "bus"))
    yield connected
    await connected.close()


@pytest.fixture
async def service(running, tmp_path):
    async with peer(tmp_path / "bus") as answering:
        yield answering


async def ask(bus, member, signature="", body=(), **options):
    return await bus.call(Peer.NAME, Peer.PATH, Peer.NAME, member, signature, body, **options)


async def settled(bus):
    """After a round trip everything sent before it has arrived."""
    await bus.call("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "GetId")
    await asyncio.sleep(0)


class TestConnect:
    async def test_gets_a_unique_name(self, bus):
        assert bus.unique_name.startswith(":1.")
        assert not bus.closed

    @pytest.mark.parametrize(
        "said",
        [
            b"",
            b"DATA\r\n",
            b"DATA\r\nOK 01",
            HELLO,
            b"SSH-2.0-OpenSSH\r\n",
            b"x" * 300_000,
            HELLO + b"l\2\1\1" + b"\xff" * 12,
            HELLO + b"?" * 64,
        ],
    )
    async def test_far_end_that_says_something_and_closes(self, tmp_path, said):
        async def conversation(_, writer):
            writer.write(said)
            await writer.drain()

        async with socket_that(tmp_path / "bus", conversation):
            with pytest.raises(NoDBus):
                await Bus.connect(str(tmp_path / "bus"), timeout=3)

    async def test_far_end_that_closes_after_listening(self, tmp_path):
        async def conversation(reader, writer):
            await reader.readuntil(b"BEGIN\r\n")

        async with socket_that(tmp_path / "bus", conversation):
            with pytest.raises(NoDBus):
                await Bus.connect(str(tmp_path / "bus"), timeout=3)

    @pytest.mark.parametrize("said", [b"", b"DATA\r\n", HELLO])
    async def test_far_end_that_never_answers(self, tmp_path, said):
        async def conversation(_, writer):
            writer.write(said)
            await asyncio.sleep(60)

        async with socket_that(tmp_path / "bus", conversation):
            with pytest.raises(ConnectionTimedOut):
                await Bus.connect(str(tmp_path / "bus"), timeout=0.2)

    async def test_refused_identity(self, tmp_path):
        async def conversation(_, writer):
            writer.write(b"REJECTED EXTERNAL\r\n")
            await asyncio.sleep(1)

        async with socket_that(tmp_path / "bus", conversation):
            with pytest.raises(NotAuthorised):
                await Bus.connect(str(tmp_path / "bus"), timeout=3)

    async def test_no_identity_is_sent(self, tmp_path):
        heard = []

        async def conversation(reader, writer):
            heard.append(await reader.readuntil(b"BEGIN\r\n"))

        async with socket_that(tmp_path / "bus", conversation):
            with pytest.raises(NoDBus):
                await Bus.connect(str(tmp_path / "bus"), timeout=3)
        assert heard == [b"\0AUTH EXTERNAL\r\nDATA\r\nBEGIN\r\n"]

    async def test_no_socket(self, tmp_path):
        with pytest.raises(NoDBus):
            await Bus.connect(str(tmp_path / "absent"))
        Path(tmp_path / "file").touch()
        with pytest.raises(NoDBus):
            await Bus.connect(str(tmp_path / "file"))

    async def test_cancelled(self, tmp_path):
        async def conversation(_, writer):
            await asyncio.sleep(60)

        async with socket_that(tmp_path / "bus", conversation):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.1):
                    await Bus.connect(str(tmp_path / "bus"))


class TestCall:
    async def test_plain_values(self, bus, service):
        nested = Sent("v", Sent("a{sv}", {"deep": Sent("(sv)", ["x", Sent("ay", b"\1\2")])}))
        service.says("Get", "a{sv}", {"a": Sent("t", 2**64 - 1), "b": nested})
        assert await ask(bus, "Get") == [{"a": 2**64 - 1, "b": {"deep": ["x", b"\1\2"]}}]

    async def test_properties(self, bus, service):
        service.says("GetAll", "a{sv}", {"Name": Sent("s", "x")})
        service.says("Get", "v", Sent("as", ["y"]))
        assert await bus.get_all(Peer.NAME, Peer.PATH, Peer.NAME) == {"Name": "x"}
        assert await bus.get(Peer.NAME, Peer.PATH, Peer.NAME, "Names") == ["y"]

    async def test_arguments_arrive(self, bus, service):
        service.says("Take")
        await ask(bus, "Take", "sa(sv)as", ["ünit", (("A", Variant("s", "b")),), ("c",)])
        assert service.asked[0].body[0] == "ünit"
        assert service.asked[0].body[1][0][1].value == "b"

    async def test_timeout_leaves_nothing_and_a_late_answer_disturbs_nobody(self, bus, service):
        service.answers["Slow"] = lambda call: None
        with pytest.raises(AnswerTimedOut) as raised:
            await ask(bus, "Slow", timeout=0.1)
        assert not raised.value.outcome_known
        assert not bus._connection._method_return_handlers
        late = service.asked[0]
        service.says("Quick", "s", "ok")
        await service.bus.send(type(late).new_method_return(late, "s", ["late"]))
        assert await ask(bus, "Quick") == ["ok"]

    async def test_cancelled_call_leaves_nothing(self, bus, service):
        service.answers["Slow"] = lambda call: None
        call = asyncio.create_task(ask(bus, "Slow"))
        await asyncio.sleep(0.05)
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)
        assert not bus._connection._method_return_handlers

    @pytest.mark.parametrize(
        ("name", "expected"),
        [
            ("org.freedesktop.DBus.Error.AccessDenied", NotAuthorised),
            ("org.freedesktop.DBus.Error.InteractiveAuthorizationRequired", NotAuthorised),
            ("org.freedesktop.systemd1.NoSuchUnit", NotFound),
            ("org.freedesktop.DBus.Error.UnknownObject", NotFound),
            ("org.freedesktop.DBus.Error.NoReply", AnswerTimedOut),
            ("org.freedesktop.DBus.Error.InvalidArgs", InvalidInput),
            ("org.freedesktop.login1.OperationInProgress", Busy),
            ("org.freedesktop.systemd1.UnitMasked", Failed),
        ],
    )
    async def test_errors_by_name(self, bus, service, name, expected):
        service.fails("Do", name, "because\x1b[31m of\n<b>this</b>")
        with pytest.raises(expected) as raised:
            await ask(bus, "Do")
        assert type(raised.value) is expected
        assert raised.value.detail == "because [31m of <b>this</b>"
        assert raised.value.facts["dbus_error"] == name

    async def test_nobody_there(self, bus):
        with pytest.raises(Unsupported):
            await bus.call("org.example.Nobody", "/", "org.example.Nobody", "Do")

    async def test_peer_that_dies_while_it_works(self, bus, running, tmp_path):
        async with peer(tmp_path / "bus", "org.example.Mortal") as mortal:
            mortal.answers["Slow"] = lambda call: None
            call = asyncio.create_task(bus.call("org.example.Mortal", "/", "org.example.Mortal", "Slow"))
            await asyncio.sleep(0.05)
        with pytest.raises(AnswerTimedOut):
            await call

    @pytest.mark.parametrize(
        ("signature", "body"),
        [
            ("s", ["a\0b"]),
            ("s", ["\ud800"]),
            ("as", [["ok", "\0"]]),
            ("a{sv}", [{"k": Variant("s", "\0")}]),
            ("s", [5]),
            ("s", []),
        ],
    )
    async def test_what_cannot_be_sent_is_refused_before(self, bus, service, signature, body):
        with pytest.raises(InvalidInput):
            await ask(bus, "Take", signature, body)
        service.says("Take")
        assert await ask(bus, "Take", "s", ["ok"]) == []

    @pytest.mark.parametrize("path", ["", "no/slash", "/a b", "/a\n", "/a/"])
    async def test_bad_paths(self, bus, path):
        with pytest.raises(InvalidInput):
            await bus.call(Peer.NAME, path, Peer.NAME, "Do")

    @pytest.mark.parametrize("name", ["org.example.Peer\n", "org.example.P\xe9er", "no-dots", "", "a.b\0"])
    async def test_bad_names(self, bus, name):
        for names in [
            (name, "/", Peer.NAME, "Do"),
            (Peer.NAME, "/", name, "Do"),
            (Peer.NAME, "/", Peer.NAME, name),
        ]:
            with pytest.raises(InvalidInput):
                await bus.call(*names)
        await settled(bus)

    async def test_more_than_a_socket_holds_at_once(self, bus, service):
        service.answers["Length"] = lambda call: call.new_method_return(call, "u", [len(call.body[0])])
        assert await ask(bus, "Length", "s", ["x" * 3_000_000]) == [3_000_000]

    async def test_answer_of_another_form(self, bus, service):
        service.says("List", "s", "not a list")
        with pytest.raises(Failed):
            await ask(bus, "List", returns="as")

    async def test_large_answer_keeps_its_place_among_signals(self, bus, service):
        order = []
        rows = [[f"unit-{n}.service", "x" * 100] for n in range(3000)]
        await bus.subscribe(lambda signal: order.append(signal.body[0]), interface=Peer.NAME)

        def answer(call):
            service.bus.send(call.new_signal(Peer.PATH, Peer.NAME, "S", "s", ["before"]))
            service.bus.send(call.new_method_return(call, "a(ss)", [rows]))
            service.bus.send(call.new_signal(Peer.PATH, Peer.NAME, "S", "s", ["after"]))

        service.answers["List"] = answer
        (listed,) = await ask(bus, "List", returns="a(ss)")
        assert order[0] == "before"
        assert listed == rows
        await settled(bus)
        assert order == ["before", "after"]


class TestEnd:
    async def test_daemon_killed(self, bus, service, running):
        service.answers["Slow"] = lambda call: None
        call = asyncio.create_task(ask(bus, "Slow"))
        waiting = asyncio.create_task(bus.wait_closed())
        await asyncio.sleep(0.05)
        running.kill()
        with pytest.raises(Disconnected) as raised:
            await asyncio.wait_for(call, 2)
        assert not raised.value.outcome_known
        await asyncio.wait_for(waiting, 2)
        with pytest.raises(Disconnected) as raised:
            await ask(bus, "Slow")
        assert raised.value.outcome_known

    async def test_close_ends_calls_and_may_be_repeated(self, bus, service):
        service.answers["Slow"] = lambda call: None
        call = asyncio.create_task(ask(bus, "Slow"))
        await asyncio.sleep(0.05)
        await bus.close()
        with pytest.raises(Disconnected):
            await call
        await bus.close()
        await asyncio.wait_for(bus.wait_closed(), 1)

    async def test_subscription_outlives_the_connection_quietly(self, bus, running):
        subscription = await bus.subscribe(print, interface=Peer.NAME)
        running.kill()
        await bus.wait_closed()
        await subscription.close()
        with pytest.raises(Disconnected):
            await bus.subscribe(print, interface=Peer.NAME)


class TestSubscribe:
    async def rules(self, bus):
        (rules,) = await bus.call(
            "org.freedesktop.DBus",
            "/org/freedesktop/DBus",
            "org.freedesktop.DBus.Debug.Stats",
            "GetAllMatchRules",
        )
        return rules[bus.unique_name]

    async def test_identical_rules_cost_one(self, bus):
        got = []
        subscriptions = [await bus.subscribe(got.append, interface=Peer.NAME) for _ in range(600)]
        assert len(await self.rules(bus)) == 1
        for subscription in subscriptions[1:]:
            await subscription.close()
            await subscription.close()
        assert len(await self.rules(bus)) == 1
        await subscriptions[0].close()
        assert await self.rules(bus) == []

    async def test_refused_rule_leaves_nothing(self, bus):
        with pytest.raises(Failed):
            await bus.subscribe(print, interface="not an interface")
        assert not bus._subscriptions
        assert await self.rules(bus) == []

    async def test_routing(self, bus, service):
        got = {}

        async def want(name, **rule):
            got[name] = []
            await bus.subscribe(lambda signal: got[name].append(signal.path + "." + signal.member), **rule)

        await want("namespace", path_namespace="/a/b")
        await want("path", path="/a/b/c", interface="org.example.I")
        await want("member", member="Two", sender=Peer.NAME)
        await want("arg0", arg0="x", interface="org.example.I")
        for path, member, body in [("/a/b", "One", "x"), ("/a/b/c", "Two", "y"), ("/a/bc", "One", "xy")]:
            await service.emit(path, "org.example.I", member, "s", body)
        await settled(bus)
        await asyncio.sleep(0.05)
        assert got == {
            "namespace": ["/a/b.One", "/a/b/c.Two"],
            "path": ["/a/b/c.Two"],
            "member": ["/a/b/c.Two"],
            "arg0": ["/a/b.One"],
        }

    async def test_a_signal_is_whole(self, bus, service):
        got = []
        await bus.subscribe(got.append, interface="org.example.I")
        await service.emit("/a", "org.example.I", "M", "sv", "x", Sent("as", ["y"]))
        await asyncio.sleep(0.05)
        assert got == [Signal("/a", "org.example.I", "M", ["x", ["y"]], service.bus.unique_name)]

    async def test_only_the_names_owner_is_believed(self, bus, service, tmp_path):
        got = []
        await bus.subscribe(lambda signal: got.append(signal.body[0]), sender=Peer.NAME, interface=Peer.NAME)
        async with peer(tmp_path / "bus", "org.example.Liar") as liar:
            await liar.emit(Peer.PATH, Peer.NAME, "S", "s", "lie", to=bus.unique_name)
            await service.emit(Peer.PATH, Peer.NAME, "S", "s", "truth")
            await asyncio.sleep(0.05)
        assert got == ["truth"]

    async def test_owner_comes_goes_and_changes(self, bus, running, tmp_path):
        got, owners = [], []
        name = "org.example.Later"
        await bus.subscribe(lambda signal: got.append(signal.body[0]), sender=name, interface=name)
        await bus.subscribe(
            lambda signal: owners.append(bool(signal.body[2])),
            sender="org.freedesktop.DBus",
            member="NameOwnerChanged",
            arg0=name,
        )
        for turn in ("first", "second"):
            async with peer(tmp_path / "bus", name) as later:
                await later.emit("/", name, "S", "s", turn)
                await asyncio.sleep(0.05)
        await asyncio.sleep(0.05)
        assert got == ["first", "second"]
        assert owners == [True, False, True, False]

    async def test_a_receiver_that_fails_disturbs_nobody(self, bus, service, caplog):
        got = []

        def fail(signal):
            raise ValueError("mine")

        await bus.subscribe(fail, interface=Peer.NAME)
        await bus.subscribe(got.append, interface=Peer.NAME)
        await service.emit("/a", Peer.NAME, "S")
        await asyncio.sleep(0.05)
        assert len(got) == 1
        assert "the receiver of org.example.Peer.S failed" in caplog.text
        assert not bus.closed

    async def test_a_flood_lets_others_run(self, tmp_path):
        """Thousands of signals that have all arrived are delivered in turns, not in one go."""
        flood = b"".join(
            bytes(Message(message_type=MessageType.SIGNAL, serial=n, sender=":1.0", **a_signal(n))._marshall())
            for n in range(1, 2001)
        )

        async def conversation(reader, writer):
            await reader.readuntil(b"BEGIN\r\n")
            writer.write(b"DATA\r\nOK 01\r\n" + reply_to_hello() + flood)
            await asyncio.sleep(60)

        async with socket_that(tmp_path / "bus", conversation):
            bus = await Bus.connect(str(tmp_path / "bus"))
            turns, got = 0, []
            bus._subscriptions.append(Subscription(Rule(), got.append, None))
            while len(got) < 1000:
                await asyncio.sleep(0)
                turns += 1
            await bus.close()
        assert turns > 5


def a_signal(n):
    return {"path": Peer.PATH, "interface": Peer.NAME, "member": "S", "signature": "u", "body": [n]}


def reply_to_hello():
    hello = Message(path="/", member="Hello", serial=1)
    return bytes(Message.new_method_return(hello, "s", [":1.7"])._marshall())
