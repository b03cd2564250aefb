"""The application: pages for browsers, JSON for scripts, files to download."""

from asyncio import sleep
from typing import Annotated, Final
from urllib.parse import parse_qs, quote, urlencode

from fastapi import APIRouter, FastAPI, Query, Request
from fastapi.middleware.gzip import GZipMiddleware
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from pymongo.errors import PyMongoError

from mtl_flows import __version__
from mtl_flows.errors import (
    ConfigurationError,
    DatabaseUnavailableError,
    InputError,
    MTLError,
    NotFoundError,
)
from mtl_flows.extras import explained
from mtl_flows.serve.answers import Answers
from mtl_flows.serve.api import PREFIX, MaterialId, OfScreening, api_of
from mtl_flows.serve.guard import COOKIE, Gatekeeper, Pass
from mtl_flows.serve.shell import files_of_pages, login_page, reference_page, shell_page

_STATUS: Final[dict[type[MTLError], int]] = {
    NotFoundError: 404,
    ConfigurationError: 422,
    InputError: 422,
    DatabaseUnavailableError: 503,
}
_PAUSE_S: Final = 0.5  # after a wrong token


def application_of(answers: Answers, pass_: Pass = Pass(), optimade: FastAPI | None = None) -> Gatekeeper:
    """Return the application over a store, behind its guard; with a provider of OPTIMADE in it if there is one."""
    app = FastAPI(
        title="mtl_flows",
        version=__version__,
        description="Candidates, materials and structures of a store, to be read.",
        docs_url=None,
        redoc_url=None,
        openapi_url=f"{PREFIX}/openapi.json",
    )
    app.add_middleware(GZipMiddleware, minimum_size=1000, compresslevel=5)
    app.add_exception_handler(MTLError, _told)
    app.add_exception_handler(PyMongoError, _unavailable)
    app.add_exception_handler(ModuleNotFoundError, _lacking)
    app.include_router(api_of(answers))
    if optimade is not None:
        app.mount("/optimade", optimade)
    app.include_router(_pages_of(app, answers, pass_))
    return Gatekeeper(app, pass_)


def _pages_of(app: FastAPI, answers: Answers, pass_: Pass) -> APIRouter:
    router = APIRouter(include_in_schema=False)

    @router.get("/")
    def shell() -> Response:
        return HTMLResponse(shell_page())

    @router.get("/api")
    def reference() -> Response:
        return HTMLResponse(reference_page(app.openapi()))

    @router.get("/materials/{material_id:path}")
    def material(material_id: MaterialId, named: Annotated[OfScreening, Query()]) -> Response:
        """Lead to the page of a material."""
        name, snapshot = answers.snapshot(named.screening)
        material_id = answers.named(snapshot, material_id)
        if material_id not in snapshot.table:
            raise NotFoundError(f"not in the screening {name!r}", subject=material_id, remedy="see /")
        asked = f"?{urlencode({'screening': named.screening})}" if named.screening else ""
        return RedirectResponse(f"/{asked}#/material/{quote(material_id, safe='')}", 303)

    @router.get("/login")
    def ask() -> Response:
        return HTMLResponse(login_page())

    @router.post("/login")
    async def enter(request: Request) -> Response:
        said = parse_qs((await request.body()).decode("utf-8", "replace"), max_num_fields=4).get(
            "token", [""]
        )[0]
        if not pass_.token or not pass_.is_right(said):
            await sleep(_PAUSE_S)
            return HTMLResponse(login_page(wrong=True), 403)
        entered = RedirectResponse("/", 303)
        entered.set_cookie(COOKIE, pass_.cookie, httponly=True, samesite="strict", path="/")
        return entered

    @router.get("/{name}")
    def file(name: str) -> Response:
        found = files_of_pages().get(name)
        if found is None:
            raise NotFoundError("no such page", subject=name[:80], remedy="see /")
        kept = {"Cache-Control": "private, max-age=31536000, immutable"}
        return Response(found.content, media_type=found.media_type, headers=kept)

    return router


def _told(request: Request, error: Exception) -> Response:
    status = next((code for kind, code in _STATUS.items() if isinstance(error, kind)), 500)
    reason = error.reason if isinstance(error, MTLError) else "error"
    return JSONResponse({"reason": reason, "message": str(error)}, status)


def _lacking(request: Request, error: Exception) -> Response:
    """An extra that this installation does without."""
    if isinstance(error, ModuleNotFoundError) and isinstance(found := explained(error), MTLError):
        return JSONResponse({"reason": found.reason, "message": str(found)}, 501)
    raise error


def _unavailable(request: Request, error: Exception) -> Response:
    return JSONResponse({"reason": "database_unavailable", "message": "the database does not answer"}, 503)
