"""What this package adds to the product."""

from typing import Final

from auctions.ports import AwardedItems
from marketplace.approvals.ports import ApprovalSubjects
from marketplace.contracts.ports import SignedContracts
from marketplace.platform.contents.receiving import HeldContents
from marketplace.platform.core import Platform
from marketplace.platform.database import Role
from marketplace.platform.feature import Consumer, Feature, Job, Scope, Timer
from rfq.amendments import routes as amendments
from rfq.attachments import routes as attachments
from rfq.attachments.contents import AttachmentsGivenOut, DocumentsGivenOut
from rfq.attachments.documents import FORGET_TIMER, forget_document
from rfq.attachments.examining import EXAMINE_TIMER, examine_files
from rfq.awards import routes as awards
from rfq.awards.approving import AwardApprovals
from rfq.awards.leaving import DECLINED_TIMER, give_way
from rfq.awards.proposals import APPROVAL
from rfq.awards.settling import STANDSTILL_TIMER, end_standstill
from rfq.bids import routes as bids
from rfq.clarifications import routes as clarifications
from rfq.comparison import routes as comparison
from rfq.evaluation import panel_routes
from rfq.evaluation import routes as evaluation
from rfq.explanations import routes as explanations
from rfq.handover import routes as handover
from rfq.handover.service import record_auction_end
from rfq.items import PrivateItems
from rfq.key_store import KeyStore
from rfq.local_key_store import LocalKeyStore
from rfq.negotiation import routes as negotiation
from rfq.negotiation.service import EXPIRY_TIMER, expire_negotiation
from rfq.notices import routes as notices
from rfq.notices.service import NoticeReaders
from rfq.ocds import routes as open_data
from rfq.ocds.feeding import take_into_feed
from rfq.ocds.publishing import RELEASED
from rfq.ocds.steps import PublishedContracts
from rfq.officers import routes as officers
from rfq.opening import routes as opening
from rfq.opening.service import open_at_deadline
from rfq.printouts import routes as printouts
from rfq.procedures import routes as procedures
from rfq.procedures.known import KnownProcedures
from rfq.procedures.publishing import OPENING_TIMER
from rfq.procedures.reminders import REMINDER_TIMER, remind
from rfq.qualification import routes as qualification
from rfq.questionnaires import routes as questionnaires
from rfq.reports import routes as reports
from rfq.scenarios import routes as scenarios
from rfq.scenarios.running import JOB, run_scenario
from rfq.strict import routes as strict
from rfq.validity import routes as validity
from rfq.variants import routes as variants


def _local_key_store(platform: Platform) -> LocalKeyStore:
    settings = platform.settings
    return LocalKeyStore(
        settings.data_directory / "keys",
        platform.secrets.key("rfq key store"),
        clock_may_move=settings.environment.may_move_clock,
    )


def _award_approvals(platform: Platform) -> AwardApprovals:
    subject = AwardApprovals()
    platform.get(ApprovalSubjects).add(APPROVAL, subject)
    return subject


FEATURE: Final = Feature(
    name="rfq",
    routes=(
        *procedures.ROUTES,
        *notices.ROUTES,
        *amendments.ROUTES,
        *clarifications.ROUTES,
        *bids.ROUTES,
        *attachments.ROUTES,
        *opening.ROUTES,
        *officers.ROUTES,
        *strict.ROUTES,
        *qualification.ROUTES,
        *variants.ROUTES,
        *panel_routes.ROUTES,
        *evaluation.ROUTES,
        *explanations.ROUTES,
        *validity.ROUTES,
        *questionnaires.ROUTES,
        *negotiation.ROUTES,
        *handover.ROUTES,
        *awards.ROUTES,
        *printouts.ROUTES,
        *open_data.ROUTES,
        *scenarios.ROUTES,
        *comparison.ROUTES,
        *reports.ROUTES,
    ),
    scopes=(
        Scope(
            "rfq:read",
            "Read own procedures",
            ("administrator", "purchaser", "approver", "viewer"),
        ),
        Scope("rfq:administer", "Say which awards wait for approval", ("administrator",)),
        Scope("rfq:write", "Run procedures and award", ("administrator", "purchaser")),
        Scope(
            "rfq:open",
            "Open procedures as a named officer",
            ("administrator", "purchaser", "approver", "viewer"),
        ),
        Scope(
            "evaluations:write",
            "Judge bids as a member of a panel",
            ("administrator", "purchaser", "approver", "viewer"),
        ),
        Scope("bids:read", "Read procedures to bid in", ("administrator", "seller", "viewer")),
        Scope("bids:write", "Submit and withdraw bids", ("administrator", "seller")),
    ),
    consumers=(
        Consumer(
            "rfq.lot_auctions",
            frozenset(
                {
                    "auction.closed",
                    "auction.cancelled",
                    "auction.lot_closed",
                    "auction.lot_cancelled",
                }
            ),
            record_auction_end,
            role=Role.ENGINE,
        ),
        Consumer("rfq.open_data", frozenset({RELEASED}), take_into_feed),
    ),
    jobs=(Job(JOB, run_scenario),),
    commands={
        "verify-opening": "rfq.opening.commands:check_opening",
        "import-notice": "rfq.notices.commands:import_notice",
    },
    timers=(
        Timer(OPENING_TIMER, open_at_deadline),
        Timer(REMINDER_TIMER, remind),
        Timer(EXPIRY_TIMER, expire_negotiation),
        Timer(STANDSTILL_TIMER, end_standstill),
        Timer(DECLINED_TIMER, give_way),
        Timer(FORGET_TIMER, forget_document),
        Timer(EXAMINE_TIMER, examine_files),
    ),
    provides={
        HeldContents: lambda _platform: HeldContents(),
        DocumentsGivenOut: lambda _platform: DocumentsGivenOut(),
        AttachmentsGivenOut: lambda _platform: AttachmentsGivenOut(),
        KeyStore: _local_key_store,
        AwardApprovals: _award_approvals,
        NoticeReaders: lambda _platform: NoticeReaders(),
        KnownProcedures: lambda _platform: KnownProcedures(),
        AwardedItems: lambda _platform: PrivateItems(),
        SignedContracts: lambda _platform: PublishedContracts(),
    },
)
