"""JSON for scripts, and for the pages; every parameter is checked, and one that is not known is refused."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query
from fastapi.responses import JSONResponse, Response, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from mtl_flows.serve.answers import Answers, Part, StructureFormat
from mtl_flows.serve.export import attachment, csv_lines, json_lines
from mtl_flows.serve.question import MOST_ROWS, Cursor, Question, column_names

PREFIX: Final = "/api/v1"

Record = dict[str, Any]

_LONGEST = 1000
_MOST = 40

MaterialId = Annotated[str, Path(max_length=_LONGEST, description="id of a material, such as icsd-188887")]


class OfScreening(BaseModel):
    """Which screening."""

    model_config = ConfigDict(extra="forbid")

    screening: str = Field(
        "", max_length=_LONGEST, description="name of the screening; the store's own if left out"
    )


class Asked(OfScreening):
    """What is looked for, and in which order."""

    search: str = Field("", description="words that are all in id, formula, clusters, elements or releases")
    elements: str = Field("", max_length=_LONGEST, description="symbols with commas between, all in it")
    without: str = Field("", max_length=_LONGEST, description="symbols, none of them in it")
    passes: str = Field("", max_length=_LONGEST, description="flags that are true, with commas between")
    fails: str = Field("", max_length=_LONGEST, description="flags that are false, with commas between")
    equal: list[str] = Field([], max_length=_MOST, description="field:value, as verdict:pass")
    at_least: list[str] = Field([], max_length=_MOST, description="field:number, as v3_over_d3:0.7")
    at_most: list[str] = Field([], max_length=_MOST, description="field:number, as E_3D_eV:0.5")
    sort: str = Field("", max_length=80, description="a column, with a minus before it for the largest first")
    columns: str = Field("", max_length=4000, description="with commas between; all if left out")

    def question(self) -> Question:
        """Check the question."""
        told = self.model_dump(exclude={"screening", "columns", "limit", "after"})
        return Question.of(**told)


class AskedPage(Asked):
    """A page of what is looked for."""

    limit: int = Field(100, ge=1, le=MOST_ROWS, description="rows of the page")
    after: str = Field("", description="`after` of the page before")


class Rows(BaseModel):
    """A page of the table."""

    rows: list[Record] = Field(description="fields of the candidate table, by name")
    total: int = Field(description="rows that meet what is asked, on all pages")
    after: str | None = Field(description="where the next page begins; null on the last")
    state: str = Field(description="changes whenever a row does")
    as_of: str = Field(description="when the rows were read")


class State(BaseModel):
    """Whether anything changed."""

    state: str = Field(description="changes whenever a row does")
    as_of: str = Field(description="when the rows were read")
    count: int = Field(description="rows of the screening")


class MaterialRecord(BaseModel):
    """All there is of a material."""

    row: Record = Field(description="its row in the candidate table")
    record: Record = Field(
        description="structure, barcodes, gates, rules, simulations, window, verdict, provenance"
    )


class LandscapeGrid(BaseModel):
    """A bond-valence landscape on a coarse grid over the cell."""

    shape: tuple[int, int, int] = Field(description="points along each axis")
    origin: tuple[float, float, float] = Field(description="fractional coordinates of the first point")
    values: list[int] = Field(
        description="energies above the deepest point, in steps; 255 is as high or higher"
    )
    level: float = Field(description="in steps, where the landscape first spans three dimensions")
    level_eV: float = Field(description="the same in eV")


class Progress(BaseModel):
    """How far the simulations of a material are."""

    state: str = Field(description="changes whenever one of them moves, or its row")
    simulations: list[Record] = Field(description="temperature, approximant, status, ps done and wanted")


def api_of(answers: Answers) -> APIRouter:
    """Routes that answer from a store."""
    router = APIRouter(prefix=PREFIX)

    @router.get("/screenings", tags=["table"])
    def screenings() -> list[str]:
        """Names of the screenings, the store's own first."""
        return answers.names()

    @router.get("/screening", tags=["table"])
    def screening(named: Annotated[OfScreening, Query()]) -> Record:
        """Columns, values to choose from, parameters and potentials."""
        return answers.screening(named.screening)

    @router.get("/state", tags=["table"])
    def state(named: Annotated[OfScreening, Query()]) -> State:
        """Whether anything changed."""
        _, snapshot = answers.snapshot(named.screening)
        return State(state=snapshot.state, as_of=snapshot.as_of, count=snapshot.table.count)

    @router.get("/rows", response_model=Rows, tags=["table"])
    def rows(asked: Annotated[AskedPage, Query()]) -> Response:
        """Rows that meet what is asked: a page, and where the next one begins."""
        _, snapshot = answers.snapshot(asked.screening)
        after = Cursor.parse(asked.after) if asked.after else None
        page = snapshot.table.page(asked.question(), asked.limit, after, column_names(asked.columns))
        return JSONResponse(
            {
                "rows": page.rows,
                "total": page.total,
                "after": str(page.after) if page.after else None,
                "state": snapshot.state,
                "as_of": snapshot.as_of,
            }
        )

    @router.get("/rows.csv", tags=["table"], response_class=StreamingResponse)
    def rows_csv(asked: Annotated[Asked, Query()]) -> Response:
        """Every row that meets what is asked, as CSV."""
        name, snapshot = answers.snapshot(asked.screening)
        columns = column_names(asked.columns)
        lines = csv_lines(snapshot.table.everything(asked.question(), columns), columns)
        return StreamingResponse(lines, media_type="text/csv", headers=attachment(f"{name}.csv"))

    @router.get("/rows.json", tags=["table"], response_class=StreamingResponse)
    def rows_json(asked: Annotated[Asked, Query()]) -> Response:
        """Every row that meets what is asked, as a JSON list."""
        name, snapshot = answers.snapshot(asked.screening)
        lines = json_lines(snapshot.table.everything(asked.question(), column_names(asked.columns)))
        return StreamingResponse(lines, media_type="application/json", headers=attachment(f"{name}.json"))

    @router.get("/parts/{part}", tags=["pages"])
    def part(part: Part, named: Annotated[OfScreening, Query()]) -> Response:
        """What one of the pages shows: funnel and counts, the article's figures, the ranking."""
        return JSONResponse(answers.part(named.screening, part))

    @router.get("/materials/{material_id:path}", response_model=MaterialRecord, tags=["material"])
    def material(material_id: MaterialId, named: Annotated[OfScreening, Query()]) -> Response:
        """All there is of a material."""
        return JSONResponse(answers.material(named.screening, material_id))

    @router.get("/progress/{material_id:path}", response_model=Progress, tags=["material"])
    def progress(material_id: MaterialId, named: Annotated[OfScreening, Query()]) -> Response:
        """How far the simulations of a material are."""
        return JSONResponse(answers.progress(named.screening, material_id))

    @router.get("/landscapes/{material_id:path}", response_model=LandscapeGrid, tags=["material"])
    def landscape(material_id: MaterialId, named: Annotated[OfScreening, Query()]) -> Response:
        """Compute the bond-valence landscape of a material: seconds, once."""
        return JSONResponse(answers.landscape(named.screening, material_id))

    @router.get("/structures/{structure_format}/{material_id:path}", tags=["material"])
    def structure(structure_format: StructureFormat, material_id: MaterialId) -> Response:
        """Download the current structure; POSCAR of ordered crystals alone."""
        text = answers.structure(material_id, structure_format)
        name = f"{material_id}.cif" if structure_format == "cif" else f"{material_id}.vasp"
        return Response(text, media_type="text/plain", headers=attachment(name))

    return router
