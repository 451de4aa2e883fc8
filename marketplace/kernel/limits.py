"""Every bound, in one place, each with its reason.

Limits that stand one behind the other without a line between share the reason below them.
"""

from typing import Final

# Requests and answers
HEAD_BYTES_MAX: Final = 65_536
"""Request line and headers: ours take one kilobyte; browsers' cookies and proxies add some."""
HEAD_SECONDS_MAX: Final = 20
"""From the connection to the end of the head; who dawdles does not want to be served."""
UNKNOWN_PARAMETERS_SHOWN: Final = 100
"""Of a query, in a refusal: a head has room for thousands, and each is answered with a sentence."""
BODY_SECONDS_MAX: Final = 30
"""Between two parts of a body; meanwhile the request does not count as under way."""
TAKEN_SECONDS_MAX: Final = 60
TAKEN_BYTES_MIN: Final = 16_384
"""Of an answer that waits for its reader, what he takes at least in that time; who takes less
counts as gone, and what is held for him is closed."""
BODY_BYTES_MAX: Final = 1_048_576
"""JSON bodies: 1,000 lines of an order take about 300 kB."""
BODY_FAULTS_TOLD_MAX: Final = 1_000
"""Of the form of a body: each of 1,000 lines can be wrong, and 1 MB could hold 100,000 faults."""
BODY_FAULTS_BYTES_MAX: Final = 400_000
"""A larger body is told its first fault alone: to take 1 MB of tiny items apart takes 0.2 s."""
UPLOAD_BYTES_MAX: Final = 256 * 1_048_576
"""Streamed uploads: a million price rows take about 60 MB."""
PAGE_ITEMS_DEFAULT: Final = 50
PAGE_ITEMS_MAX: Final = 200
"""A page is read by a program or a person; more is an export."""
LINES_MAX: Final = 1_000
"""Lines of an order, an RFQ, a bid or a price check: what one transaction holds in a second."""
TEXT_CHARACTERS_MAX: Final = 4_000
"""A page and a half; what is longer is a document."""
NAME_CHARACTERS_MAX: Final = 200
"""Of a name or a title: two lines of a page."""
CODE_CHARACTERS_MAX: Final = 64
"""SKUs, external numbers, idempotency keys: what ERP systems send, with room."""
ADDRESS_CHARACTERS_MAX: Final = 2_000
"""Of a URL: what every browser and proxy takes."""
REQUESTS_PER_MINUTE: Final = 6_000
"""Per organization: 100 a second is an ERP in a hurry; a runaway loop does more."""
COMPANIES_COUNTED_MAX: Final = 100_000
"""Companies whose requests one process counts in memory: about 30 MB."""
REQUESTS_IN_FLIGHT_MAX: Final = 1_000
"""Per process; beyond it 503 at once, before anything is queued."""
IDEMPOTENCY_DAYS: Final = 7
"""How long an answer is replayed."""

# Servers we ask
COMPANY_WAITING_MAX: Final = 200
"""Requests of one company that wait in one process for a connection to the database: a fifth of
what may be under way, so that one company's rush turns nobody else away."""
COMPANIES_TURNS_KEPT_MAX: Final = 1_000
"""Companies with nothing under way whose turns at connections are kept: to make one anew costs more
than a turn."""
REQUEST_SECONDS_MAX: Final = 30
"""No request waits longer for the database than a client waits for the answer."""
CONFLICT_ATTEMPTS_MAX: Final = 5
"""Of a block that met another in the database; then its client is told to send it again."""
WORKER_CONNECTIONS: Final = 4
"""Per process and kind of pool: the sequencer, the audit trail, timers and a consumer."""
AUTH_CONNECTIONS: Final = 4
"""Per process: callers are remembered, so few are looked up at once."""
REDIS_CONNECTIONS_MAX: Final = 32
"""Per process: a command takes a fraction of a millisecond."""
REDIS_COMMAND_SECONDS_MAX: Final = 1.0
"""After it Redis counts as away; whatever asks it goes on without."""
MAIL_SEND_SECONDS_MAX: Final = 10
"""What one mail may take; the job that sends it is tried again."""
SCAN_SECONDS_MAX: Final = 30
"""One file; a scanner that takes longer counts as away, and the file waits."""

# Times
YEAR_FIRST: Final = 1900
"""An instant or a date before it is mistyped. The last year is 9999, in UTC: what lies later cannot
be told in every time zone."""
CONTRACT_YEARS_MAX: Final = 100
"""From the first day of a contract to its last; more is a mistyped year."""

