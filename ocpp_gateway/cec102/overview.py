"""Platforms with the quality of their data, put together from what is stored."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg

from ocpp_gateway.cec102 import store
from ocpp_gateway.cec102.access import unseal
from ocpp_gateway.cec102.desk import PlatformDesk, sight_of
from ocpp_gateway.cec102.filed import store as registry
from ocpp_gateway.cec102.intake import store as intake
from ocpp_gateway.cec102.intake.placing import Places
from ocpp_gateway.cec102.intake.trial import Bench, Trial, attempt
from ocpp_gateway.cec102.measuring import Measuring
from ocpp_gateway.cec102.quality import (
    A_DAY,
    MOST_NAMED,
    Freshness,
    Quality,
    Traffic,
    brought_up_to_now,
    freshness_of,
    operator_contradictions,
    taken_at,
)
from ocpp_gateway.cec102.upward.answering import answer_to
from ocpp_gateway.cec102.upward.kept import store as upward
from ocpp_gateway.commands.sealing import Sealer
from ocpp_gateway.privacy import Mark
from youguan.auth import Principal
from youguan.clock import Clock


@dataclass(frozen=True, slots=True)
class Overview:
    """A platform as it is now."""

    platform: asyncpg.Record
    quality: Quality
    traffic: list[asyncpg.Record]
    queue: Mapping[str, Any]
    ambiguous: list[asyncpg.Record]


class Looking:
    """What those see of platforms who may."""

    def __init__(self, desk: PlatformDesk, sealer: Sealer, mark: Mark, clock: Clock) -> None:
        self.desk = desk
        self._sealer = sealer
        self._mark = mark
        self._clock = clock
        self._measuring = Measuring(clock)

    async def listed(self, who: Principal, after: str | None, limit: int) -> list[tuple[asyncpg.Record, Freshness]]:
        """Return the platforms that somebody sees, with how fresh they are."""
        async with self.desk.pool.acquire() as connection:
            rows = await store.list_platforms(connection, sight_of(who), after, limit)
        return [(row, self._freshness(row)) for row in rows]

    def _freshness(self, row: asyncpg.Record) -> Freshness:
        now = self._clock.now()
        return freshness_of(heard_at(row, now), now, self.desk.profile_of(row))

    async def of(self, who: Principal, operator_id: str) -> Overview:
        """Return one platform; NotFound beyond somebody's bounds."""
        row = await self.desk.seen_by(who, operator_id)
        now = self._clock.now()
        profile = self.desk.profile_of(row)
        async with self.desk.pool.acquire() as connection:
            measured = await self._measuring.quality_of(connection, operator_id, profile)
            unclear = await registry.ambiguous(connection, operator_id, MOST_NAMED)
            traffic = await intake.traffic(connection, operator_id, now - A_DAY)
            queue = await upward.queue_of(connection, operator_id)
            taken = await self._measuring.taken_by(connection, operator_id)
        contradicted = operator_contradictions(row["told_uscc"], row["organisation_uscc"])
        quality = brought_up_to_now(measured, profile, now, heard_at(row, now), summed(traffic), contradicted)
        return Overview(row, quality, traffic, {**dict(queue), "taken": taken}, unclear)

    async def attempt(self, who: Principal, operator_id: str, message: str, text: str) -> Trial:
        """Try a message of a platform; nothing is stored."""
        row = await self.desk.seen_by(who, operator_id)
        secrets = unseal(self._sealer, operator_id, row["sealed"]).inbound
        role, profile = row["role"], self.desk.profile_of(row)

        async def places(ids: Collection[str]) -> Places:
            async with self.desk.pool.acquire() as connection:
                return await registry.places_of(connection, operator_id, ids)

        async def answer(kind: str, document: Mapping[str, Any]) -> dict[str, Any]:
            async with self.desk.pool.acquire() as connection:
                return await answer_to(connection, kind, document, profile)

        bench = Bench(operator_id, role, profile, secrets, self._mark, places, answer)
        return await attempt(bench, message, text, self._clock.now())


def heard_at(row: Mapping[str, Any] | asyncpg.Record, now: datetime) -> datetime | None:
    """Return when a platform last did what is expected of it: spoke, or, of a province, took what it is told; None: never."""
    if row["role"] == "province":
        return taken_at(row["last_taken_at"], row["waits_since"], now)
    at: datetime | None = row["last_heard_at"]
    return at


def summed(traffic: Collection[Mapping[str, Any] | asyncpg.Record]) -> Traffic:
    """Return what messages of all names add up to."""
    names = ("messages", "taken", "ignored", "refused")
    return Traffic(*(sum(row[name] for row in traffic) for name in names))
