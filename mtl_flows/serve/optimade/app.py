"""The endpoints of an OPTIMADE provider, version 1.2 of the standard."""

import re
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response
from pymongo.errors import PyMongoError

from mtl_flows import __version__
from mtl_flows.errors import DatabaseUnavailableError, MTLError, QueryError
from mtl_flows.schemas.base import utc_now
from mtl_flows.serve.optimade.asked import Listing, check_plain, fields_of_entry
from mtl_flows.serve.optimade.entries import ENTRY_TYPE
from mtl_flows.serve.optimade.properties import PREFIX, properties
from mtl_flows.serve.optimade.provider import Provider

MOUNTED: Final = "/optimade"
VERSION: Final = "1.2.0"

_VERSIONED: Final = ("/v1", "/v1.2", f"/v{VERSION}")
_SCHEMA: Final = "https://schemas.optimade.org/openapi/v1.2/optimade.json"
_SOURCE: Final = "mtl_flows"
_DESCRIBED: Final = (
    "Candidates for superionic conductors: structures, what a screening found of them, and how far they came."
)
_PLACE: Final = re.compile(r"/v\d[^/]*")

Record = dict[str, Any]


class _Answer(JSONResponse):
    media_type = "application/vnd.api+json"


def optimade_of(provider: Provider) -> FastAPI:
    """Return the application of a provider, to be mounted at `MOUNTED`."""
    app = FastAPI(
        title="mtl_flows, OPTIMADE", version=__version__, docs_url=None, redoc_url=None, openapi_url=None
    )
    app.add_exception_handler(MTLError, _told)
    app.add_exception_handler(PyMongoError, _unavailable)
    app.add_exception_handler(404, _nowhere)
    app.add_exception_handler(405, _read_alone)
    router = _router_of(provider)
    for version in _VERSIONED:
        app.include_router(router, prefix=version)

    @app.get("/versions")
    def versions() -> Response:
        return Response("version\n1\n", media_type="text/csv; header=present")

    @app.get("/")
    def base(request: Request) -> Response:
        return RedirectResponse(f"{_base(request)}/v1/info", 307)

    app.include_router(router)
    return app


def _router_of(provider: Provider) -> APIRouter:
    router = APIRouter()

    @router.get("/info")
    def info(request: Request) -> Response:
        warnings = check_plain(request.query_params.multi_items())
        base = _base(request)
        attributes = {
            "api_version": VERSION,
            "available_api_versions": [{"url": f"{base}/v1", "version": VERSION}],
            "formats": ["json"],
            "available_endpoints": ["info", "links", ENTRY_TYPE],
            "entry_types_by_format": {"json": [ENTRY_TYPE]},
            "is_index": False,
        }
        data = {"id": "/", "type": "info", "attributes": attributes}
        return _answer(request, data, warnings=warnings)

    @router.get(f"/info/{ENTRY_TYPE}")
    def described(request: Request) -> Response:
        warnings = check_plain(request.query_params.multi_items())
        data = {
            "id": ENTRY_TYPE,
            "type": "info",
            "description": _DESCRIBED,
            "properties": {name: one.told() for name, one in properties().items()},
            "formats": ["json"],
            "output_fields_by_format": {"json": list(properties())},
        }
        return _answer(request, data, warnings=warnings)

    @router.get("/links")
    def links(request: Request) -> Response:
        warnings = check_plain(request.query_params.multi_items())
        attributes = {
            "name": _SOURCE,
            "description": _DESCRIBED,
            "base_url": _base(request),
            "homepage": None,
            "link_type": "root",
        }
        data = [{"id": PREFIX, "type": "links", "attributes": attributes}]
        return _answer(request, data, warnings=warnings)

    @router.get(f"/{ENTRY_TYPE}")
    def structures(request: Request) -> Response:
        found = provider.page(Listing.of(request.query_params.multi_items()))
        following = f"{_here(request)}?{found.following}" if found.following else None
        meta = {
            "data_returned": found.total,
            "data_available": found.available,
            "more_data_available": following is not None,
        }
        return _answer(request, found.entries, meta, {"next": following}, found.warnings)

    @router.get(f"/{ENTRY_TYPE}/{{entry_id:path}}")
    def structure(request: Request, entry_id: str) -> Response:
        fields, warnings = fields_of_entry(request.query_params.multi_items())
        entry = provider.entry(entry_id, fields)
        meta = {"data_returned": 1, "data_available": provider.available}
        return _answer(request, entry, meta, warnings=warnings)

    return router


def _answer(
    request: Request,
    data: Record | list[Record],
    meta: Record | None = None,
    links: Record | None = None,
    warnings: Sequence[str] = (),
) -> Response:
    told: Record = {"data": data, "meta": _meta(request, warnings) | (meta or {})}
    return _Answer(told | ({"links": links} if links else {}))


def _meta(request: Request, warnings: Sequence[str] = ()) -> Record:
    asked = f"?{request.url.query}" if request.url.query else ""
    meta: Record = {
        "query": {"representation": f"{_within(request)}{asked}"},
        "api_version": VERSION,
        "schema": _SCHEMA,
        "time_stamp": f"{utc_now():%Y-%m-%dT%H:%M:%S}Z",
        "more_data_available": False,
        "provider": {"name": _SOURCE, "description": _DESCRIBED, "prefix": PREFIX},
        "implementation": {"name": _SOURCE, "version": __version__},
    }
    if warnings:
        meta["warnings"] = [{"type": "warning", "detail": text} for text in warnings]
    return meta


def _base(request: Request) -> str:
    """Address of the provider, without a version."""
    return f"{str(request.base_url).rstrip('/')}{MOUNTED}"


def _here(request: Request) -> str:
    """Address that was asked, without its query."""
    return f"{str(request.base_url).rstrip('/')}{quote(request.url.path)}"


def _within(request: Request) -> str:
    """What was asked for, without the address of the provider and without a version."""
    return _PLACE.sub("", request.url.path.removeprefix(MOUNTED), count=1)


def _error(request: Request, status: int, detail: str, title: str = "") -> Response:
    named = title or HTTPStatus(status).phrase
    errors = [{"status": str(status), "title": named, "detail": detail}]
    return _Answer({"errors": errors, "meta": _meta(request)}, status)


def _told(request: Request, error: Exception) -> Response:
    status = error.status if isinstance(error, QueryError) else 500
    return _error(request, 503 if isinstance(error, DatabaseUnavailableError) else status, str(error))


def _unavailable(request: Request, error: Exception) -> Response:
    return _error(request, 503, "the database does not answer")


def _nowhere(request: Request, error: Exception) -> Response:
    within = request.url.path.removeprefix(MOUNTED)
    if _PLACE.match(within) and f"/{within.split('/')[1]}" not in _VERSIONED:
        return _error(request, 553, f"there is version {VERSION} alone", "Version Not Supported")
    return _error(request, 404, "there is nothing at this address")


def _read_alone(request: Request, error: Exception) -> Response:
    return _error(request, 405, "there is nothing to be changed here")