# Organizations
UNIT_DEPTH_MAX: Final = 8
"""Company, division, country, site, department, … and still one recursive query."""
UNITS_MAX: Final = 1_000
"""Of one company: its tree is read whole."""
MEMBERSHIPS_MAX: Final = 50
"""Units one member belongs to; who belongs to more belongs to a unit above them."""
APPROVAL_LEVELS_MAX: Final = 5
"""Persons whose yes a document needs, one after the other."""
API_KEYS_ACTIVE_MAX: Final = 2
"""Per member: two, so that a key can be rotated without a gap."""
API_KEY_DAYS_MAX: Final = 731
"""An expiry beyond two years is no expiry; leave it out to say so."""
KEY_ADDRESSES_MAX: Final = 50
"""Networks one key may be used from; each request is compared with all of them."""
CREDENTIAL_CHARACTERS_MAX: Final = 200
"""A key has 75; what is longer is not even hashed."""
SESSION_MINUTES: Final = 60
"""A browser's session: short, since the key that made it stays in the user's hands."""
CALLERS_CACHED_MAX: Final = 10_000
"""Credentials known to one process without a query: about 20 MB."""
CALLER_SECONDS_MAX: Final = 5
"""How long a cached caller lives without a look into the database, notified or not."""

# Products and offers
CATEGORY_DEPTH_MAX: Final = 8
"""UNSPSC has four levels, eCl@ss four, the largest shops six."""
CATEGORIES_MAX: Final = 20_000
"""As many as the tree of a large shop has; a whole standard belongs into classification codes."""
ATTRIBUTES_MAX: Final = 100
"""Of one category, those it inherits left out; a data sheet tells about forty."""
ATTRIBUTE_OPTIONS_MAX: Final = 200
"""Of one attribute; who needs more means a text."""
LANGUAGES_MAX: Final = 50
"""Languages of one product or name: all official ones of Europe, twice."""
LANGUAGES_WANTED_MAX: Final = 8
"""Languages of a reader that count; browsers name up to six."""
KEYWORDS_MAX: Final = 50
"""Of one product, beside its names and texts."""
CODES_PER_PRODUCT_MAX: Final = 50
"""Of one product: one of each standard, in a few versions."""
RELATIONS_PER_PRODUCT_MAX: Final = 200
"""Of all kinds; a dozen of each is shown."""
REPLACEMENTS_FOLLOWED_MAX: Final = 10
"""How far a line of replacements is followed to one that can be bought."""
LEAD_TIME_DAYS_MAX: Final = 3_650
"""Ten years; more is a mistyped date."""
OFFERS_PER_PRODUCT_SHOWN: Final = 20
"""Offers of one product within a catalog page; the product's own page shows more."""
OFFERS_PER_PRODUCT_MAX: Final = 200
"""On the page of one product: each is priced for who asks."""
MEDIA_PER_PRODUCT_MAX: Final = 50
"""Pictures and papers of one product."""
MEDIA_OF_COMPANY_MAX: Final = 50_000
"""Uploads of one company: a picture and a data sheet of each of 25,000 articles."""
MEDIA_BYTES_OF_COMPANY_MAX: Final = 50 * 1_073_741_824
"""Of all of them together: a megabyte each on average, as pictures for pages have."""
MEDIA_AT_ONCE_MAX: Final = 2
"""Uploads per process, each held in memory once or twice. Beside the documents of procedures: no
bidder waits at his deadline for a supplier's pictures."""
MEDIA_OUT_AT_ONCE_MAX: Final = 32
"""Media on their way out of a process, some 2 MB each while their readers take them."""
MEDIA_OUT_OF_COMPANY_MAX: Final = 16
"""Of these: as many as browsers ask for at a time, of a few pages; room is left for others."""
MEDIA_DAYS_KEPT: Final = 30
"""An upload that no product shows: until it is told of one, or is put back where it was taken out.
"""

