"""Which calls may a program make? What a bidder's loader needs, and what the pages do, under the same permissions."""

from fastapi import APIRouter

from rtb_optimizer.web.api import answers, configuration, pointer, reading, runs

router = APIRouter(prefix="/api/v1", tags=["rtb_optimizer"], responses=answers.REFUSALS)
for part in (reading, pointer, configuration, runs):
    router.include_router(part.router)
