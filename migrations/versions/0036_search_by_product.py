"""Write the search documents of many products in time that grows with their number.

What a document is made of was joined from lists of all products at hand. Where Postgres expected
few of them, as in a new database, it compared each with each: 513 products took 20 seconds. Now
each product's parts are looked up by its key, whatever Postgres expects.

Revision ID: 0036
Revises: 0035
"""

from importlib import import_module

from alembic import op

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None

# One set-based statement for one product or a hundred thousand: it writes only what differs.
INDEX = r"""
create or replace function search_index(ids uuid[]) returns void language sql as
$$
    delete from search_documents d
    where d.product_id = any (ids) and not coalesce((
        select p.state in ('proposed', 'active')
            and (d.language = '' or exists (
                select from product_texts t
                where t.product_id = d.product_id and t.language = d.language))
        from products p where p.id = d.product_id
    ), false);
    with written as (
        insert into search_documents as d (product_id, language, languages, name, name_key, codes,
                                           facets, number_codes, number_values, document)
        select w.id, t.language, coalesce(l.all, '{}'), t.name, search_fold(t.name),
               array_remove(array[search_code(w.maker_number), w.gtin, ltrim(w.gtin, '0')], null),
               array(select 'c:' || id from unnest(c.path) as id) || coalesce(f.facets, '{}'),
               coalesce(f.codes, '{}'), coalesce(f.numbers, '{}'),
               setweight(to_tsvector('search_simple', concat_ws(
                   ' ', w.gtin, ltrim(w.gtin, '0'), search_code(w.maker_number))), 'A')
               || setweight(search_plain(concat_ws(' ', w.maker_number, t.name, w.maker))
                            || search_codes(t.name) || case t.language
                       when '' then
                           to_tsvector('search_en', search_spaced(t.name))
                           || to_tsvector('search_de', search_spaced(t.name))
                       else search_stems(t.language, t.name) end, 'B')
               || case when t.more = '' and g.words is null then '' else
                   setweight(search_plain(concat_ws(' ', t.more, g.words, a.words))
                             || search_stems(t.language, concat_ws(' ', t.more, g.words, a.words)),
                             'C') end
               || setweight(search_plain(t.description)
                            || search_stems(t.language, t.description), 'D')
        from products w
        left join categories c on c.id = w.category_id
        cross join lateral (
            select array_agg(o.language order by o.language) as all
            from product_texts o where o.product_id = w.id
        ) l
        cross join lateral (
            select array_agg('a:' || code || '=' || value order by code, value)
                       filter (where kind in ('enum', 'boolean')) as facets,
                   array_agg(code order by code, value)
                       filter (where kind = 'number' and value ~ '^-?[0-9]+(\.[0-9]+)?$') as codes,
                   array_agg(value::numeric order by code, value)
                       filter (where kind = 'number' and value ~ '^-?[0-9]+(\.[0-9]+)?$') as numbers
            from (
                select b.code, b.kind, w.attributes ->> b.code as value
                from category_attributes b
                where b.category_id = any (c.path) and w.attributes ? b.code
            ) described
        ) f
        cross join lateral (
            select '' as language, w.name, w.description, '' as more
            union all
            select o.language, o.name, o.description,
                   w.name || ' ' || array_to_string(o.keywords, ' ')
            from product_texts o where o.product_id = w.id
        ) t
        cross join lateral (
            select string_agg(search_name(u.names, t.language), ' ' order by u.path) as words
            from categories u where u.id = any (c.path)
        ) g
        cross join lateral (
            select string_agg(coalesce((
                       select search_name(option -> 'names', t.language)
                       from jsonb_array_elements(b.options) as option
                       where b.kind = 'enum' and option ->> 'code' = w.attributes ->> b.code
                   ), w.attributes ->> b.code), ' ' order by b.code) as words
            from category_attributes b
            where b.category_id = any (c.path) and w.attributes ? b.code and b.kind <> 'boolean'
        ) a
        where w.id = any (ids) and w.state in ('proposed', 'active')
        on conflict (product_id, language) do update set
            languages = excluded.languages, name = excluded.name, name_key = excluded.name_key,
            codes = excluded.codes, facets = excluded.facets,
            number_codes = excluded.number_codes, number_values = excluded.number_values,
            document = excluded.document
        where (d.languages, d.name, d.name_key, d.codes, d.facets, d.number_codes,
               d.number_values, d.document)
           is distinct from
              (excluded.languages, excluded.name, excluded.name_key, excluded.codes,
               excluded.facets, excluded.number_codes, excluded.number_values, excluded.document)
        returning document
    )
    insert into search_words (word)
    select word
    from (select distinct unnest(tsvector_to_array(document)) as word from written) as told
    where word ~ '^[[:alpha:]]{3,40}$'
      and not exists (select from search_words s where s.word = told.word);
$$
"""


def upgrade() -> None:
    op.execute(INDEX)


def downgrade() -> None:
    before = import_module("migrations.versions.0014_search").INDEX
    op.execute(before.replace("create function", "create or replace function", 1))
