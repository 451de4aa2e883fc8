"""Procedures that commit to quantities; suppliers who let draw more.

Revision ID: 0024
Revises: 0023
"""

from alembic import op

from migrations.security import API

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

# The supplier's only door to what is agreed, and it opens one way: what the buyer may draw grows.
# It gives the contract's next version, or null where it is not at the one named.
WRITE_COMMITMENT = """
create function write_commitment(
    of_contract uuid, of_price uuid, at_version integer, given jsonb
) returns integer language sql volatile security definer set search_path = public, pg_temp as
$$
    with widened as (
        update contract_prices p set commitment = given
        from contracts c
        where c.id = of_contract and c.version = at_version and c.supplier_id = app_org()
          and p.id = of_price and p.contract_id = c.id
          and (p.commitment ->> 'cap')::numeric <= (given ->> 'cap')::numeric
          and p.commitment ->> 'measure' = given ->> 'measure'
          and p.commitment ->> 'at_exhaustion' = given ->> 'at_exhaustion'
        returning p.contract_id
    )
    update contracts c set version = c.version + 1 from widened
    where c.id = widened.contract_id and c.version = at_version
    returning c.version
$$
"""


def upgrade() -> None:
    op.execute(
        "alter table procedures add column beyond_quantity text "
        "constraint ck_procedures_beyond_quantity "
        "check (beyond_quantity in ('stop', 'next_price', 'split'))"
    )
    op.execute(WRITE_COMMITMENT)
    # It acts as the tables' owner, whom forced row security binds as it does all.
    for table in ("contracts", "contract_prices"):
        for verb in ("select", "update"):
            op.execute(
                f"create policy {table}_owner_{verb} on {table} for {verb} to current_user "
                "using (supplier_id = app_org())"
            )
    signature = "write_commitment(uuid, uuid, integer, jsonb)"
    op.execute(f"revoke all on function {signature} from public")
    op.execute(f"grant execute on function {signature} to {API}")


def downgrade() -> None:
    for table in ("contracts", "contract_prices"):
        for verb in ("select", "update"):
            op.execute(f"drop policy {table}_owner_{verb} on {table}")
    op.execute("drop function write_commitment(uuid, uuid, integer, jsonb)")
    op.execute("alter table procedures drop column beyond_quantity")
