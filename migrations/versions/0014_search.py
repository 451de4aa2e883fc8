"""Search documents, words, synonyms, and what is bought together.

Revision ID: 0014
Revises: 0013
"""

# ruff: noqa: S608 - parts of statements are put together, values never

from alembic import op

from migrations.security import (
    API,
    ENGINE,
    ROLES,
    WORKER,
    all_rows,
    all_rows_seen,
    grant,
    policy,
    protect,
)

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

LANGUAGES = {
    "ar": "arabic",
    "da": "danish",
    "de": "german",
    "el": "greek",
    "en": "english",
    "es": "spanish",
    "et": "estonian",
    "fi": "finnish",
    "fr": "french",
    "hu": "hungarian",
    "it": "italian",
    "lt": "lithuanian",
    "nl": "dutch",
    "no": "norwegian",
    "pt": "portuguese",
    "ro": "romanian",
    "ru": "russian",
    "sr": "serbian",
    "sv": "swedish",
    "tr": "turkish",
}
STOP_WORDS = {
    "danish",
    "dutch",
    "english",
    "finnish",
    "french",
    "german",
    "hungarian",
    "italian",
    "norwegian",
    "portuguese",
    "russian",
    "spanish",
    "swedish",
    "turkish",
}
WORDS = "asciiword, asciihword, hword_asciipart, word, hword, hword_part"

# What a code is compared by: case, blanks and punctuation aside. `6204-2RS` is `62042rs`.
CODE = r"""
create function search_code(code text) returns text language sql immutable parallel safe
return translate(lower(code), E' \t\r\n\u00a0-_./,:;+*#()[]"''\\=', '')
"""

# Where a database has the collation C, Postgres takes every sign beyond ASCII for a letter:
# quotation marks, dashes, commas of other scripts, blanks that do not break.
SIGNS = (
    "\u00a0\u2007\u2009\u202f\u3000\u2010\u2011\u2012\u2013\u2014\u2018\u2019\u201a\u201c\u201d\u201e"
    "\u00ab\u00bb\u2039\u203a\u2026\u00b7\u2022\u00a1\u00bf\u060c\u061b\u061f\u3001\u3002\uff0c\uff1b"
    "\uff1a\uff08\uff09\u300c\u300d\u2122\u00ae\u00a9\u05be\u05f3\u05f4"
)
SPACED = (
    "create function search_spaced(given text) returns text "
    "language sql immutable parallel safe "
    f"return translate(given, '\u00d7{SIGNS}', 'x{' ' * len(SIGNS)}')"
)

# Words as they are, taken apart at punctuation; and words that hold some without it, as codes are.
# The fallback text is of no known language: its name is found by the stems of English and German
# too. More would cost an import more than all else it does.
PLAIN = r"""
create function search_plain(given text) returns tsvector language sql stable parallel safe
return to_tsvector(
    'search_simple',
    translate(search_spaced(given), E'-_./,:;+*#()[]"''\\=', repeat(' ', 18)))
"""
CODES = r"""
create function search_codes(given text) returns tsvector language sql stable parallel safe
return to_tsvector('search_simple', translate(search_spaced(given), E'-_./,:;+*#()[]"''\\=', ''))
"""
STEMS = """
create function search_stems(language text, given text) returns tsvector
language sql stable parallel safe return
    case language when '' then ''::tsvector
    else to_tsvector(search_config(language), search_spaced(given)) end
"""

FOLD = """
create function search_fold(given text) returns text language sql stable parallel safe
return lower(unaccent(given))
"""

NAME_OF = """
create function search_name(names jsonb, language text) returns text
language sql immutable parallel safe as
$$
    select coalesce(names ->> language, (select string_agg(value, ' ') from jsonb_each_text(names)))
$$
"""

