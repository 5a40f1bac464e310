"""The door of stations that know only FTP: one file in by its one-time address, or the firmware that was named out, and no more.

aioftp reads and answers, holds the connections and their passive ports. What a station may do, and when it is told that it is
done, is said here: nothing is listed or made, active mode is not served, and 226 comes when the file is durable.
"""

import asyncio
import errno
import logging
import socket
import ssl
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aioftp
from aioftp.common import StreamIO

from ocpp_gateway import metrics
from ocpp_gateway.files.addresses import FIRMWARE, UPLOAD
from ocpp_gateway.files.depot import Depot, Gone, Upload
from ocpp_gateway.files.ftp.answers import ACTIVE, Work, allo, answer, gone, only, opts, rest_at, say, type_
from ocpp_gateway.files.ftp.transfers import DATA_WITHIN_S, Carry, chunks, over, send
from ocpp_gateway.files.ftp.visit import LONGEST_S, Login, Visit
from ocpp_gateway.files.ftp.words import command_of, reply_of
from ocpp_gateway.stations.admission import source_of
from ocpp_gateway.stations.attempts import Attempts
from youguan.clock import Clock
from youguan.database import AWAY
from youguan.disk import SILENCE_S
from youguan.errors import NotFound, YouguanError

log = logging.getLogger(__name__)

MOST, A_SOURCE = 100, 20
LONGEST_LINE = 1024
GONE = " gone"  # no client can say it: a verb holds no space
MEANWHILE = frozenset({"abor", "noop", "quit"})
FEATURES = ("EPSV", "PASV", "REST STREAM", "SIZE", "UTF8")
SECURE_FEATURES = ("AUTH TLS", "PBSZ", "PROT")


@dataclass(frozen=True, slots=True)
class Reach:
    """Where data connections go: the ports that may be had (None: any) and the address that is announced (None: ours)."""

    ports: Iterable[int] | None = None
    address: str | None = None


