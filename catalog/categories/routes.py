"""HTTP of categories."""

from typing import Annotated, Final
from uuid import UUID

from litestar import Response, delete, get, put
from litestar.params import QueryParameter

from catalog.categories import service
from catalog.categories.schemas import CategoryDetails, CategoryInput, CategoryView
from catalog.languages.asked import AcceptLanguage, LanguageQuery, asked_languages
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.http.access import versioned
from marketplace.platform.http.given import FromPath, Given, JSONBody
from marketplace.platform.http.paging import Page, PageRequest, paged

_TAGS: Final = ["categories"]


@get(
    "/v1/categories",
    operation_id="listCategories",
    tags=_TAGS,
    summary="The tree of categories, by code; all of it, or what lies right below one.",
)
async def list_categories(
    caller: Given[Caller],
    platform: Given[Platform],
    page_request: Given[PageRequest],
    parent_id: Annotated[
        UUID | None,
        QueryParameter(name="parent_id", description="Only those right below this category."),
    ] = None,
    language: LanguageQuery = None,
    accept_language: AcceptLanguage = None,
) -> Response[Page[CategoryView]]:
    """List categories; each tells its path, so that the pages make the tree."""
    languages = asked_languages(language, accept_language)
    return paged(
        page_request,
        await service.list_categories(platform, caller, parent_id, languages, page_request),
    )


@get(
    "/v1/categories/{category_id:uuid}",
    operation_id="readCategory",
    tags=_TAGS,
    summary="A category and what it tells of its products.",
)
async def read_category(
    category_id: FromPath[UUID],
    caller: Given[Caller],
    platform: Given[Platform],
    language: LanguageQuery = None,
    accept_language: AcceptLanguage = None,
) -> Response[CategoryDetails]:
    """Read a category with all its attributes, inherited ones first."""
    languages = asked_languages(language, accept_language)
    return versioned(await service.read_category(platform, caller, category_id, languages))


@put(
    "/v1/categories/by-code/{category_code:str}",
    operation_id="putCategoryByCode",
    tags=_TAGS,
    summary="Make, change or move a category; for the operator.",
)
async def put_category(
    category_code: FromPath[str],
    data: JSONBody[CategoryInput],
    caller: Given[Caller],
    platform: Given[Platform],
) -> Response[CategoryDetails]:
    """Set a category whole; what would take the meaning from values of products is refused."""
    return versioned(await service.put_category(platform, caller, category_code, data))


@delete(
    "/v1/categories/by-code/{category_code:str}",
    operation_id="removeCategoryByCode",
    tags=_TAGS,
    summary="Take an empty category away; for the operator.",
)
async def remove_category(
    category_code: FromPath[str], caller: Given[Caller], platform: Given[Platform]
) -> None:
    """Remove a category that has neither products nor categories below it."""
    await service.remove_category(platform, caller, category_code)


ROUTES: Final = (list_categories, read_category, put_category, remove_category)
