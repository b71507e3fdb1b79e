"""The JSON API: what a bidder's loader needs, and what the pages do, under the same permissions.

reading        entities, runs, segments, bids
runs           runs and their outputs
configuration  configuration, read and written
pointer        activate and roll back
answers        the types of answers and refusals
etags          conditional reads
"""

from fastapi import APIRouter

from rtb_optimizer.web.api import answers, configuration, pointer, reading, runs

router = APIRouter(prefix="/api/v1", tags=["rtb_optimizer"], responses=answers.REFUSALS)
for part in (reading, pointer, configuration, runs):
    router.include_router(part.router)
