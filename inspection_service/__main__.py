"""`python -m inspection_service`: the inspection service alone, on its own port."""

import asyncio

from inspection_service.service import compose
from youguan.settings import Settings
from youguan.web.serve import serve

if __name__ == "__main__":
    asyncio.run(serve([compose], Settings()))