# One set-based statement for one product or a hundred thousand: it writes only what differs.
INDEX = r"""
create function search_index(ids uuid[]) returns void language sql as
$$
    delete from search_documents d
    where d.product_id = any (ids) and not exists (
        select from products p
        where p.id = d.product_id and p.state in ('proposed', 'active')
          and (d.language = '' or exists (
              select from product_texts t
              where t.product_id = d.product_id and t.language = d.language))
    );
    with wanted as (
        select p.*, coalesce(c.path, '{}') as path
        from products p left join categories c on c.id = p.category_id
        where p.id = any (ids) and p.state in ('proposed', 'active')
    ), own as (
        select t.* from product_texts t join wanted w on w.id = t.product_id
    ), languages as (
        select product_id, array_agg(language order by language) as all from own group by product_id
    ), texts as (
        select id as product_id, '' as language, name, description, '' as more from wanted
        union all
        select o.product_id, o.language, o.name, o.description,
               w.name || ' ' || array_to_string(o.keywords, ' ')
        from own o join wanted w on w.id = o.product_id
    ), described as (
        select w.id as product_id, a.code, a.kind, w.attributes ->> a.code as value, a.options
        from wanted w join category_attributes a
            on a.category_id = any (w.path) and w.attributes ? a.code
        where w.attributes <> '{}'
    ), counted as (
        select product_id,
               array_agg('a:' || code || '=' || value order by code, value)
                   filter (where kind in ('enum', 'boolean')) as facets,
               array_agg(code order by code, value)
                   filter (where kind = 'number' and value ~ '^-?[0-9]+(\.[0-9]+)?$') as codes,
               array_agg(value::numeric order by code, value)
                   filter (where kind = 'number' and value ~ '^-?[0-9]+(\.[0-9]+)?$') as numbers
        from described group by product_id
    ), attribute_words as (
        select t.product_id, t.language,
               string_agg(coalesce(search_name(o.option -> 'names', t.language), d.value), ' ')
                   as words
        from texts t join described d on d.product_id = t.product_id and d.kind <> 'boolean'
        left join lateral (
            select option from jsonb_array_elements(d.options) as option
            where d.kind = 'enum' and option ->> 'code' = d.value
        ) o on true
        group by t.product_id, t.language
    ), category_words as (
        select t.product_id, t.language, string_agg(search_name(c.names, t.language), ' ') as words
        from texts t join wanted w on w.id = t.product_id join categories c on c.id = any (w.path)
        group by t.product_id, t.language
    ), made as (
        select t.product_id, t.language, coalesce(l.all, '{}') as languages, t.name,
               search_fold(t.name) as name_key,
               array_remove(array[search_code(w.maker_number), w.gtin, ltrim(w.gtin, '0')], null)
                   as codes,
               array(select 'c:' || id from unnest(w.path) as id) || coalesce(c.facets, '{}')
                   as facets,
               coalesce(c.codes, '{}') as number_codes,
               coalesce(c.numbers, '{}') as number_values,
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
                            || search_stems(t.language, t.description), 'D') as document
        from texts t
        join wanted w on w.id = t.product_id
        left join languages l on l.product_id = t.product_id
        left join counted c on c.product_id = t.product_id
        left join category_words g on g.product_id = t.product_id and g.language = t.language
        left join attribute_words a on a.product_id = t.product_id and a.language = t.language
    ), written as (
        insert into search_documents as d (product_id, language, languages, name, name_key, codes,
                                           facets, number_codes, number_values, document)
        select product_id, language, languages, name, name_key, codes, facets, number_codes,
               number_values, document
        from made
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

TABLES = """
create table search_documents (
    product_id uuid not null,
    language text not null,
    languages text[] not null,
    name text not null,
    name_key text collate "C" not null,
    codes text[] not null,
    facets text[] not null,
    number_codes text[] not null,
    number_values numeric[] not null,
    document tsvector not null,
    constraint pk_search_documents primary key (product_id, language),
    constraint fk_search_documents_product_id_products foreign key (product_id)
        references products (id)
);
create index ix_search_documents_document on search_documents using gin (document);
create index ix_search_documents_name_key on search_documents (name_key, product_id);

create table search_words (
    id bigint generated always as identity,
    word text collate "C" not null,
    constraint pk_search_words primary key (id)
);
create index ix_search_words_word on search_words (word);
create index ix_search_words_trigrams on search_words using gin (word gin_trgm_ops);