# Search
SEARCH_WORDS_MAX: Final = 8
"""Words of a search that count; more only repeat themselves."""
SEARCH_FILTERS_MAX: Final = 20
"""Values that one parameter of a search may have; who ticks more sees all there is."""
SEARCH_COUNTED_MAX: Final = 5_000
"""Hits of a search that are counted, by facets too; who finds more narrows it down."""
SEARCH_DRIVEN_MAX: Final = 20_000
"""Offers of the suppliers, or in the time, asked for whose products are looked up: some 60 ms. Of
more, products are read in the order of their names, and enough come soon."""
SEARCH_FEW_HITS: Final = 3
"""Where a search finds fewer, typing errors are looked for; what was found stands first then."""
PAGE_READS_MAX: Final = 20
"""How often a catalog page reads on where what it found is not shown: some 40 ms."""
PRICES_SORTED_MAX: Final = 2_000
"""Products that are priced to put them in the order of own prices: a fifth of a second, once."""
PRICES_SORTED_KEPT_MAX: Final = 200_000
"""Of these prices, how many one process keeps for the pages to come: about 30 MB."""
PRICE_RANGES_SHOWN: Final = 5
"""Beside the hits of a search: as many as one takes in at a look."""
SUGGESTIONS_SHOWN: Final = 10
"""Of each kind; who sees more than that keeps typing."""
SYNONYM_TERMS_MAX: Final = 20
"""Words that mean one thing: a search looks for each of them."""
SYNONYMS_KEPT_MAX: Final = 1_000
"""Synonyms a process keeps read; where there are more, each search asks for its own."""
BUYERS_TOGETHER_MIN: Final = 5
"""Companies that must have ordered two products together before anybody is told of it."""
PRODUCTS_TOGETHER_MAX: Final = 50
"""Products of an order that count as bought together; a whole warehouse says nothing of two."""
TOGETHER_DAYS: Final = 365
"""How long an order counts for what is bought together: what is sold once a year, too."""
RELATED_SHOWN: Final = 12
"""Of each kind of relation, beside a product."""
SEARCH_INDEX_BATCH: Final = 1_000
"""Documents written in one transaction because their category changed: about a second."""

# Prices
TIERS_MAX: Final = 50
"""Of one ladder: what is still read as a table."""
PRIORITY_MAX: Final = 1_000_000
"""Of a list among those of one level, in steps of whatever its supplier likes."""
OVERLAPS_TOLD_MAX: Final = 10
"""Of a publication that is refused: one mends the first and asks again."""
BELOW_TOLD_MAX: Final = 10
"""Of a publication that is refused: one mends the first and asks again."""
EXPLAINED_LINES_MAX: Final = 50
"""Lines a supplier has explained at once: each looks at prices of others too."""
OTHERS_EXPLAINED_MAX: Final = 200
"""Lists and contracts of other buyers that an explanation looks at, the newest: of ten thousand
customers' nobody reads more."""

# What a process keeps of the catalog
CATALOG_NAMES_KEPT_MAX: Final = 20_000
"""Names of categories, attributes and suppliers a process keeps read: about 10 MB."""
CATALOG_ANSWERS_BYTES_MAX: Final = 4 * 1_048_576
"""Whole catalog pages kept in one process: some 100 of 50 products."""
KEPT_PRICES_MAX: Final = 100_000
"""Of ladders of published versions, what one process keeps read: so many entries that say there is
none, or a tenth of it of ladders; about 10 MB."""
FACES_KEPT_MAX: Final = 5_000
"""What lists say of themselves, and what buyers see of suppliers, that one process keeps read: it
never changes; some 3 MB for each."""
KEPT_OFFERS_MAX: Final = 10_000
"""Offers one process keeps read: about 5 MB."""
SHELF_ITEMS_MAX: Final = 10_000
"""Items known to be what everybody sees: they are kept anyhow, so the places alone; 1 MB."""
SHELF_PAGES_MAX: Final = 500
"""Pages known to be what everybody sees, 9 kB each of 50 products: 5 MB."""
LISTS_NAMED_MAX: Final = 100
"""A buyer's lists that a statement is told by name; who has more has them looked up: it is as fast
then."""
STANDINGS_MAX: Final = 10_000
"""Of what buyers have of suppliers, so many pairs are known; about 3 MB."""
WRITTEN_FORMS_MAX: Final = 500
WRITTEN_PRICES_MAX: Final = 5_000
WRITTEN_OFFERS_MAX: Final = 5_000
"""Forms of lists, lines of offers whatever quantity is asked, and items of pages with the prices of
their offers, that one process keeps written: at most less than 1, 3 and 8 MB."""
OWN_FORMS_MAX: Final = 2_000
"""Kinds of prices that buyers have of their own which are written without being decided again: a
few for each way to keep lists, however many buyers there are. At most 2 MB."""
WRITTEN_SHEETS_MAX: Final = 100
"""Pages put together of written items: the places alone, unless their items have been forgotten;
then 50 kB each."""

