"""What we add to a conversation that is another's: told before it is sent, kept from who did not ask, never in the way."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.server import ServerConnection

from ocpp_gateway.protocol.frames import Answer, Call
from ocpp_gateway.relay.turns import MOST_OPEN
from tests.ocpp_gateway.relayed import Relay, relay_of, until

PROBE = Call("ours", "TriggerMessage", {"requestedMessage": "Heartbeat"})


@pytest.fixture
async def relay() -> AsyncIterator[Relay]:
    async with relay_of(may_send=True) as relay:
        yield relay


class Ends:
    """What became of a command."""

    def __init__(self) -> None:
        self.got: list[Answer | None] = []

    def answered(self, answer: Answer | None, _: str) -> None:
        self.got.append(answer)


async def announced(relay: Relay) -> list[Any]:
    """Wait until the upstream has been told; return the call."""
    await until(lambda: bool(relay.system.got))
    found: list[Any] = json.loads(relay.system.got.pop(0))
    return found


async def heard(station: ClientConnection) -> list[Any]:
    message: list[Any] = json.loads(await asyncio.wait_for(station.recv(), 20))
    return message


async def pass_through(relay: Relay, station: ClientConnection, upstream: ServerConnection) -> None:
    """Show that the way is open in both directions and that nothing else was on it."""
    await station.send('["up"]')
    await until(lambda: bool(relay.system.got))
    assert relay.system.got == ['["up"]']
    relay.system.got.clear()
    await upstream.send('["down"]')
    assert await station.recv() == '["down"]'


@pytest.mark.parametrize(
    "reply", [[3, {"status": "Accepted"}], [3, {"status": "UnknownVendorId"}], [4, "NotImplemented", "", {}]], ids=str
)
async def test_the_upstream_hears_first_and_its_answer_goes_no_further(relay: Relay, reply: list[Any]) -> None:
    ends = Ends()
    async with relay.both() as (station, upstream):
        relay.conversation().ask(PROBE, ends.answered)
        kind, told, action, payload = await announced(relay)
        assert (kind, action, payload["vendorId"]) == (2, "DataTransfer", "youguan")
        assert json.loads(payload["data"]) == {"command": "ours", "action": "TriggerMessage"}
        await upstream.send(json.dumps([reply[0], told, *reply[1:]]))
        assert await heard(station) == [2, "ours", "TriggerMessage", {"requestedMessage": "Heartbeat"}]
        await station.send('[3,"ours",{"status":"Accepted"}]')
        await until(lambda: bool(ends.got))
        await pass_through(relay, station, upstream)
    assert [answer and answer.payload for answer in ends.got] == [{"status": "Accepted"}]
    frames = [entry.frame for entry in relay.recorder.entries if entry.sent]
    assert len(frames) == 1, "our call is on record as sent"


async def test_an_upstream_that_does_not_answer_is_no_permission(relay: Relay) -> None:
    ends = Ends()
    async with relay.both() as (station, upstream):
        relay.conversation().ask(PROBE, ends.answered)
        _, told, *_ = await announced(relay)
        relay.conversation().give_up("ours")  # as the timer does
        assert ends.got == [None]
        await upstream.send(json.dumps([3, told, {"status": "Accepted"}]))
        await pass_through(relay, station, upstream)


@pytest.mark.parametrize("side", ["upstream", "station"])
async def test_what_we_add_waits_until_the_side_in_whose_place_we_speak_has_its_own_answer(
    relay: Relay, side: str
) -> None:
    async with relay.both() as (station, upstream):
        if side == "upstream":
            await station.send('[2,"own","Heartbeat",{}]')
            await until(lambda: len(relay.system.got) == 1)
            relay.system.got.clear()
            relay.conversation().ask(PROBE, Ends().answered)
            await pass_through(relay, station, upstream)
            await upstream.send('[3,"own",{"currentTime":"2026-05-04T12:00:00Z"}]')
            assert await station.recv() == '[3,"own",{"currentTime":"2026-05-04T12:00:00Z"}]'
            assert (await announced(relay))[2] == "DataTransfer"
        else:
            await upstream.send('[2,"theirs","ClearCache",{}]')
            await heard(station)
            relay.conversation().ask(PROBE, Ends().answered)
            _, told, *_ = await announced(relay)
            await upstream.send(json.dumps([3, told, {"status": "Accepted"}]))
            await pass_through(relay, station, upstream)
            await station.send('[3,"theirs",{"status":"Accepted"}]')
            assert (await heard(station))[1] == "ours"


async def test_never_two_calls_are_open_at_the_upstream(relay: Relay) -> None:
    """A station's call waits for the answer to our announcement, and goes on at once without it."""
    ends = Ends()
    async with relay.both() as (station, upstream):
        relay.conversation().ask(PROBE, ends.answered)
        _, told, *_ = await announced(relay)
        await station.send('[2,"own","Heartbeat",{}]')
        await pass_through(relay, station, upstream)  # what is no call is not kept back
        relay.conversation().give_up("ours")
        relay.conversation().ask(Call("next", "ClearCache", {}), ends.answered)
        await pass_through(relay, station, upstream)  # the announcement of what was given up is open all the same
        await upstream.send(json.dumps([3, told, {"status": "Accepted"}]))
        await until(lambda: relay.system.got == ['[2,"own","Heartbeat",{}]'])
        relay.system.got.clear()
        await upstream.send('[3,"own",{"currentTime":"2026-05-04T12:00:00Z"}]')
        await station.recv()
        assert json.loads((await announced(relay))[3]["data"])["command"] == "next"
        await station.send('[2,"a","Heartbeat",{}]')
        await station.send('[2,"b","Heartbeat",{}]')
        await until(lambda: relay.system.got == ['[2,"a","Heartbeat",{}]', '[2,"b","Heartbeat",{}]'])
        assert ends.got == [None, None], "who has two open itself waits for nobody"


