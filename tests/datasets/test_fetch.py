"""Downloads from a server on this machine, and archives that a person has put there."""

import dataclasses
import hashlib
import io
import tarfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from typer.testing import CliRunner

from medsam.datasets import fetch as module
from medsam.datasets.catalog import VARIABLE, Archive, entry
from medsam.datasets.commands import app
from medsam.datasets.fetch import archives_folder, download, fetch, find_archives
from medsam.errors import InputError, UnknownName


def archive_bytes():
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as file:
        info = tarfile.TarInfo("Task09_Spleen/imagesTr/spleen_2.nii.gz")
        info.size = 300_000
        file.addfile(info, io.BytesIO(bytes(300_000)))
    return out.getvalue()


class Server:
    """Serves one file; may drop the connection after some bytes, refuse, or ignore ranges."""

    def __init__(self):
        self.content, self.cut, self.status, self.ranges = archive_bytes(), None, 200, True
        self.asked = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                start = 0
                asked = self.headers.get("Range")
                outer.asked.append(asked)
                if outer.status != 200:
                    self.send_error(outer.status)
                    return
                if asked and outer.ranges:
                    start = int(asked.removeprefix("bytes=").removesuffix("-"))
                    if start >= len(outer.content):
                        self.send_error(416)
                        return
                    self.send_response(206)
                else:
                    self.send_response(200)
                rest = outer.content[start:]
                self.send_header("Content-Length", str(len(rest)))
                self.end_headers()
                self.wfile.write(rest[: outer.cut] if outer.cut else rest)

            def log_message(self, *_):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        Thread(target=self.http.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.http.server_port}/Task09_Spleen.tar"


@pytest.fixture
def server():
    one = Server()
    yield one
    one.http.shutdown()
    one.http.server_close()


@pytest.fixture
def archive(server):
    md5 = hashlib.md5(server.content).hexdigest()
    return Archive("Task09_Spleen.tar", "", md5, server.url)


@pytest.fixture
def data(tmp_path, monkeypatch):
    monkeypatch.setenv(VARIABLE, str(tmp_path / "data"))
    return tmp_path / "data"


def test_download(tmp_path, archive, server):
    path = download(archive, tmp_path, progress=False)
    assert path.read_bytes() == server.content
    assert [p.name for p in tmp_path.iterdir()] == ["Task09_Spleen.tar"]
    download(archive, tmp_path, progress=False)
    assert len(server.asked) == 1  # what is there and whole is not asked for again


@pytest.mark.parametrize("ranges", [True, False])
def test_a_cut_download_goes_on(tmp_path, archive, server, ranges):
    server.cut, server.ranges = 100_000, ranges
    with pytest.raises(InputError, match=r"cannot be downloaded .*it goes on where it stopped"):
        download(archive, tmp_path, progress=False)
    part = tmp_path / "Task09_Spleen.tar.part"
    assert 0 < part.stat().st_size <= 100_000
    have = part.stat().st_size
    server.cut = None
    path = download(archive, tmp_path, progress=False)
    assert server.asked[-1] == f"bytes={have}-"
    assert path.read_bytes() == server.content
    assert not part.exists()


def test_a_part_that_is_whole(tmp_path, archive, server):
    (tmp_path / "Task09_Spleen.tar.part").write_bytes(server.content)
    assert download(archive, tmp_path, progress=False).read_bytes() == server.content


def test_another_file_than_expected(tmp_path, archive, server):
    server.content = b"<html>log in</html>"
    with pytest.raises(InputError, match=r"not the expected file .* Allowed: MD5 [0-9a-f]{32}"):
        download(archive, tmp_path, progress=False)
    assert not list(tmp_path.iterdir())


def test_refused(tmp_path, archive, server):
    server.status = 403
    with pytest.raises(InputError, match=r"403.* download Task09_Spleen.tar by hand and put it"):
        download(archive, tmp_path, progress=False)


def test_no_server(tmp_path):
    nobody = Archive("a.tar", "", "", "http://127.0.0.1:9/a.tar")
    with pytest.raises(InputError, match=r"cannot be downloaded \(ConnectionError"):
        download(nobody, tmp_path, progress=False)


def test_fetch_downloads_and_unpacks(data, archive, server, monkeypatch):
    one = dataclasses.replace(entry("ct_spleen"), archives=(archive,))
    monkeypatch.setattr(module, "entry", lambda key: one)
    found = fetch("ct_spleen", progress=False)
    assert found.steps == ()
    assert (data / "ct_spleen/Task09_Spleen/Task09_Spleen/imagesTr/spleen_2.nii.gz").is_file()
    assert fetch("ct_spleen", progress=False).unpacked == found.unpacked
    assert len(server.asked) == 1


def test_the_decathlon_has_addresses_and_hashes():
    for key in ("mri_heart", "ct_colon", "ct_hepaticvessel", "ct_pancreas", "ct_spleen"):
        (one,) = entry(key).archives
        assert one.url.endswith(one.name)
        assert len(one.md5) == 32


def test_steps_and_then_the_archive_that_was_put_there(data):
    found = fetch("us_nerve", progress=False)
    assert found.unpacked == ()
    assert found.steps[:2] == entry("us_nerve").how_to_get
    where = archives_folder(found.folder)
    assert str(where) in found.steps[-1]
    where.mkdir(parents=True)
    with tarfile.open(where / "train.tar", "w") as file:
        info = tarfile.TarInfo("train/1_1.tif")
        info.size = 1
        file.addfile(info, io.BytesIO(b"x"))
    again = fetch("us_nerve", progress=False)
    assert again.steps == ()
    assert again.unpacked == (data / "us_nerve" / "train",)


def test_parts_are_joined(tmp_path):
    content = archive_bytes()
    for end, part in (("aa", content[:1000]), ("ab", content[1000:])):
        (tmp_path / f"ge.tar.gz.{end}").write_bytes(part)
    (found,) = find_archives(tmp_path)
    assert found.name == "ge.tar.gz"
    assert found.read_bytes() == content


def test_a_part_is_missing(tmp_path):
    for end in ("aa", "ac"):
        (tmp_path / f"ge.tar.gz.{end}").write_bytes(b"x")
    with pytest.raises(InputError, match=r"Parts of 'ge.tar.gz': aa, ac\. .* part 'ab' too"):
        find_archives(tmp_path)


def test_unknown():
    with pytest.raises(UnknownName, match="Did you mean 'us_nerve'"):
        fetch("us_nervo")


def test_command(data):
    out = CliRunner().invoke(app, ["fetch", "us_nerve", "-q"])
    assert out.exit_code == 0
    assert "US-Nerve. Licence: Kaggle competition rules" in out.stdout
    assert "1. Sign in to Kaggle" in out.stdout
    assert "run `medsam data fetch us_nerve` again" in out.stdout