# Files in and out
IMPORTS_WAITING_MAX: Final = 20
"""Of one company, waiting or under way: each takes up to 256 MB of disk, and the worker's jobs are
for others too."""
IMPORTS_WAITING_HOURS: Final = 24
"""How long one counts: what the worker gave up must not keep its company from sending it again."""
UPLOADS_AT_ONCE_MAX: Final = 100
UPLOADS_OF_COMPANY_MAX: Final = 10
"""Per process: an upload takes as long as its sender, and counts as waiting when it has arrived."""
IMPORT_ROW_ERRORS_MAX: Final = 1_000
"""Row errors kept of one import; beyond it only counted."""
IMPORT_BATCH_ROWS: Final = 5_000
"""Rows held in memory at once by an import."""
IMPORT_STATEMENT_SECONDS_MAX: Final = 900
"""A statement over a million rows takes some ten seconds, on a busy machine some more."""
EXPORT_PAGE_ROWS: Final = 2_000
"""Rows an export holds at once."""
EXPORT_JOINED_ROWS: Final = 5_000
"""The same of a price file whose rows come as one text: half a megabyte."""
EXPORT_FIRST_ROWS: Final = 200
"""Those read first, to learn what offers have in common; of a page no kind of which is known each
offer is told by what it is."""
EXPORT_ANSWERS_MAX: Final = 500
"""Answers told with each page, some hundred bytes each; a supplier's offers are of a few kinds."""
EXPORT_ASKED_AGAIN_FROM: Final = 8
"""A page is asked for once more if that saves making one of so many of its rows here: a row made
here takes some ten times as long as one that Postgres writes."""
EXPORT_KINDS_MAX: Final = 10_000
"""Kinds of offers of which an export that writes its own rows keeps what they share; some hundred
suffice a buyer, and more would be some megabytes."""
EXPORTS_AT_ONCE_MAX: Final = 4
"""Per process: each holds a connection as long as its reader takes."""
EXPORTS_OF_COMPANY_MAX: Final = 2
"""Of these; the others are for others."""
SHEET_ROWS_MAX: Final = 1_048_576
"""What spreadsheets open, the header included."""
SHEET_UPLOAD_BYTES_MAX: Final = 32 * 1_048_576
"""A workbook is held in memory whole; more than unpacks to its bound is for CSV or NDJSON."""
SHEET_BYTES_MAX: Final = 64 * 1_048_576
"""What a workbook unpacks to: 300,000 rows of prices have 46 MB, and took 87 MB of memory."""
SHEET_CELLS_MAX: Final = 1_500_000
"""Columns times rows of a sheet, empty cells included: each takes some 70 bytes of memory."""
SHEET_PARTS_MAX: Final = 500
"""Sheets, styles, pictures; a workbook of a hundred sheets has 210."""
SHEET_INDEX_BYTES_MAX: Final = 1_048_576
"""What a workbook says of its sheets: 500 take 40 kB, the names of ranges perhaps 200. Of one that
says more it is not known which part holds which sheet. A tree of it takes 33 MB at worst."""
SHEET_RATIO_MAX: Final = 100
"""Rows of one same price shrink to a fiftieth; a bomb to a thousandth."""
ERRORS_FETCHED_MAX: Final = 10_000
"""Rows with errors read from one check; a file with more is not worth a complete list."""
TITLE_ROWS_MAX: Final = 10
"""Rows above the header of a file: a name, a date, a remark; more is no table with a title."""
COLUMNS_KNOWN_MAX: Final = 10_000
"""Names of keys that are remembered; more than this is no file of ours."""
RECORD_BYTES_MAX: Final = 64 * 1024
"""One record, quoted line breaks included: an unclosed quote must not swallow the file."""
BMECAT_ELEMENTS_MAX: Final = 20_000
"""Elements of one product, its 50 tiers and its features included; a real one has some hundred."""
XML_DEPTH_MAX: Final = 64
"""Real catalogs and notices are a dozen or two deep."""

# Customers
SEGMENTS_MAX: Final = 500
"""Of one supplier; who needs more means single customers, and they have lists of their own."""
SEGMENT_MEMBERS_MAX: Final = 5_000
"""Each of them hears of a publication by a row of the feed."""
SEGMENTS_PER_CUSTOMER_MAX: Final = 20
"""Segments of one supplier with the same company in them: each is looked up whenever it buys."""
ASSORTMENTS_MAX: Final = 500
"""Of one supplier; all that are granted to a buyer are looked up for his restricted offers."""
GRANTS_PER_ASSORTMENT_MAX: Final = 5_000
"""Companies, units and segments; a segment is the way to many."""

