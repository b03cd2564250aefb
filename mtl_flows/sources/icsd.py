"""The ICSD's web service, for those with a licence.

Requests are those of the public client lrcfmd/ICSDClient: login, search, files by at most five hundred ids of the
database (which are not collection codes), logout. No licensed service was at hand: this was tested against a stand-in
that speaks the same protocol.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from mtl_flows.errors import ConfigurationError, SourceError
from mtl_flows.sources.release_folder import Origin, ReleaseFolder
from mtl_flows.sources.service import Service
from mtl_flows.store.collection import batched

ADDRESS: Final = "https://icsd.fiz-karlsruhe.de/ws"
LICENCE: Final = "ICSD, FIZ Karlsruhe: for holders of a licence alone"
PAGE: Final = 500
_TOKEN: Final = "ICSD-Auth-Token"
_IDS = re.compile(rb"<idnums>([^<]*)</idnums>", re.IGNORECASE)
_BLOCK = re.compile(rb"^(?=data_)", re.MULTILINE)
_COLLECTION_CODE = re.compile(rb"^_database_code_ICSD\s+['\"]?(\d+)", re.MULTILINE | re.IGNORECASE)


def fetch_icsd(
    service: Service,
    login: str,
    password: str,
    query: str,
    folder: Path,
    *,
    release: str,
    source: str = "icsd",
    address: str = ADDRESS,
    progress: Callable[[int, int | None], None] = lambda done, of: None,
) -> ReleaseFolder:
    """Write what an expert search finds into a release folder. Whatever happens, the session is closed.

    Parameters
    ----------
    login, password
        Of the licence; never stored nor shown.
    query
        In the language of the expert search, such as ``composition : Li AND numberofelements : 3``.

    Raises
    ------
    ConfigurationError
        If the service does not know the login, or the folder holds something else.
    SourceError
        If it does not answer, or gives other entries than were asked for.
    """
    base = address.rstrip("/")
    made = ReleaseFolder.open(folder, Origin(source, release, base, {"query": query}, LICENCE))
    if made.manifest.complete:
        return made
    with _session(service, base, login, password) as headers:
        ids = _search(service, base, query, headers)
    wanted = [each for each in ids if each not in made]
    for page in batched(wanted, PAGE):
        # A session lasts an hour: one for each page.
        with _session(service, base, login, password) as headers:
            _take(made, service, base, page, headers)
        made.reach()
        progress(len(made) + len(made.left_out), len(ids))
    made.finish()
    return made


@contextmanager
def _session(service: Service, base: str, login: str, password: str) -> Iterator[dict[str, str]]:
    try:
        who = {"loginid": login, "password": password}
        answer = service.ask("POST", f"{base}/auth/login", data=who, headers={"Accept": "text/plain"})
    except SourceError as error:
        if error.message.startswith(("status 401", "status 403")):
            raise ConfigurationError(
                "does not know this login",
                subject="ICSD",
                remedy="check MTL_ICSD_LOGIN and MTL_ICSD_PASSWORD",
            ) from None
        raise
    token = answer.headers.get(_TOKEN)
    if not token:
        raise service.error("gave no token at login", f"{base}/auth/login", "try again later")
    headers = {_TOKEN: token}

    def log_out() -> None:
        service.get(f"{base}/auth/logout", headers={**headers, "Accept": "text/plain"})

    try:
        yield headers
    except BaseException:
        with suppress(SourceError):  # what went wrong first is what is told
            log_out()
        raise
    log_out()


def _search(service: Service, base: str, query: str, headers: dict[str, str]) -> list[str]:
    found = service.get(f"{base}/search/expert", {"query": query}, {**headers, "Accept": "application/xml"})
    lists = _IDS.findall(found)
    if not lists:
        raise service.error("the answer to the search holds no list of ids", f"{base}/search/expert")
    return list(dict.fromkeys(b" ".join(lists).decode().split()))


def _take(
    made: ReleaseFolder, service: Service, base: str, ids: Sequence[str], headers: dict[str, str]
) -> None:
    text = service.get(
        f"{base}/cif/multiple",
        {"idnum": ids, "celltype": "experimental", "windowsclient": "false", "filetype": "cif"},
        {**headers, "Accept": "application/cif"},
    )
    header, *blocks = _BLOCK.split(text)
    if len(blocks) != len(ids):
        said = f"gave {len(blocks)} entries where {len(ids)} were asked for"
        raise service.error(said, f"{base}/cif/multiple", "run the same command again")
    for database_id, block in zip(ids, blocks, strict=True):
        code = _COLLECTION_CODE.search(block)
        if code is None:
            made.leave_out(database_id, "its file has no collection code")
        else:
            # The notice of copyright stands above the first entry, or above each.
            made.add(database_id, ".cif", header + block, called=f"icsd-{code[1].decode()}")
