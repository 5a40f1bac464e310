"""`python -m charger_registry`: the registry alone, on its own port."""

import asyncio

from charger_registry.service import compose
from youguan.lifeline import end_with_supervisor
from youguan.settings import Settings
from youguan.web.serve import serve

if __name__ == "__main__":
    end_with_supervisor()
    asyncio.run(serve([compose], Settings()))