# Stock, carts and orders
STOCK_LOCATIONS_MAX: Final = 1_000
"""Warehouses and shops of one supplier; each offer may have a level at each."""
CARTS_OPEN_MAX: Final = 100
"""Open carts of one member in one unit; a forgotten program would make one for every click."""
CART_DAYS_KEPT: Final = 180
"""An open cart that nobody touched for half a year; what is bought again stands in a list."""
ORDERED_CART_DAYS_KEPT: Final = 90
"""A cart that was ordered; the order says all it said."""
CARTS_FORGOTTEN_AT_ONCE: Final = 500
"""Each with its lines, of which there may be a thousand, and an entry of its company's trail."""
QUICK_ORDER_CHARACTERS_MAX: Final = 200_000
"""A thousand pasted lines of the longest SKUs, with room."""
QUICK_ORDER_UNKNOWN_MAX: Final = 20
"""Unknown SKUs for which others are looked up: who mistypes more pasted something else. Comparing
one with its neighbours takes a millisecond, and thirty where somebody means it to."""
QUICK_ORDER_NEIGHBOURS_MAX: Final = 50
"""SKUs above and as many below an unknown one that it is compared with."""
QUICK_ORDER_SUGGESTIONS_MAX: Final = 3
"""Of SKUs that look like one we do not know: a person reads them."""
REQUISITION_LISTS_MAX: Final = 500
"""Of one unit; more are found by nobody."""
LINE_AMOUNT_MAX: Final = 10**14
"""What a line may cost: a thousand such lines, taxed with 100 %, fit the 18 digits of a total."""

# Contracts and money
FRAMEWORK_MEMBERS_MAX: Final = 100
"""Suppliers of one framework; a mini-competition asks all of them."""
FRAMEWORK_CEILINGS_MAX: Final = 100
"""Of one framework; every call-off is counted against each of them."""
FRAMEWORK_ARTICLES_MAX: Final = 200
"""Under one ceiling: the articles of all members that are the same to the buyer."""
PAYMENT_DAYS_MAX: Final = 365
"""Between invoice and payment; what is paid later is credit, not payment terms."""
CREDIT_NOTES_OF_INVOICE_MAX: Final = 200
"""Each reads what those before gave back, and the invoice names them all; one a line is plenty."""

# Documents of procedures and bids
DOCUMENT_BYTES_MAX: Final = 20 * 1_048_576
"""A drawing, a scanned certificate: it is held in memory whole while it is looked at and sealed."""
DOCUMENTS_MAX: Final = 50
"""Of one procedure; a bidder reads each of them."""
ATTACHMENTS_PER_BID_MAX: Final = 20
"""Each is looked at by everybody who judges the bid."""
VARIANTS_MAX: Final = 5
"""Of one bidder beside his main bid; each is judged by the whole panel and decided on by hand."""
MINIMUM_REQUIREMENTS_MAX: Final = 20
"""Of variants; each is looked at for each variant."""
ATTACHMENT_UPLOADS_MAX: Final = 100
"""Of one company in one procedure, those it replaced and forgot included."""
SET_ASIDE_MAX: Final = 500
"""Attachments whose reason the minutes name; all are listed with the others, page by page."""
DOCUMENTS_AT_ONCE_MAX: Final = 4
"""Per process, looked at, sealed or opened: each holds its content once or twice, 160 MB in all."""
DOCUMENTS_OF_COMPANY_MAX: Final = 2
"""Of these; the others are for others."""
DOCUMENTS_OUT_AT_ONCE_MAX: Final = 64
"""Documents of procedures on their way out of a process, some 2 MB each while their readers take
them: a tender is read by all of its bidders."""
DOCUMENTS_OUT_OF_COMPANY_MAX: Final = 16
"""Of these; the others are for others."""
ATTACHMENTS_OUT_AT_ONCE_MAX: Final = 16
"""Attachments of bids on their way out: each is held whole until it is taken, 320 MB in all."""
ATTACHMENTS_OUT_OF_COMPANY_MAX: Final = 8
"""Of these; the others are for others."""
DOCUMENT_SECONDS_MAX: Final = 120
"""For all of an upload: who dawdles holds memory that others wait for."""
DOCUMENT_GRACE_HOURS: Final = 24
"""How long a content that no terms name any more stays stored: an upload under way may take it."""
DOCUMENT_PARTS_MAX: Final = 2_000
"""Parts of an office document: each picture is one."""
DOCUMENT_UNPACKED_BYTES_MAX: Final = 256 * 1_048_576
"""What an office document unpacks to; none of it is kept."""
DOCUMENT_RATIO_MAX: Final = 200
"""Tables of one same word shrink to a hundredth; a bomb to a thousandth."""
DOCUMENT_PIXELS_MAX: Final = 200_000_000
"""A drawing of A0 at 300 dpi has 140 million; a viewer holds four bytes for each."""

