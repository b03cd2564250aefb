"""The COD, the ICSD's service (a stand-in that speaks its protocol) and the Materials Project's."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from pymatgen.core import Lattice, Structure
from stand_in import Asked, Said, serving
from test_optimade import QUICK

from mtl_flows.errors import ConfigurationError, SourceError
from mtl_flows.sources import icsd
from mtl_flows.sources.cod import fetch_cod, from_mirror, from_web
from mtl_flows.sources.icsd import fetch_icsd
from mtl_flows.sources.materials_project import fetch_materials_project
from mtl_flows.sources.release_folder import STRUCTURES, Manifest, Origin, ReleaseFolder
from mtl_flows.sources.service import Service


@pytest.fixture
def service() -> Iterator[Service]:
    with Service("stand-in", QUICK) as made:
        yield made


class TestCOD:
    def test_files_come_from_the_web(self, service: Service, tmp_path: Path) -> None:
        def answer(asked: Asked) -> Said:
            return Said(b"no", 404) if asked.path.startswith("/9") else Said(b"data_" + asked.path.encode())

        with serving(answer) as server:
            made = fetch_cod(
                from_web(service, server.address),
                ["1000041", "9999999", "12", "1000041", "1000042"],
                tmp_path / "cod",
                service=server.address,
                release="r",
            )
        assert {file.name for file in (tmp_path / "cod" / STRUCTURES).iterdir()} == {
            "1000041.cif",
            "1000042.cif",
        }
        assert made.left_out.keys() == {"9999999", "12"}
        assert Manifest.read(tmp_path / "cod").complete

    def test_files_come_from_a_mirror(self, tmp_path: Path) -> None:
        place = tmp_path / "mirror" / "cif" / "1" / "00" / "00"
        place.mkdir(parents=True)
        (place / "1000041.cif").write_bytes(b"data_x")
        made = fetch_cod(
            from_mirror(tmp_path / "mirror"),
            ["1000041", "2000000"],
            tmp_path / "o",
            service="here",
            release="r",
        )
        assert (len(made), list(made.left_out)) == (1, ["2000000"])


def test_a_folder_that_was_killed_goes_on_with_what_is_whole(tmp_path: Path) -> None:
    origin = Origin("s", "r", "here", {"n": 1})
    made = ReleaseFolder.open(tmp_path / "f", origin)
    made.add('odd, "id"\u2028/1', ".cif", b"data_a")
    made.leave_out("b", "broken\nover two lines")
    made.reach("here")
    with (tmp_path / "f" / "entries.csv").open("a") as file:
        file.write("torn,tor")
    again = ReleaseFolder.open(tmp_path / "f", origin)
    assert 'odd, "id"\u2028/1' in again
    assert "torn" not in again
    assert again.left_out == {"b": "broken over two lines"}
    again.add("torn", ".cif", b"data_t")
    again.finish()
    assert len(ReleaseFolder.open(tmp_path / "f", origin)) == 2


class ICSD:
    """Speaks the protocol of the service: a token at login, asked for in every request, gone at logout."""

    def __init__(self, n: int) -> None:
        self.ids = [str(1000 + k) for k in range(n)]
        self.open: set[str] = set()
        self.most_open = self.logins = 0
        self.fails_on = ""

    def __call__(self, asked: Asked) -> Said:
        if asked.path == "/ws/auth/login":
            if (asked.form["loginid"], asked.form["password"]) != (["me"], ["secret"]):
                return Said(b"wrong", 401)
            self.logins += 1
            token = f"token-{self.logins}"
            self.open.add(token)
            self.most_open = max(self.most_open, len(self.open))
            return Said(b"ok", headers={"ICSD-Auth-Token": token})
        token = asked.headers.get("ICSD-Auth-Token", "")
        if token not in self.open:
            return Said(b"who are you", 401)
        if asked.path == "/ws/auth/logout":
            self.open.remove(token)
            return Said(b"bye")
        if asked.path == "/ws/search/expert":
            return Said(f"<r><idnums>{' '.join(self.ids)}</idnums></r>".encode())
        wanted = asked.query["idnum"]
        if self.fails_on in wanted:
            return Said(b"broken", 400)
        # The code of the collection is not the id of the database.
        entries = [f"data_{100 + int(i)}-ICSD\n_database_code_ICSD {100 + int(i)}\n" for i in wanted]
        return Said(("#(C) FIZ Karlsruhe\n" + "".join(entries)).encode())


class TestICSD:
    @pytest.fixture(autouse=True)
    def small_pages(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(icsd, "PAGE", 3)

    def fetch(self, service: Service, address: str, folder: Path, password: str = "secret") -> int:
        made = fetch_icsd(
            service, "me", password, "composition : Li", folder, release="r", address=f"{address}/ws"
        )
        return len(made)

    def test_pages_come_and_the_session_is_closed(self, service: Service, tmp_path: Path) -> None:
        peer = ICSD(7)
        with serving(peer) as server:
            assert self.fetch(service, server.address, tmp_path / "i") == 7
        sizes = [len(each.query["idnum"]) for each in server.asked if each.path == "/ws/cif/multiple"]
        assert sizes == [3, 3, 1]
        assert (peer.open, peer.most_open) == (set(), 1)
        first = tmp_path / "i" / STRUCTURES / "icsd-1100.cif"
        assert first.read_text().startswith("#(C) FIZ Karlsruhe\ndata_1100-ICSD")
        written = "".join(file.read_text() for file in (tmp_path / "i").rglob("*") if file.is_file())
        assert "secret" not in written
        assert "token" not in written

    def test_it_logs_out_when_something_fails_and_goes_on(self, service: Service, tmp_path: Path) -> None:
        peer = ICSD(7)
        peer.fails_on = "1004"
        with serving(peer) as server:
            with pytest.raises(SourceError, match="broken"):
                self.fetch(service, server.address, tmp_path / "i")
            assert peer.open == set()
            peer.fails_on, before = "", len(server.asked)
            assert self.fetch(service, server.address, tmp_path / "i") == 7
            again = [each.query["idnum"] for each in server.asked[before:] if each.path == "/ws/cif/multiple"]
        assert again == [["1003", "1004", "1005"], ["1006"]]

    def test_a_wrong_login_is_a_matter_of_settings(self, service: Service, tmp_path: Path) -> None:
        with (
            serving(ICSD(1)) as server,
            pytest.raises(ConfigurationError, match="does not know this login") as told,
        ):
            self.fetch(service, server.address, tmp_path / "i", password="other")
        assert "other" not in str(told.value)


def test_the_materials_project_is_asked_by_pymatgen(tmp_path: Path) -> None:
    licl = Structure(Lattice.cubic(5.1), ["Li", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])

    def answer(asked: Asked) -> Said:
        assert asked.headers.get("x-api-key") == "k" * 32
        assert asked.query["chemsys"] == ["Li-Cl"]
        entries = [{"material_id": "mp-22905", "structure": licl.as_dict()}, {"material_id": "mp-1"}]
        return Said(json.dumps({"data": entries}).encode())

    with serving(answer) as server:
        made = fetch_materials_project(
            "k" * 32, {"chemsys": "Li-Cl"}, tmp_path / "mp", release="r", address=server.address
        )
        asked = len(server.asked)
        fetch_materials_project(
            "k" * 32, {"chemsys": "Li-Cl"}, tmp_path / "mp", release="r", address=server.address
        )
        assert len(server.asked) == asked
    told = json.loads((tmp_path / "mp" / STRUCTURES / "mp-22905.json").read_text())
    assert Structure.from_dict(told).matches(licl)
    assert list(made.left_out) == ["mp-1"]
    with pytest.raises(ConfigurationError, match="not a valid API key"):
        fetch_materials_project("short", {"chemsys": "Li-Cl"}, tmp_path / "other", release="r")
    with serving(lambda asked: Said(b"no", 403)) as server, pytest.raises(SourceError) as told_:
        fetch_materials_project(
            "k" * 32, {"chemsys": "X"}, tmp_path / "third", release="r", address=server.address
        )
    assert "k" * 32 not in str(told_.value)
