"""Long work as its owner asks for it."""

from typing import Final
from uuid import UUID

from litestar import get

from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.http.given import FromPath, Given
from marketplace.platform.jobs import JobView, read_job


@get("/v1/jobs/{job_id:uuid}", operation_id="readJob", tags=["jobs"], summary="How far is a job?")
async def read_job_route(
    job_id: FromPath[UUID], caller: Given[Caller], platform: Given[Platform]
) -> JobView:
    """Tell how far a job of your company is, and what came of it."""
    return await read_job(platform, caller, job_id)


ROUTES: Final = (read_job_route,)
