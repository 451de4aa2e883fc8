"""Scenarios over HTTP."""

from dataclasses import dataclass
from typing import Annotated, Final
from uuid import UUID

from litestar import Response, get, post
from litestar.openapi.spec import OpenAPIMediaType, OpenAPIResponse, Operation, Schema
from litestar.openapi.spec.enums import OpenAPIType
from litestar.params import QueryParameter
from litestar.types import ControllerRouterHandler

from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.http.access import versioned
from marketplace.platform.http.given import FromPath, Given, JSONBody
from marketplace.platform.http.paging import Page, PageRequest, paged
from marketplace.platform.idempotency import IdempotencyKey
from marketplace.platform.plots import SVG, SVG_HEADERS
from rfq.scenarios import comparing, proposing, service
from rfq.scenarios.schemas import (
    ScenarioComparison,
    ScenarioFigure,
    ScenarioInput,
    ScenarioProposalInput,
    ScenarioProposalView,
    ScenarioSummary,
    ScenarioView,
)

TAGS: Final = ["scenarios"]
WhichScenarios = Annotated[
    list[UUID] | None,
    QueryParameter(name="scenario_id", description="Which; without any the newest."),
]
WhichFigure = Annotated[
    ScenarioFigure,
    QueryParameter(name="figure", description="What suppliers get, or what each constraint costs."),
]


@dataclass
class PlotOperation(Operation):
    """An operation that answers with a plot."""

    def __post_init__(self) -> None:
        """Describe the answer, which no type of the handler does."""
        text = OpenAPIMediaType(schema=Schema(type=OpenAPIType.STRING))
        self.responses = {
            **(self.responses or {}),
            "200": OpenAPIResponse(description="The plot.", content={SVG: text}),
        }


@post(
    "/v1/procedures/{procedure_id:uuid}/scenarios",
    operation_id="createScenario",
    tags=TAGS,
    summary="Ask for the best award of all open lots under constraints; the worker solves it",
)
async def create_scenario(
    procedure_id: FromPath[UUID],
    data: JSONBody[ScenarioInput],
    caller: Given[Caller],
    platform: Given[Platform],
    idempotency_key: Given[IdempotencyKey],
) -> Response[ScenarioView]:
    """Make a scenario."""
    return versioned(
        await service.create_scenario(platform, caller, procedure_id, data, idempotency_key)
    )


@get(
    "/v1/procedures/{procedure_id:uuid}/scenarios",
    operation_id="listScenarios",
    tags=TAGS,
    summary="List the scenarios of a procedure of yours, the newest first",
)
async def list_scenarios(
    procedure_id: FromPath[UUID],
    caller: Given[Caller],
    platform: Given[Platform],
    page_request: Given[PageRequest],
) -> Response[Page[ScenarioSummary]]:
    """List scenarios."""
    return paged(
        page_request, await service.list_scenarios(platform, caller, procedure_id, page_request)
    )


@get(
    "/v1/scenarios/{scenario_id:uuid}",
    operation_id="readScenario",
    tags=TAGS,
    summary="Read a scenario: how far it is, and what came out",
)
async def read_scenario(
    scenario_id: FromPath[UUID], caller: Given[Caller], platform: Given[Platform]
) -> Response[ScenarioView]:
    """Read a scenario."""
    return versioned(await service.read_scenario(platform, caller, scenario_id))


@post(
    "/v1/scenarios/{scenario_id:uuid}/cancel",
    operation_id="cancelScenario",
    tags=TAGS,
    summary="Cancel a scenario that is not finished",
    status_code=200,
)
async def cancel_scenario(
    scenario_id: FromPath[UUID],
    caller: Given[Caller],
    platform: Given[Platform],
    if_match: Given[int],
) -> Response[ScenarioView]:
    """Cancel a scenario."""
    return versioned(await service.cancel_scenario(platform, caller, scenario_id, if_match))


@post(
    "/v1/scenarios/{scenario_id:uuid}/propose",
    operation_id="proposeScenario",
    tags=TAGS,
    summary="Propose a solved scenario as the award of all its lots, or of none",
)
async def propose_scenario(
    *,
    scenario_id: FromPath[UUID],
    data: JSONBody[ScenarioProposalInput],
    caller: Given[Caller],
    platform: Given[Platform],
    if_match: Given[int],
    idempotency_key: Given[IdempotencyKey],
) -> ScenarioProposalView:
    """Propose a scenario."""
    return await proposing.propose_scenario(
        platform, caller, scenario_id, data, version=if_match, key=idempotency_key
    )


@get(
    "/v1/procedures/{procedure_id:uuid}/scenario-comparison",
    operation_id="compareScenarios",
    tags=TAGS,
    summary="Compare solved scenarios: cost, suppliers, and what each constraint costs",
)
async def compare_scenarios(
    procedure_id: FromPath[UUID],
    caller: Given[Caller],
    platform: Given[Platform],
    scenario_ids: WhichScenarios = None,
) -> ScenarioComparison:
    """Compare scenarios."""
    return await comparing.compare_scenarios(platform, caller, procedure_id, scenario_ids or ())


@get(
    "/v1/procedures/{procedure_id:uuid}/scenario-comparison/plot",
    operation_id="plotScenarios",
    operation_class=PlotOperation,
    tags=TAGS,
    summary="Draw what suppliers get in scenarios, or what constraints cost, as SVG",
)
async def plot_scenarios(
    procedure_id: FromPath[UUID],
    caller: Given[Caller],
    platform: Given[Platform],
    scenario_ids: WhichScenarios = None,
    figure: WhichFigure = ScenarioFigure.SUPPLIERS,
) -> Response[bytes]:
    """Draw scenarios."""
    drawn = await comparing.plot_scenarios(
        platform, caller, procedure_id, scenario_ids or (), figure
    )
    return Response(content=drawn, media_type=SVG, headers=SVG_HEADERS)


ROUTES: Final[tuple[ControllerRouterHandler, ...]] = (
    create_scenario,
    list_scenarios,
    read_scenario,
    cancel_scenario,
    propose_scenario,
    compare_scenarios,
    plot_scenarios,
)