# Plots and documents that we make
APART_AT_ONCE_MAX: Final = 2
"""Processes beside one of the API or worker, for plots, typesetting and solving: up to 150 MB each,
kept while they are used."""
APART_WAITING_MAX: Final = 20
"""Who wait for one of them in one process; a document takes about a second."""
TYPESET_DATA_BYTES_MAX: Final = 4 * 1_048_576
"""Data of one document: a thousand lines with the longest texts, in four languages' bytes."""
TYPESET_PDF_BYTES_MAX: Final = 20 * 1_048_576
"""Of one document that we make: as large as one that is taken in."""
TYPESET_SECONDS_MAX: Final = 25
"""Less than a request may take: two hundred lots take about a second."""
REPORT_DAYS_MAX: Final = 1_100
"""Three years: what is compared with last year and the one before."""
REPORT_SUPPLIERS_MAX: Final = 200
"""Suppliers told one by one in a report, those with the most bids."""
WORKBOOK_SECONDS_MAX: Final = 25
"""Four thousand offers with their lines take some two seconds."""
PLOT_SECONDS_MAX: Final = 15
"""Less than a request may take, and than a document, which may show it."""
PLOT_POINTS_MAX: Final = 200
"""Categories or points of one plot: beyond it nobody reads it."""
PLOT_SERIES_MAX: Final = 20
"""Beyond it no two colours are told apart."""
PLOT_BARS_MAX: Final = 40
"""Constraints of scenarios in one plot, the dearest: their names stand beside in two lines."""
QUESTIONS_PRINTED_MAX: Final = 1_000
"""Questions, or answers of bidders, of one procedure; beyond it the list is read over the API."""

# Procedures
ENVELOPE_BYTES_MAX: Final = 600_000
"""Of a bid that its bidder sealed: a thousand lines are padded to 524,288 bytes."""
ENVELOPES_BODY_BYTES_MAX: Final = 4 * ENVELOPE_BYTES_MAX + 16_384
"""Two envelopes in hexadecimal, and what stands around them."""
OFFICERS_MAX: Final = 5
"""Who may open a procedure, any two of them; more are no closed circle."""
INVITATIONS_MAX: Final = 500
"""Suppliers invited by one request; whoever wants more wants an open procedure."""
QUESTIONS_PER_BIDDER_MAX: Final = 100
"""Questions of one company in one procedure: the buyer reads each of them."""
AMENDMENTS_MAX: Final = 100
"""Of one procedure; whoever amends more often asks for something else by now."""
CRITERIA_MAX: Final = 50
"""Of one procedure; each is judged by each evaluator in each bid."""
REQUIREMENTS_MAX: Final = 50
"""Of one procedure; each is looked at for each bidder."""
EVALUATORS_MAX: Final = 20
"""On one panel; its scores are read at once for a ranking."""
SCORES_MAX: Final = 1_000
"""Scores written by one request; more come in several."""
PACKAGES_MAX: Final = 20
"""Of one bid: what a buyer still follows, and a program decides on."""
VOLUME_DISCOUNTS_MAX: Final = 10
"""Of one bid: what a buyer still follows, and a program decides on."""
PACKAGE_LOTS_MAX: Final = 500
"""Named by all packages of a bid together: 20 kB of its envelope."""
SCENARIOS_MAX: Final = 200
"""Of one procedure; who asked so much more often knows what he wants."""
SCENARIOS_WAITING_MAX: Final = 4
"""Of one company, waiting or being solved: the worker's jobs are for others too."""
SCENARIO_CONSTRAINTS_MAX: Final = 20
"""Of one scenario: each is solved without once, to tell what it costs."""
SCENARIO_SECONDS_MAX: Final = 60
"""For one solution: a tender of 200 lots and 20 bidders takes some seconds."""
SCENARIO_RUN_SECONDS_MAX: Final = 600
"""For all solutions of a scenario together; what is not known by then is said to be unknown."""
SCENARIO_SOLVER_BYTES_MAX: Final = 16 * 1_048_576
"""Of one message of the solver: an award of a thousand lines, and one without each constraint."""
SCENARIOS_COMPARED_MAX: Final = 12
"""Side by side: as many as a person compares, and as a plot has room for."""
AWARD_SHARES_MAX: Final = 10
"""Suppliers one lot is divided among by share; whoever wants more makes lots or lines of it."""
STANDSTILL_DAYS_MAX: Final = 60
"""Laws ask for 10 to 15; beyond two months no bid is held any more."""
REMIND_DAYS_MAX: Final = 30
"""Before a deadline; a reminder a month ahead is an announcement."""
RECEIVING_DAYS_MAX: Final = 365
"""Laws ask for 10 to 52."""
HOLIDAYS_SECONDS_MAX: Final = 20
"""Less than a request may take: a process that starts for it loads the calendars of all countries.
"""
NON_WORKING_DAYS_MAX: Final = 400
"""Given by a buyer beside public holidays; a year of them would be one without work."""
ANSWER_HOURS_MAX: Final = 24 * 60
"""Two months: the longest that a question, an answer or an amendment may hold a deadline up."""
CHOICES_MAX: Final = 50
"""Answers to choose from; a longer list is a catalog."""
QUESTIONNAIRE_ITEMS_MAX: Final = 500
"""What a supplier can answer and a buyer can read; each answer may be a page long."""
NEGOTIATION_ROUNDS_MAX: Final = 40
"""Offers of both sides together; who needs more is not negotiating prices."""
NEGOTIATION_DAYS_MAX: Final = 90
"""So long an offer may wait for its answer: nobody is bound to a price for longer unasked."""
BID_EXTENSIONS_MAX: Final = 20
"""Of a procedure; who asks more often decides too late."""
BID_EXTENSION_DAYS_MAX: Final = 366
"""From the request on; a price is kept for a year, not for ever."""
MESSAGES_PER_NEGOTIATION_MAX: Final = 500
"""Of both sides; the offers themselves say what is agreed."""
SCENARIO_GAP_PERCENT_MAX: Final = 1
"""What costs at most so much more than the least that may be possible counts as solved."""
PROCEDURE_LINES_REMEMBERED_MAX: Final = 20_000
"""Per process: lines of procedures that bids come for, some 600 bytes each."""
RELEASE_PACKAGE_BYTES_MAX: Final = 2_000_000
"""Of releases in one package: a dozen of a tender with a thousand lines; a link leads on."""

