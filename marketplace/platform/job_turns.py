"""Which jobs a worker takes next: companies take turns, and none of them has all of it.

See docs/decisions/0825-turns-of-jobs.md. A statement of our own in place of the library's, which
knows kinds of jobs and no companies.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from pgqueuer.adapters.persistence.composer import ComposedQuery
from pgqueuer.adapters.persistence.qb import QueryQueueBuilder
from pgqueuer.domain.types import QueueEntrypoint, QueueManagerId

from marketplace.kernel.limits import (
    JOBS_LOOKED_AT_MAX,
    JOBS_OF_COMPANY_MAX,
    JOBS_OF_NOBODY_PICKED_MAX,
)


@dataclass
class InTurns(QueryQueueBuilder):
    """The library's statements, but for the one that takes jobs out of the queue."""

    def build_dequeue_query(
        self,
        *,
        batch_size: int,
        entrypoints: list[QueueEntrypoint],
        concurrency_limits: list[int],
        queue_manager_id: QueueManagerId,
        global_concurrency_limit: int | None,
        heartbeat_timeout: timedelta,
    ) -> ComposedQuery:
        """Give the statement that takes out what is next; no kind of job has a limit of its own."""
        if any(concurrency_limits) or global_concurrency_limit is None:
            msg = "jobs are bounded by worker and by company, and not by kind"
            raise ValueError(msg)
        values = (
            batch_size,
            entrypoints,
            queue_manager_id,
            heartbeat_timeout,
            global_concurrency_limit,
            JOBS_LOOKED_AT_MAX,
            JOBS_OF_COMPANY_MAX,
            JOBS_OF_NOBODY_PICKED_MAX,
        )
        return ComposedQuery(sql=_TAKE, args=values)


# `turn`: the how manieth of its company's jobs under way here it would be. Who has fewer goes
# first, then who came first. What a worker that died left behind waits like all others.
_TAKE: Final = """
with mine as (
    select coalesce(headers->>'company', '') as company, heartbeat
    from jobs.pgqueuer where queue_manager_id = $3 and entrypoint = any($2)
), room as (
    select greatest(least($1, $5::bigint - count(*)), 0) as places from mine
), under_way as (
    select company, count(*) as number
    from mine where heartbeat >= now() - $4::interval group by company
), waiting as (
    select job.id, job.company
    from unnest($2::text[]) as kind cross join lateral (
        select id, coalesce(headers->>'company', '') as company
        from jobs.pgqueuer
        where entrypoint = kind and status = 'queued' and execute_after < now()
        order by priority desc, id
        limit (select case when places > 0 then $6::bigint else 0 end from room)
    ) job
    union all
    (select id, coalesce(headers->>'company', '')
     from jobs.pgqueuer
     where status = 'picked' and entrypoint = any($2)
       and heartbeat < now() - $4::interval and execute_after < now()
     order by id limit $6)
), in_turn as (
    select id, company, coalesce(number, 0)
        + row_number() over (partition by company order by id) as turn
    from waiting left join under_way using (company)
), next as (
    select id, turn from in_turn
    where turn <= case company when '' then $8::bigint else $7::bigint end
    order by turn, id limit (select places from room)
), free as (
    select id from jobs.pgqueuer
    where id in (select id from next)
      and (status = 'queued' or status = 'picked' and heartbeat < now() - $4::interval)
    for update skip locked
), taken as (
    update jobs.pgqueuer
    set status = 'picked', updated = now(), heartbeat = now(), queue_manager_id = $3
    where id in (select id from free)
    returning *
), logged as (
    insert into jobs.pgqueuer_log (job_id, status, entrypoint, priority)
    select id, status, entrypoint, priority from taken
)
select taken.* from taken join next using (id) order by turn, id
"""