class FtpDoor(aioftp.Server):
    """Serves stations; `tls` gives the context in force, where there is a certificate."""

    def __init__(
        self, depot: Depot, clock: Clock, reach: Reach, tls: Callable[[], ssl.SSLContext] | None, attempts: Attempts
    ) -> None:
        super().__init__(socket_timeout=SILENCE_S, ipv4_pasv_forced_response_address=reach.address)
        self._depot = depot
        self._clock = clock
        self._tls = tls
        self._sources: Counter[str] = Counter()
        self._attempts = attempts
        self._ports = (0,) if reach.ports is None else tuple(reach.ports)
        self.connections = {}
        self.commands_mapping = {GONE: gone, **self._verbs()}

    def _verbs(self) -> dict[str, Work]:
        """Return what is understood; before a login only who somebody is, and how to speak."""
        free: dict[str, Work] = {
            "": say("501", "no control characters"), "user": self._user, "pass": self._pass, "quit": self._quit,
            "pbsz": self.pbsz, "prot": self._prot, "feat": self._feat, "syst": self.syst, "noop": say("200", "yes"),
            "opts": opts, "acct": say("202", "not needed"), "port": ACTIVE, "eprt": ACTIVE,
        }  # fmt: skip
        after_login: dict[str, Work] = {
            "type": type_, "mode": only("S"), "stru": only("F"), "allo": allo, "rest": rest_at,
            "pwd": say("257", '"/"'), "xpwd": say("257", '"/"'), **dict.fromkeys(("cwd", "xcwd"), self._cwd),
            **dict.fromkeys(("mkd", "xmkd"), self._mkd), **dict.fromkeys(("cdup", "xcup"), say("250", "/")),
            "pasv": self._pasv, "epsv": self._epsv, "size": self._size, "stor": self._stor, "retr": self._retr,
            "abor": self._abor, **dict.fromkeys(("list", "nlst", "mlsd", "mlst", "stat"), say("550", "nothing is listed")),
        }  # fmt: skip
        return {verb: self._in_turn(verb, work, needs_login=False) for verb, work in free.items()} | {
            verb: self._in_turn(verb, work) for verb, work in after_login.items()
        }

    def _in_turn(self, verb: str, work: Work, *, needs_login: bool = True) -> Work:
        """Let one command be done after the other, and refusals be answers."""

        async def carry_out(connection: aioftp.Connection, rest: str) -> bool:
            visit: Visit = connection.visit
            async with visit.turn:
                if needs_login and visit.login is None:
                    return answer(connection, "530", "USER and PASS first")
                if visit.busy and verb not in MEANWHILE:
                    return answer(connection, "503", "a file is on its way: ABOR, or wait")
                try:
                    return await work(connection, rest)
                except YouguanError as error:
                    return answer(connection, *reply_of(error))
                except AWAY as error:
                    log.warning("%s of %s: %s", verb, visit.source, error)
                    return answer(connection, "451", "not at this moment: try again later")

        return carry_out

    # --- connections ------------------------------------------------------------------------------------------------

    async def listen(self, listening: socket.socket) -> None:
        """Begin to take connections."""
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, 1)  # clients send ABOR as urgent data
        self.server_host, self.server_port = listening.getsockname()[:2]
        self.server = await asyncio.start_server(self.dispatcher, sock=listening, limit=LONGEST_LINE)

    async def end(self, within_s: float) -> None:
        """Take no more connections; let files arrive that are on their way, for so long, then end all."""
        self.server.close()
        transfers = [visit.transfer for visit in self._visits() if visit.transfer is not None]
        if transfers:
            await asyncio.wait(transfers, timeout=within_s)
        await self.close()

    def _visits(self) -> list[Visit]:
        return [connection.visit for connection in self.connections.values() if "visit" in connection]

    async def dispatcher(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve a connection, for a while."""
        source = str((writer.get_extra_info("peername") or ("",))[0])
        refusal = self._not_let_in(source)
        if refusal is not None:
            metrics.rejected.labels("ftp").inc()
            log.info("a station at %s is not let in: %s", source, refusal)
            writer.write(f"421 {refusal}\r\n".encode())
            writer.close()
            return
        self._sources[source] += 1
        try:
            async with asyncio.timeout(LONGEST_S):
                await super().dispatcher(reader, writer)
        except TimeoutError:
            log.info("a connection of %s is ended after %g s", source, LONGEST_S)
        except asyncio.CancelledError:
            log.info("a connection of %s is ended: the door closes", source)  # raised, asyncio would call it an error
        finally:
            if writer.transport.get_write_buffer_size():
                writer.transport.abort()  # closed, it would wait for ever for a client that does not read
            self._sources[source] -= 1
            self._sources += Counter()  # drops the zeros

    def _not_let_in(self, source: str) -> str | None:
        if len(self.connections) >= MOST:
            return "too many connections"
        return "too many connections of this address" if self._sources[source] >= A_SOURCE else None

    async def greeting(self, connection: aioftp.Connection, rest: object) -> bool:
        """Say that somebody is here."""
        connection.visit = Visit(str(connection.client_host))
        return answer(connection, "220", "Youguan: files of stations")

    async def write_line(self, stream: StreamIO, line: str) -> None:
        """Write, unless the client is gone: that is heard where it is read."""
        with suppress(OSError):
            await super().write_line(stream, line)

    async def parse_command(self, stream: StreamIO, censor_commands: object = ()) -> tuple[str, str]:
        """Return the next command. TLS begins here, where nothing else reads meanwhile."""
        connection = self.connections[stream]
        visit: Visit = connection.visit
        if visit.gone.is_set():
            await asyncio.get_running_loop().create_future()  # nothing more is read: until the connection is over
        while True:
            line, why = await visit.line(stream.reader)
            verb, rest = command_of(line) if line else (GONE, "")
            if verb == "auth" and await self._secure(connection, stream, rest):
                continue
            if why:
                connection.response("421", why)
            if verb in ("auth", GONE):
                visit.gone.set()
                return GONE, ""
            return verb, rest

    async def _secure(self, connection: aioftp.Connection, stream: StreamIO, rest: str) -> bool:
        """Go over to TLS (RFC 4217); False where that failed. What was said before is forgotten."""
        visit: Visit = connection.visit
        if visit.busy:
            return answer(connection, "503", "a file is on its way: ABOR, or wait")
        if self._tls is None or visit.secured or rest.upper() not in ("TLS", "TLS-C", "SSL"):
            return answer(connection, "504", "no such security here")
        with suppress(TimeoutError):
            async with asyncio.timeout(0):
                await stream.reader.read(1)
                return False  # somebody has put words in before the first that is safe
        stream.writer.write(b"234 go on\r\n")
        try:
            await stream.writer.start_tls(self._tls(), ssl_handshake_timeout=DATA_WITHIN_S)
        except OSError as error:
            log.info("TLS with %s failed: %s", visit.source, error)
            return False
        visit.secured, visit.user, visit.login = True, "", None
        del connection.logged
        return True

    async def _start_passive_server(
        self,
        connection: aioftp.Connection,
        handler_callback: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
    ) -> asyncio.Server:
        """Open a port for data of this client, and of nobody else."""
        visit: Visit = connection.visit

        async def checked(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            if (writer.get_extra_info("peername") or ("",))[0] == visit.source:
                await handler_callback(reader, writer)
            else:
                writer.close()

        # TLS from the first byte: a client begins with it as soon as it is connected.
        options: dict[str, Any] = {}
        if visit.private and self._tls is not None:
            options = {"ssl": self._tls(), "ssl_handshake_timeout": DATA_WITHIN_S}
        for port in self._ports:
            try:
                return await asyncio.start_server(checked, connection.server_host, port, **options)
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise
        raise aioftp.errors.NoAvailablePort

    # --- who it is, and how it speaks -------------------------------------------------------------------------------

    async def _user(self, connection: aioftp.Connection, rest: str) -> bool:
        visit: Visit = connection.visit
        visit.user, visit.login = rest, None
        del connection.logged
        if rest.lower() in ("anonymous", "ftp"):
            return answer(connection, "530", "nobody is anonymous here")
        return answer(connection, "331", "and the password")

    async def _pass(self, connection: aioftp.Connection, rest: str) -> bool:
        """Let in whoever has an address that holds, however many from there had none: nobody locks others out by guessing."""
        visit: Visit = connection.visit
        try:
            await self._check(visit.user, rest)
        except NotFound:
            return self._wrong(connection, visit)
        except Gone as error:
            return answer(connection, "530", error.detail)
        visit.login, connection.logged = Login(visit.user, rest), True
        return answer(connection, "230", "welcome")

    def _wrong(self, connection: aioftp.Connection, visit: Visit) -> bool:
        """Count a wrong try; who has had too many of late begins anew for each."""
        now = self._clock.now()
        self._attempts.note(source_of(visit.source), None, "file address", now)
        metrics.rejected.labels("ftp").inc()
        log.info("a station at %s shows a wrong address", visit.source)
        if not self._attempts.too_many(source_of(visit.source), now):
            return answer(connection, "530", "no such address")
        answer(connection, "421", "no such address, and too many wrong ones")
        return False

    async def _check(self, user: str, secret: str) -> None:
        if user == UPLOAD:
            await self._depot.expected(secret)
        elif user == FIRMWARE:
            await self._depot.open_firmware(secret)
        else:
            raise NotFound("nobody of this name")

    async def _prot(self, connection: aioftp.Connection, rest: str) -> bool:
        visit: Visit = connection.visit
        if not visit.secured:
            return answer(connection, "503", "AUTH TLS first")
        if rest.upper() not in ("P", "C"):
            return answer(connection, "504", "P or C")
        visit.private = rest.upper() == "P"
        if connection.future.passive_server.done():
            connection.passive_server.close()  # it spoke the other way
            del connection.passive_server
        return answer(connection, "200", "so be it")

    async def _feat(self, connection: aioftp.Connection, rest: str) -> bool:
        features = FEATURES + (SECURE_FEATURES if self._tls is not None else ())
        connection.response("211", ["Features:", *features, "End"], True)
        return True

    async def _cwd(self, connection: aioftp.Connection, rest: str) -> bool:
        """Let a station that brings a file go into folders of its own naming: there are none, and the file is kept all the same."""
        login: Login = connection.visit.login
        here = login.user == UPLOAD or rest.strip("/.") == ""
        return answer(connection, *(("250", "/") if here else ("550", "there is only /")))

    async def _mkd(self, connection: aioftp.Connection, rest: str) -> bool:
        login: Login = connection.visit.login
        there = login.user == UPLOAD
        return answer(connection, *(("257", '"/"') if there else ("550", "nothing is taken at this address")))

    async def _pasv(self, connection: aioftp.Connection, rest: str) -> bool:
        if ":" in connection.server_host:
            return answer(connection, "425", "EPSV: PASV knows no IPv6")
        return bool(await self.pasv(connection, ""))

    async def _epsv(self, connection: aioftp.Connection, rest: str) -> bool:
        """Open a port (RFC 2428); ALL promises to ask for it by no other word."""
        if rest.upper() == "ALL":
            return answer(connection, "200", "EPSV from now on")
        ours = "2" if ":" in connection.server_host else "1"
        if rest not in ("", ours):
            return answer(connection, "522", f"only here, by this protocol ({ours})")
        return bool(await self.epsv(connection, ""))

    async def _quit(self, connection: aioftp.Connection, rest: str) -> bool:
        visit: Visit = connection.visit
        if visit.transfer is not None:
            await asyncio.wait({visit.transfer})
        answer(connection, "221", "bye")
        return False

    # --- files ------------------------------------------------------------------------------------------------------

    async def _stor(self, connection: aioftp.Connection, rest: str) -> bool:
        """Take the file that the address is for."""
        visit: Visit = connection.visit
        login: Login = connection.visit.login
        if login.user != UPLOAD:
            raise NotFound("nothing is taken at this address")
        if visit.take_offset():
            return answer(connection, "554", "a file comes whole, from its beginning")
        await self._depot.expected(login.secret)

        async def take(data: aioftp.ThrottleStreamIO) -> str:
            upload = Upload(chunks(visit, data), visit.announced, visit.source, rest)
            return f"kept, SHA-256 {await self._depot.receive(login.secret, upload)}"

        return self._begin(connection, UPLOAD, take)

    async def _firmware(self, connection: aioftp.Connection, name: str) -> tuple[int, Path]:
        """Return how large the firmware of the address is, and where it lies; NotFound for any other name."""
        login: Login = connection.visit.login
        if login.user != FIRMWARE:
            raise NotFound("nothing is given at this address")
        row, path = await self._depot.open_firmware(login.secret)
        if name.removeprefix("/") != row["name"]:
            raise NotFound("there is no such file")
        return row["size_bytes"], path

    async def _size(self, connection: aioftp.Connection, rest: str) -> bool:
        size, _ = await self._firmware(connection, rest)
        return answer(connection, "213", str(size))

    async def _retr(self, connection: aioftp.Connection, rest: str) -> bool:
        """Give the firmware that the address is for, from where the client was cut off."""
        offset = connection.visit.take_offset()
        size, path = await self._firmware(connection, rest)
        if offset > size:
            return answer(connection, "554", f"it has {size} bytes")

        async def give(data: aioftp.ThrottleStreamIO) -> str:
            await send(path, offset, data)
            return "all of it"

        return self._begin(connection, FIRMWARE, give)

    def _begin(self, connection: aioftp.Connection, kind: str, carry: Carry) -> bool:
        """Carry a file beside the commands."""
        visit: Visit = connection.visit
        if not connection.future.passive_server.done():
            return answer(connection, "425", "PASV or EPSV first")
        visit.whole = False
        visit.transfer = asyncio.create_task(self._transfer(connection, kind, carry))
        connection.extra_workers.add(visit.transfer)
        return answer(connection, "150", "go on")

    async def _transfer(self, connection: aioftp.Connection, kind: str, carry: Carry) -> bool:
        """Say 226 when a file is where it should be, else why it is not."""
        visit: Visit = connection.visit
        try:
            reply = "226", await over(connection, carry)
        except YouguanError as error:
            reply = reply_of(error)
        except AWAY as error:
            reply = "451", "not at this moment: try again later"
            log.warning("a file of %s: %s", visit.source, error)
        except asyncio.CancelledError:
            metrics.ftp_transfers.labels(kind, "426").inc()
            log.info("%s, %s: cut off, nothing is kept", kind, visit.source)
            if not visit.aborted:
                raise
            return True
        metrics.ftp_transfers.labels(kind, reply[0]).inc()
        log.info("%s, %s: %s %s", kind, visit.source, *reply)
        return answer(connection, *reply)

    async def _abor(self, connection: aioftp.Connection, rest: str) -> bool:
        """Cut off what is on its way; what has come whole is kept or not, and that is said, before this is answered (RFC 959)."""
        visit: Visit = connection.visit
        if visit.busy and visit.transfer is not None and visit.whole:
            await asyncio.wait({visit.transfer})
        elif visit.busy and visit.transfer is not None:
            visit.aborted = True
            visit.transfer.cancel()
            await asyncio.wait({visit.transfer})
            visit.aborted = False
            answer(connection, "426", "cut off, nothing is kept")
        return answer(connection, "226", "nothing is on its way")
