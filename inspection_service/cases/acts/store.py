"""The statements about which acts of a party were fined: no act twice (Penalty Law Art. 29)."""

from collections.abc import Sequence
from datetime import date

import asyncpg


def same_party(one: str, other: str) -> str:
    """Return the condition that two cases are about one party: by its id, else, where one has none, by the identity document where
    both name one, else by its name."""
    keys = [f"{case}.facts->'identity'->>'key'" for case in (one, other)]
    return (
        f"({one}.party_id = {other}.party_id OR (({one}.party_id IS NULL OR {other}.party_id IS NULL)"
        f" AND coalesce({keys[0]} = {keys[1]}, {one}.party_name = {other}.party_name)))"
    )


def same_place(one: str, other: str) -> str:
    """Return the condition that two cases may be about one place: what one of them does not name may be the other's."""
    return " AND ".join(
        f"({one}.{place} IS NULL OR {other}.{place} IS NULL OR {one}.{place} = {other}.{place})"
        for place in ("site_id", "station_id")
    )


async def earlier_violations(connection: asyncpg.Connection, case_id: str) -> tuple[date, ...]:
    """Return the days on which the same party violated the same item before, as far as that was established."""
    rows = await connection.fetch(
        f"""
        SELECT DISTINCT o.act_on FROM inspection.case_file o, inspection.case_file c
        WHERE c.id = $1 AND o.id <> c.id AND o.item_id = c.item_id AND {same_party("o", "c")}
          AND (o.state = 'unpunished' OR o.facts->>'decided_on' IS NOT NULL) AND o.state <> 'revoked'
        """,
        case_id,
    )
    return tuple(row["act_on"] for row in rows)


async def hold_act(connection: asyncpg.Connection, case_id: str, day: date, *, continuing: bool) -> bool:
    """Take a case's act for a fine on a day; False where another case has it. Whoever comes second waits for the first."""
    await connection.execute("LOCK TABLE inspection.fined_act IN SHARE ROW EXCLUSIVE MODE")
    if await act_is_fined(connection, case_id, continuing=continuing):
        return False
    await connection.execute(
        "INSERT INTO inspection.fined_act VALUES ($1, $2) ON CONFLICT (case_id) DO UPDATE SET decided_on = excluded.decided_on",
        case_id,
        day,
    )
    return True


async def act_is_fined(connection: asyncpg.Connection, case_id: str, *, continuing: bool) -> bool:
    """Say whether another case has fined the act of this one (Art. 29), or another organ has that sent it to us.

    One act: the same party at the same place on the same day; where the item's acts are `continuing`, under the same item also on
    any day up to the other's decision, for what goes on is one act until it is punished. A place that one of the two does not
    name may be the other's.
    """
    found: bool = await connection.fetchval(
        f"""
        WITH fine AS (
            SELECT case_id, decided_on, false AS by_another_organ FROM inspection.fined_act
            UNION ALL
            SELECT case_id, (content->>'decided_on')::date, true FROM inspection.received_case
            WHERE (content->>'fine_yuan')::numeric > 0 AND content->>'decided_on' IS NOT NULL
        )
        SELECT EXISTS (
            SELECT FROM fine f JOIN inspection.case_file o ON o.id = f.case_id, inspection.case_file c
            WHERE c.id = $1 AND (o.id <> c.id OR f.by_another_organ) AND {same_party("o", "c")}
              AND {same_place("o", "c")}
              AND (o.act_on = c.act_on OR ($2 AND o.item_id = c.item_id AND c.act_on <= f.decided_on))
        )
        """,
        case_id,
        continuing,
    )
    return found


async def items_of_act(connection: asyncpg.Connection, case_id: str, states: Sequence[str]) -> list[str]:
    """Return the items of other cases at these states about this one's act: the same party's, at one place, on the same day."""
    rows = await connection.fetch(
        f"""
        SELECT DISTINCT o.item_id FROM inspection.case_file o, inspection.case_file c
        WHERE c.id = $1 AND o.id <> c.id AND o.state = ANY ($2) AND {same_party("o", "c")} AND {same_place("o", "c")}
          AND o.act_on = c.act_on AND o.item_id <> c.item_id
        """,
        case_id,
        list(states),
    )
    return [row["item_id"] for row in rows]


async def free_act(connection: asyncpg.Connection, case_id: str) -> None:
    """Let go of the act of a decision that has fallen."""
    await connection.execute("DELETE FROM inspection.fined_act WHERE case_id = $1", case_id)