async def test_an_upstream_that_never_answers_keeps_a_call_back_for_moments_only(relay: Relay) -> None:
    ends = Ends()
    async with relay.both() as (station, upstream):
        relay.conversation().ask(PROBE, ends.answered)
        await announced(relay)
        await station.send('[2,"own","Heartbeat",{}]')
        await pass_through(relay, station, upstream)
        relay.conversation()._announced_in_vain()  # as the timer does
        await until(lambda: relay.system.got == ['[2,"own","Heartbeat",{}]'])
        assert ends.got == [None], "and nothing is sent"


async def test_a_call_that_is_kept_back_goes_before_the_stations_goodbye(relay: Relay) -> None:
    async with relay.both() as (station, _):
        relay.conversation().ask(PROBE, Ends().answered)
        await announced(relay)
        await station.send('[2,"own","Heartbeat",{}]')
    await until(lambda: relay.system.got == ['[2,"own","Heartbeat",{}]'])


async def test_without_a_policy_nothing_is_sent() -> None:
    ends = Ends()
    async with relay_of() as relay, relay.both() as (station, upstream):
        relay.conversation().ask(PROBE, ends.answered)
        assert ends.got == [None]
        await pass_through(relay, station, upstream)


async def test_a_late_answer_to_us_goes_no_further(relay: Relay) -> None:
    ends = Ends()
    async with relay.both() as (station, upstream):
        relay.conversation().ask(PROBE, ends.answered)
        _, told, *_ = await announced(relay)
        await upstream.send(json.dumps([3, told, {"status": "Accepted"}]))
        await heard(station)
        relay.conversation().give_up("ours")
        await station.send('[3,"ours",{"status":"Accepted"}]')
        await pass_through(relay, station, upstream)
    assert ends.got == [None]


async def test_the_upstreams_call_goes_on_while_ours_is_open_and_gets_its_own_answer(relay: Relay) -> None:
    ends = Ends()
    async with relay.both() as (station, upstream):
        relay.conversation().ask(PROBE, ends.answered)
        _, told, *_ = await announced(relay)
        await upstream.send(json.dumps([3, told, {"status": "Accepted"}]))
        await heard(station)
        await upstream.send('[2,"theirs","ClearCache",{}]')
        assert (await heard(station))[1] == "theirs"
        await station.send('[3,"theirs",{"status":"Accepted"}]')
        await until(lambda: relay.system.got == ['[3,"theirs",{"status":"Accepted"}]'])
        assert ends.got == []
        await station.send('[3,"ours",{"status":"Accepted"}]')
        await until(lambda: bool(ends.got))
    assert len(relay.system.got) == 1


async def test_an_id_that_the_upstream_uses_is_the_upstreams(relay: Relay) -> None:
    ends = Ends()
    async with relay.both() as (station, upstream):
        await upstream.send('[2,"ours","ClearCache",{}]')
        await heard(station)
        relay.conversation().ask(PROBE, ends.answered)
        assert ends.got == [None], "it is not sent under an id that is in use"
        await station.send('[3,"ours",{"status":"Accepted"}]')
        await until(lambda: relay.system.got == ['[3,"ours",{"status":"Accepted"}]'])


async def test_commands_go_one_after_the_other_and_end_with_the_connection(relay: Relay) -> None:
    first, second = Ends(), Ends()
    async with relay.both() as (station, upstream):
        talk = relay.conversation()
        talk.ask(PROBE, first.answered)
        talk.ask(Call("next", "ClearCache", {}), second.answered)
        _, told, *_ = await announced(relay)
        await upstream.send(json.dumps([3, told, {"status": "Accepted"}]))
        await heard(station)
        assert relay.system.got == [], "the second waits"
        await station.send('[4,"ours","NotSupported","no",{}]')
        _, told, _, payload = await announced(relay)
        assert json.loads(payload["data"])["command"] == "next"
    await until(lambda: bool(second.got))
    assert [answer and answer.error for answer in first.got] == ["NotSupported"]
    assert second.got == [None]
    talk.ask(PROBE, second.answered)
    assert second.got == [None, None], "nothing is asked of who is gone"


async def test_what_is_remembered_is_bounded(relay: Relay) -> None:
    async with relay.both() as (station, upstream):
        for number in range(MOST_OPEN * 2):
            await upstream.send(json.dumps([2, f"u{number}", "ClearCache", {}]))
            await station.send(json.dumps([2, f"s{number}", "BootNotification", {}]))
            await station.recv()
        await until(lambda: len(relay.system.got) == MOST_OPEN * 2)
        talk = relay.conversation()
        noting = talk._noting
        assert (len(noting._asked), len(noting._awaiting)) == (MOST_OPEN, MOST_OPEN)
        assert len(talk._of_station._since) == len(talk._of_upstream._since) == MOST_OPEN
