"""The relayed sites as they were known last, sealed on local disk, for a worker that starts while the database is away.

Only what that takes is kept: where each site's stations are passed on to, which stations those are, what is stored of their keys.
"""

import asyncio
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from ocpp_gateway.commands.sealing import Sealer
from ocpp_gateway.relay.upstreams import Upstream
from ocpp_gateway.stations.admission import Keys

log = logging.getLogger(__name__)

NAME = "known"
SEALED_FOR = "relay: last known"
LOOK_S = 2.0


@dataclass(frozen=True, slots=True)
class KnownSite:
    """A relayed site and its stations with their keys (None: it never had any)."""

    upstream: Upstream
    stations: Mapping[str, Keys | None]


class LastKnown:
    """What a data folder holds; workers of one folder know the same."""

    def __init__(self, folder: Path, sealer: Sealer) -> None:
        self._file = folder / NAME
        self._sealer = sealer
        self._kept: Sequence[KnownSite] | None = None

    def read(self) -> list[KnownSite]:
        """Return the sites that were known last; none where nothing was kept, or under another secret."""
        try:
            content = self._sealer.open(SEALED_FOR, self._file.read_bytes())
        except FileNotFoundError:
            return []
        except OSError as error:
            log.error("relay: what was known last cannot be read: %s", error)
            return []
        if content is None:
            log.error("relay: what was known last was sealed under another secret")
            return []
        return [_site(item) for item in content["sites"]]

    async def keep(self, known: Callable[[], Sequence[KnownSite]]) -> None:
        """Keep what is known now whenever it has changed, until cancelled."""
        if not self._sealer.seals:
            log.warning("relay: without YOUGUAN_STATION_KEY_SECRET no worker can pass on before the database is there")
        while True:
            try:
                if self._sealer.seals:
                    await self.keep_now(known())
            except OSError as error:
                log.error("relay: what is known cannot be kept: %s", error)
            await asyncio.sleep(LOOK_S)

    async def keep_now(self, sites: Sequence[KnownSite]) -> None:
        """Keep these, durably, where they are not what was kept last."""
        if sites != self._kept and (sites or self._file.exists()):
            content = {"sites": [{"upstream": asdict(site.upstream), "stations": site.stations} for site in sites]}
            await asyncio.to_thread(_replace, self._file, self._sealer.seal(SEALED_FOR, content))
        self._kept = sites


def _site(item: dict[str, Any]) -> KnownSite:
    return KnownSite(Upstream(**item["upstream"]), {id: _keys(keys) for id, keys in item["stations"].items()})


def _keys(keys: dict[str, str | None] | None) -> Keys | None:
    return None if keys is None else {key: datetime.fromisoformat(at) if at else None for key, at in keys.items()}


def _replace(file: Path, content: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh = file.with_name(f"{file.name}.{os.getpid()}")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as opened:
        opened.write(content)
        opened.flush()
        os.fsync(opened.fileno())
    fresh.replace(file)