create table search_synonyms (
    id uuid not null,
    language text not null,
    terms text[] not null,
    replacements text[] not null,
    version integer not null default 1,
    created_at timestamptz not null default clock(),
    constraint pk_search_synonyms primary key (id)
);
create index ix_search_synonyms_terms on search_synonyms using gin (terms);

create table bought_together (
    product_id uuid not null,
    related_id uuid not null,
    buyers integer not null,
    constraint pk_bought_together primary key (product_id, related_id),
    constraint fk_bought_together_product_id_products foreign key (product_id)
        references products (id),
    constraint fk_bought_together_related_id_products foreign key (related_id)
        references products (id)
)
"""
NAMES = ("search_documents", "search_words", "search_synonyms", "bought_together")

INDEXED = "name, description, maker, maker_number, gtin, state, category_id, attributes"

# Each is (table, event, transition tables, the identifiers of the products it changed).
PRODUCT_TRIGGERS = {
    ("products", "insert"): "select id from new_rows",
    ("products", "update"): (
        "select n.id from new_rows n join old_rows o on o.id = n.id where "
        f"({', '.join('n.' + c.strip() for c in INDEXED.split(','))}) is distinct from "
        f"({', '.join('o.' + c.strip() for c in INDEXED.split(','))})"
    ),
    ("product_texts", "insert"): "select distinct product_id from new_rows",
    ("product_texts", "update"): "select distinct product_id from new_rows",
    ("product_texts", "delete"): "select distinct product_id from old_rows",
}
# What a category is called or has may be told by a hundred thousand products: the worker writes
# their documents anew, reminded by a timer.
CATEGORY_TRIGGERS = {
    ("categories", "update"): "select id from new_rows",
    ("category_attributes", "insert"): "select distinct category_id from new_rows",
    ("category_attributes", "update"): "select distinct category_id from new_rows",
    ("category_attributes", "delete"): "select distinct category_id from old_rows",
}
TRANSITIONS = {
    "insert": "referencing new table as new_rows",
    "update": "referencing new table as new_rows old table as old_rows",
    "delete": "referencing old table as old_rows",
}
TIMER = "search_category"


def upgrade() -> None:
    _configurations()
    for function in (CODE, SPACED, PLAIN, CODES, STEMS, FOLD, NAME_OF):
        op.execute(function)
    for statement in TABLES.split(";\n"):
        op.execute(statement)
    op.execute(INDEX)
    _rights()
    op.execute("alter table offers alter column sku_key set expression as (search_code(sku))")
    op.execute(
        "alter table offers add column search_document tsvector generated always as ("
        "case when product_id is null then "
        "setweight(to_tsvector('search_simple', search_spaced(name)), 'B') || "
        "setweight(to_tsvector('search_en', search_spaced(name || ' ' || description)), 'C') || "
        "setweight(to_tsvector('search_de', search_spaced(name || ' ' || description)), 'C') || "
        "setweight(to_tsvector('search_simple', translate(name || ' ' || description, "
        "'-_./,:;+*#()', '')), 'D') "
        "end) stored"
    )
    op.execute("drop index ix_products_search_text")
    op.execute("alter table products drop column search_text")
    _index_what_is_there()
    _triggers()


def _configurations() -> None:
    """Make one text search configuration for each language, accents aside, and one without."""
    op.execute("create text search configuration search_simple (copy = pg_catalog.simple)")
    op.execute(
        f"alter text search configuration search_simple alter mapping for {WORDS} "
        "with unaccent, pg_catalog.simple"
    )
    for code, language in LANGUAGES.items():
        stem = f"pg_catalog.{language}_stem"
        op.execute(f"create text search configuration search_{code} (copy = pg_catalog.{language})")
        # Stop words are told before accents go: "für" is one, "fur" is not.
        stop = ""
        if language in STOP_WORDS:
            op.execute(
                f"create text search dictionary search_stop_{code} "
                f"(template = pg_catalog.simple, stopwords = {language}, accept = false)"
            )
            stop = f"search_stop_{code}, "
        op.execute(
            f"alter text search configuration search_{code} alter mapping for {WORDS} "
            f"with {stop}unaccent, {stem}"
        )
    whens = " ".join(f"when '{code}' then 'search_{code}'::regconfig" for code in LANGUAGES)
    op.execute(
        "create function search_config(language text) returns regconfig "
        "language sql immutable parallel safe "
        f"return case split_part(language, '-', 1) {whens} else 'search_simple'::regconfig end"
    )


def _rights() -> None:
    protect(*NAMES)
    # What products are called is public, and so is what follows from it. `true` keeps the indexes
    # of operators usable that are not leakproof (decision 0403).
    for table in ("search_documents", "search_words"):
        for role in (API, ENGINE, WORKER):
            all_rows(table, role, "select", "insert", "update", "delete")
    op.execute(
        f"grant usage on sequence search_words_id_seq to {', '.join(ROLES)}",
    )
    grant("search_synonyms", API, "select", "insert", "update", "delete")
    policy("search_synonyms", API, "search_synonyms_public", "true", verb="select")
    for verb in ("insert", "update", "delete"):
        policy(
            "search_synonyms",
            API,
            f"search_synonyms_operator_{verb}",
            "(select app_is_operator())",
            verb=verb,
        )
    all_rows("bought_together", API, "select")
    all_rows("bought_together", WORKER, "select", "insert", "update", "delete")
    for table in ("search_synonyms", "bought_together"):
        op.execute(
            f"create trigger count_catalog_change after insert or update or delete on {table} "
            "for each statement execute function count_catalog_change()"
        )


def _index_what_is_there() -> None:
    """Write the documents of products that are there already: the owner sees them for once."""
    tables = ("products", "product_texts", "categories", "category_attributes", *NAMES[:2])
    with all_rows_seen(*tables):
        op.execute("select search_index(array(select id from products))")


def _triggers() -> None:
    for (table, event), changed in PRODUCT_TRIGGERS.items():
        _trigger(table, event, f"perform search_index(array({changed}));")
    for (table, event), changed in CATEGORY_TRIGGERS.items():
        _trigger(
            table,
            event,
            f"insert into timers (kind, subject_id, due_at, attempts) "
            f"select '{TIMER}', id, clock(), 0 from ({changed}) as changed (id) "
            "on conflict (kind, subject_id) do update set due_at = excluded.due_at, "
            "leased_until = null;",
        )


def _trigger(table: str, event: str, body: str) -> None:
    name = f"search_{table}_{event}"
    op.execute(
        f"create function {name}() returns trigger language plpgsql as "
        f"$$ begin {body} return null; end $$"
    )
    op.execute(
        f"create trigger {name} after {event} on {table} {TRANSITIONS[event]} "
        f"for each statement execute function {name}()"
    )


def downgrade() -> None:
    for table, event in (*PRODUCT_TRIGGERS, *CATEGORY_TRIGGERS):
        op.execute(f"drop trigger search_{table}_{event} on {table}")
        op.execute(f"drop function search_{table}_{event}()")
    op.execute("drop function search_index(uuid[])")
    for table in NAMES:
        op.execute(f"drop table {table}")
    op.execute("alter table offers drop column search_document")
    op.execute("alter table offers alter column sku_key set expression as (lower(sku))")
    op.execute(
        "alter table products add column search_text text not null generated always as ("
        "lower(name || ' ' || coalesce(maker, '') || ' ' || coalesce(maker_number, '') || ' ' || "
        "coalesce(gtin, '') || ' ' || description)) stored"
    )
    op.execute(
        "create index ix_products_search_text on products using gin (search_text gin_trgm_ops)"
    )
    for function in (
        "search_stems(text, text)",
        "search_plain(text)",
        "search_codes(text)",
        "search_config(text)",
        "search_spaced(text)",
        "search_code(text)",
        "search_fold(text)",
        "search_name(jsonb, text)",
    ):
        op.execute(f"drop function {function}")
    for code in ("simple", *LANGUAGES):
        op.execute(f"drop text search configuration search_{code}")
    for code, language in LANGUAGES.items():
        if language in STOP_WORDS:
            op.execute(f"drop text search dictionary search_stop_{code}")