# Notices taken over as drafts
NOTICE_BYTES_MAX: Final = 2 * 1_048_576
"""One lot in one language takes 10 kB, and one in all official languages 90 kB."""
NOTICE_PARTS_MAX: Final = 50_000
"""Elements with their attributes, or values of JSON: one in 24 languages has 1,500. In memory
a part takes some 600 bytes."""
NOTICE_PATH_CHARACTERS_MAX: Final = 1_000
"""Of the place of a part: the deepest of a real notice has 300."""
NOTICE_VALUE_CHARACTERS_MAX: Final = 1_000
"""Shown of a value; the whole of it stands in the notice, which its buyer has."""
NOTICE_ROWS_MAX: Final = 2_000
"""Rows of a report of each kind; what lies beyond is counted."""
NOTICE_ERRORS_MAX: Final = 1_000
"""Reasons of one refusal; who mends a thousand sends it again for the rest."""
NOTICES_AT_ONCE_MAX: Final = 2
"""Per process, each in a thread: what is read at once holds 60 MB, and the others wait."""

# Auctions
AUCTION_QUEUE_MAX: Final = 2_000
"""Bids waiting in one worker for one auction; beyond it 503 before queueing."""
AUCTION_BATCH_MAX: Final = 256
"""Bids in one ledger transaction, on one lot or many: about 20 ms of work."""
AUCTION_LOTS_ALONE_MAX: Final = 4
"""Lots settled each in a transaction of its own at once: two connections of six are left for the
batches of many, which wait for nobody."""
AUCTION_PARTICIPANTS_MAX: Final = 500
"""Of one lot; each is ranked anew with each bid."""
AUCTION_LOTS_MAX: Final = 50
"""Each lot is a message and a row on every viewer's screen; larger events are several auctions."""
AUCTION_DURATION_SECONDS_MAX: Final = 90 * 86_400
"""From start to the close first laid down; longer competitions are procedures."""
AUCTION_OVERTIME_SECONDS_MAX: Final = 86_400
"""Window and length of one extension."""
AUCTION_EXTENSIONS_MAX: Final = 1_000
"""Extensions of one lot, and the lowest rank that may trigger one."""
AUCTION_STAGES_MAX: Final = 1_000
"""Prices an auction calls: each is an entry of its log and a message to every viewer."""
AUCTION_ROUNDS_MAX: Final = 10
"""Rounds of turns: ProZorro has three."""
AUCTION_TIERS_MAX: Final = 20
"""Steps by price: more than a bidder can keep in mind."""
AUCTION_RATES_MAX: Final = 20
"""Currencies of one lot beside its own."""
AUCTION_BIDDERS_REMEMBERED_MAX: Final = 64_000
"""Bidders of all lots whose state one process keeps in memory, about 0.8 kB each: 500 lots of 128,
or 5,800 of ten. A lot that is forgotten costs the reading of its log with the next bid."""
AUCTION_BOARDS_HEALED_MAX: Final = 10_000
"""Running lots whose boards one worker compares each second: one query and one pipeline."""
AUCTION_REFUSALS_PER_MINUTE: Final = 30
"""Refused bids and orders to proxies per bidder: the ledger must not be floodable."""
AUCTION_MESSAGES_MAX: Final = 100
"""Messages to all of one lot: each is an entry of its log and goes to every viewer."""
AUCTION_MESSAGE_CHARACTERS_MAX: Final = 1_000
"""Of a message to all: the last one is part of every view and of the board."""
AUCTION_OUTBID_SECONDS: Final = 60
"""Between two looks at a lot for bids that lead no more: nobody gets more than a mail a minute."""
AUCTION_TRIAL_BIDS_MAX: Final = 50
"""Bids tried on terms in one request: on 50 lots with 1,000 called prices each about 0.5 s."""
AUCTION_TRIAL_PARTICIPANTS_MAX: Final = 2_000
"""Of all lots that are tried together: each is an entry of a log that is played in the request."""
LIVE_VIEWERS_MAX: Final = 4_000
"""Per process: about 36 kB each, 140 MB in all; beyond it 503."""
LIVE_VIEWERS_OF_COMPANY_MAX: Final = 500
"""Per process; more than a company has people who watch."""
LIVE_MESSAGE_BYTES_MAX: Final = 4_096
"""What a viewer may send at once: nothing of it is read, so more would only fill the memory."""
VIEWER_BACKLOG_MAX: Final = 100
"""Messages a slow viewer may lag before it is dropped."""
BIDDERS_COUNTED_MAX: Final = 10_000
"""Bidders whose refusals one process counts; beyond it counting begins anew."""
VIEWER_SEND_SECONDS_MAX: Final = 10
"""A viewer who takes nothing for so long is gone, whether or not his connection knows."""

