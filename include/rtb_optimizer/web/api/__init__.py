"""The JSON API for bidders' loaders and for programs, with the same permissions as the pages.

reading        entities, runs, segments, bids
runs           runs and their outputs
configuration  configuration, read and written
pointer        activate and roll back
challenger     open, promote and drop a challenger
parameters     the parameters of a query
answers        the types of requests, answers and errors
etags          conditional reads
"""

from fastapi import APIRouter, Depends

from rtb_optimizer.web.api import answers, challenger, configuration, pointer, reading, runs
from rtb_optimizer.web.api.parameters import refuse_unknown

router = APIRouter(
    prefix="/api/v1", tags=["rtb_optimizer"], responses=answers.ERRORS, dependencies=[Depends(refuse_unknown)]
)
for part in (reading, pointer, challenger, configuration, runs):
    router.include_router(part.router)
