"""`python -m charger_registry`: the registry alone, on its own port."""

import asyncio

from charger_registry.service import compose
from youguan.settings import Settings
from youguan.web.serve import serve

if __name__ == "__main__":
    asyncio.run(serve([compose], Settings()))