# Jobs and timers
TIMERS_AT_ONCE_MAX: Final = 100
"""Per worker: a hundred auctions that close at the same instant close together."""
JOBS_AT_ONCE_MAX: Final = 4
"""Per worker: each holds two connections and a batch of rows; beyond the pool they would wait for
each other."""
JOBS_OF_COMPANY_MAX: Final = 2
"""Of these, and as many of a kind that is no company's, such as mail; the others are for others."""
JOBS_PICKED_MAX: Final = 20
"""Per worker: what waits here no other worker can do."""
JOBS_OF_NOBODY_PICKED_MAX: Final = 10
"""Of these, those of no company: mail of ten events, most of which has no readers and is soon done.
"""
JOBS_LOOKED_AT_MAX: Final = 250
"""Of each kind, the oldest, whenever a worker takes some: the imports of a dozen companies that
have as many waiting as they may. It takes some milliseconds."""
JOB_ATTEMPTS_MAX: Final = 5
"""Then its failure stands in the log of jobs, for a person."""
JOB_LOG_DAYS: Final = 90
"""How long it is known why a job failed: a quarter, and whoever asked for it has asked again."""
FORGET_BATCH_MAX: Final = 5_000
"""Rows deleted in one transaction because they are no longer kept."""

# Events, feed, mail and trail
EVENT_BATCH_MAX: Final = 5_000
"""Outbox rows numbered in one transaction."""
EVENT_DAYS_KEPT: Final = 400
"""A year and the month in which somebody notices; a cursor from before is answered with 410."""
FEED_ITEMS_MAX: Final = 1_000
"""Events of one read: thin ones, about 400 kB."""
FEED_WAIT_SECONDS_MAX: Final = 25
"""A long poll ends before proxies lose patience, commonly at 30 or 60 s."""
FEED_WAITERS_MAX: Final = 250
"""Reads of the feed that wait at once in one process: a quarter of its requests in flight; whoever
comes beyond is answered without waiting."""
MAIL_COMPANIES_MAX: Final = 100
"""Companies whose mail about an event is one job: it is started again as a whole."""
AUDIT_HEADS_HOURS: Final = 24
"""Between two files with the ends of all audit trails: what was changed within a day may go unseen.
Ten thousand companies are a megabyte."""
CONSUMER_BATCH_MAX: Final = 200
"""Events handed to one consumer before it is said that there were some."""
EVENT_ATTEMPTS_MAX: Final = 20
"""Of a consumer at one event, some ten seconds: what is not through then waits for a person, and
no longer for itself."""
