"""The identifiers of a played road, by the names they have in paths."""

from collections.abc import Mapping

from marketplace.demo.road import Road
from marketplace.demo.story import Exchange


def identifiers(road: Road, exchanges: Mapping[str, Exchange]) -> dict[str, str]:
    """Every identifier of the road, by the name it has in paths."""
    shown = {name: exchange.answer for name, exchange in exchanges.items()}
    item = shown["searchCatalog"]["items"][0]
    return {
        "organization_id": road.buyer.organization_id,
        "member_id": shown["addMember"]["id"],
        "key_id": shown["createApiKey"]["id"],
        "approval_id": shown["decideApproval"]["id"],
        "contract_id": road.award["contract_id"],
        "contract_price_id": shown["readContract"]["prices"][0]["id"],
        "order_id": road.order["id"],
        "quote_id": shown["makeQuote"]["id"],
        "line": "1",
        "supplier_order_id": road.supplier_order_id,
        "invoice_id": road.invoice["id"],
        "credit_note_id": shown["issueCreditNote"]["id"],
        "product_id": shown["createProduct"]["id"],
        "category_id": shown["putCategoryByCode"]["id"],
        "category_code": shown["putCategoryByCode"]["code"],
        "item_id": item["id"],
        "sku": road.award["lines"][0]["sku"],
        "cart_id": shown["createCart"]["id"],
        "cart_line_id": shown["addCartLines"]["added"][0],
        "requisition_list_id": shown["createRequisitionList"]["id"],
        "location_code": "MAIN",
        "synonym_id": "019b8c4e-0000-7000-8000-000000000002",  # the road needs no synonyms
        "suggestion_id": "019b8c4e-0000-7000-8000-000000000003",  # nor suggestions for products
        "system": "sap",
        "external_id": road.order["external"]["id"],
        "kind": "order",
        "segment_id": shown["createSegment"]["id"],
        "assortment_id": shown["createAssortment"]["id"],
        "buyer_id": road.buyer.organization_id,
        "assignee_id": road.buyer.organization_id,
        "grantee_id": road.buyer.organization_id,
        "list_id": exchanges["assignPriceList"].path.split("/")[3],
        "import_id": shown["startImport"]["id"],
        "job_id": shown["startImport"]["id"],
        "auction_id": road.auction_id,
        "client_bid_id": "bid-0-10100.00",
        "procedure_id": road.procedure["id"],
        # The road's procedure is private: were it public, these would be its process and release.
        "ocid": f"ocds-213czf-{road.procedure['id']}",
        "release_id": f"ocds-213czf-{road.procedure['id']}-1",
        "name": "extension.json",
        "explanation_id": "019b8c4e-0000-7000-8000-000000000003",  # no offer is that low
        "extension_id": "019b8c4e-0000-7000-8000-000000000003",  # no bid of the road ends
        "framework_id": "019b8c4e-0000-7000-8000-000000000005",  # nor has it a framework
        "negotiation_id": "019b8c4e-0000-7000-8000-000000000004",  # the road bids and is awarded
        "document_id": "019b8c4e-0000-7000-8000-000000000004",  # the road is told in words
        "attachment_id": "019b8c4e-0000-7000-8000-000000000005",
        "medium_id": shown["uploadMedium"]["id"],
        "question_id": shown["askQuestion"]["id"],
        "supplier_id": road.award["supplier_id"],
        "qualification_code": "ISO-9001",
        "lot_id": road.lot["id"],
        "bid_id": road.award["bid_id"],
        "award_id": road.award["id"],
        "proposal_id": road.award["proposal_id"],
        "scenario_id": "019b8c4e-0000-7000-8000-000000000006",  # the road has one lot to award
        "complaint_id": "019b8c4e-0000-7000-8000-000000000004",  # nobody complains on the road
    }
