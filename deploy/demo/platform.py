"""The demo's platform: it calls with the standard's own sample secrets, so only a demo lets it in."""

from deploy.demo.equipment import PLATFORM
from ocpp_gateway.cec102 import store as platforms
from ocpp_gateway.cec102.access import Keys, seal
from ocpp_gateway.cec102.envelope import Secrets
from ocpp_gateway.commands.sealing import Sealer
from youguan.clock import SystemClock
from youguan.database import connect
from youguan.settings import Settings

SECRET = "1234567890abcdef"
OPENED_BY = "demo"


async def let_in(settings: Settings, organisation_id: str | None) -> None:
    """Let the platform report, as the one of an organisation."""
    secrets = Secrets(SECRET, SECRET, SECRET, SECRET)
    sealed = seal(Sealer(settings.station_key_secret), PLATFORM, Keys(secrets))
    now = SystemClock().now()
    row = (
        PLATFORM,
        "示例运营商平台",
        organisation_id,
        "operator",
        "zhejiang",
        True,
        None,
        None,
        sealed,
        now,
        OPENED_BY,
    )
    connection = await connect(settings.dsn_for("gateway"))
    try:
        known = await platforms.find_platform(connection, PLATFORM)
        if known is None or known["changed_by"] == OPENED_BY:  # what somebody has changed since stays
            await platforms.put_platform(connection, row)
    finally:
        await connection.close()


async def shut_out(settings: Settings) -> None:
    """Let nobody in with secrets that everybody knows."""
    connection = await connect(settings.dsn_for("gateway"))
    try:
        await platforms.shut_out(connection, PLATFORM, OPENED_BY)
    finally:
        await connection.close()
