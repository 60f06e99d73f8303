"""Downloads from a server on this machine that fails in the ways that servers and disks do."""
from __future__ import annotations

import contextlib
import hashlib
import http.server
import io
import sys
import tempfile
import threading
import unittest
from pathlib import Path
from unittest import mock

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import download  # noqa: E402

CONTENT = bytes(range(256)) * 4000  # four blocks


class Server(http.server.BaseHTTPRequestHandler):
    """Sends CONTENT, ranges included, as the class's settings say."""

    break_after: list[int] = []  # for each answer to come: bytes, then the connection ends
    ranges = True
    status = 200
    asked: list[str | None] = []  # the ranges that were asked for

    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        Server.asked.append(wanted)
        begin = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and Server.ranges else 0
        if Server.status != 200 or begin >= len(CONTENT):
            self.send_error(Server.status if Server.status != 200 else 416)
            return
        self.send_response(206 if begin else 200)
        self.send_header("Content-Length", str(len(CONTENT) - begin))
        self.end_headers()
        end = len(CONTENT)
        if Server.break_after:
            end = min(end, begin + Server.break_after.pop(0))
        self.wfile.write(CONTENT[begin:end])

    def log_message(self, *_: object) -> None:
        pass


class Download(unittest.TestCase):
    def setUp(self) -> None:
        Server.break_after, Server.ranges, Server.status, Server.asked = [], True, 200, []
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
        # The interval is how long shutdown takes.
        serve = {"target": self.server.serve_forever, "kwargs": {"poll_interval": 0.01}}
        threading.Thread(**serve, daemon=True).start()
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name) / "cache"
        self.part = self.folder / "vgg16.h5.part"
        self.official = self.file()

    def file(self, size: int | None = len(CONTENT), content: bytes = CONTENT) -> download.Official:
        address = f"http://127.0.0.1:{self.server.server_port}/models/vgg16.h5"
        return download.Official(address, size, "sha256", hashlib.sha256(content).hexdigest())

    def fetch(self, official: download.Official | None = None, attempts: int = 5) -> Path:
        return download.fetch(official or self.official, self.folder, attempts, pause=0)

    def expect_failure(self, *says: str, official: download.Official | None = None,
                       attempts: int = 1) -> None:
        with self.assertRaises(download.DownloadError) as caught:
            self.fetch(official, attempts)
        for text in says:
            self.assertIn(text, str(caught.exception))
        self.assertFalse((self.folder / "vgg16.h5").exists())

    def expect_complete(self, path: Path) -> None:
        self.assertEqual(path, self.folder / "vgg16.h5")
        self.assertEqual(path.read_bytes(), CONTENT)
        self.assertEqual(list(self.folder.iterdir()), [path])

    def test_whole_once(self) -> None:
        self.expect_complete(self.fetch())
        self.expect_complete(self.fetch())
        self.assertEqual(Server.asked, [None], "the second time it was there already")

    def test_folder_that_cannot_be_made(self) -> None:
        self.folder = self.folder / "file" / "weights"
        self.folder.parent.parent.mkdir()
        self.folder.parent.write_bytes(b"")
        with self.assertRaisesRegex(download.DownloadError, "weights cannot be made"):
            self.fetch()

    def test_of_unknown_size(self) -> None:
        self.expect_complete(self.fetch(self.file(size=None)))

    def test_interrupted_goes_on_by_itself(self) -> None:
        Server.break_after = [300_000, 400_000]
        self.expect_complete(self.fetch())
        self.assertEqual(Server.asked, [None, "bytes=300000-", "bytes=700000-"])

    def test_interrupted_goes_on_in_the_next_run(self) -> None:
        Server.break_after = [300_000]
        self.expect_failure("vgg16.h5", "0.3 MB are here", "goes on from there")
        self.assertEqual(self.part.read_bytes(), CONTENT[:300_000])
        self.expect_complete(self.fetch())
        self.assertEqual(Server.asked, [None, "bytes=300000-"])

    def test_interrupted_at_the_very_end(self) -> None:
        self.folder.mkdir()
        for official in (self.official, self.file(size=None)):
            self.part.write_bytes(CONTENT)
            self.expect_complete(self.fetch(official))
            (self.folder / "vgg16.h5").unlink()

    def test_a_server_that_cannot_go_on_begins_again(self) -> None:
        self.folder.mkdir()
        self.part.write_bytes(b"x" * 1000)
        Server.ranges = False
        self.expect_complete(self.fetch())

    def test_wrong_checksum(self) -> None:
        wrong = self.file(content=b"other")
        self.expect_failure("sha256", wrong.checksum, "removed", official=wrong)
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_what_was_there_is_checked_as_well(self) -> None:
        self.folder.mkdir()
        self.part.write_bytes(b"x" * 1000)
        self.expect_failure("sha256", "removed")
        self.expect_complete(self.fetch())

    def test_wrong_size(self) -> None:
        self.expect_failure("1024000 bytes", "1024001", official=self.file(len(CONTENT) + 1))

    def test_disk_full(self) -> None:
        self.folder.mkdir()
        self.part.symlink_to("/dev/full")
        self.expect_failure("vgg16.h5.part", "No space left on device")

    def test_disk_that_will_not_do(self) -> None:
        with mock.patch("shutil.disk_usage", return_value=mock.Mock(free=1000)):
            self.expect_failure("0 MiB left", "needed")
        self.assertFalse(self.part.exists(), "nothing was fetched")

    def test_folder_that_cannot_be_written(self) -> None:
        self.folder.mkdir()
        self.part.mkdir()
        self.expect_failure("vgg16.h5.part", "Is a directory")

    def test_no_such_file_on_the_server(self) -> None:
        Server.status = 404
        self.expect_failure("404", attempts=5)
        self.assertEqual(len(Server.asked), 1, "asking again would not help")

    def test_no_server(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.expect_failure("refused", "0.0 MB are here")

    def test_progress_is_shown_to_people_only(self) -> None:
        for is_tty, shown in ((False, False), (True, True)):
            screen = io.StringIO()
            screen.isatty = lambda tty=is_tty: tty  # type: ignore[method-assign]
            with contextlib.redirect_stderr(screen):
                self.expect_complete(self.fetch())
            (self.folder / "vgg16.h5").unlink()
            self.assertEqual("1 of 1 MB" in screen.getvalue(), shown)

    def test_official_files_are_what_their_publishers_say(self) -> None:
        """PyTorch's name holds the beginning of its checksum; the sizes are those of float32."""
        torchvision = download.OFFICIAL["torchvision"]
        self.assertIn(f"-{torchvision.checksum[:8]}.", torchvision.name)
        for name in ("keras", "torchvision"):
            size = download.OFFICIAL[name].size
            self.assertAlmostEqual(size / (138_357_544 * 4), 1, delta=1e-3)
        for official in download.OFFICIAL.values():
            self.assertTrue(official.address.startswith("https://"))
            hashlib.new(official.algorithm)


if __name__ == "__main__":
    unittest.main()
