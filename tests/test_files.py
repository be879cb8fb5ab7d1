"""A file that archbo writes is whole: the new one, or the old one."""

import os
import stat

import pytest

from archbo.errors import UsageError
from archbo.files import write_whole


def test_the_new_content_replaces_the_old(tmp_path):
    file = tmp_path / "result.json"
    for text in ("first, which is longer", "second"):
        write_whole(str(file), lambda part, text=text: part.write_text(text))
        assert file.read_text() == text
    assert os.listdir(tmp_path) == ["result.json"]


def test_the_part_has_the_suffix_that_tells_the_format(tmp_path):
    seen = []

    def write(part):
        seen.append(part)
        part.write_text("")

    write_whole(tmp_path / "picture.svg", write)
    assert seen[0].suffix == ".svg"
    assert seen[0].parent == tmp_path


@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (OSError(28, "No space left on device"), UsageError),
        (KeyboardInterrupt(), KeyboardInterrupt),
    ],
)
def test_a_failure_leaves_the_old_file_and_nothing_beside_it(tmp_path, error, raised):
    file = tmp_path / "result.json"
    file.write_text("old")

    def fail(part):
        part.write_text("ne")
        raise error

    with pytest.raises(raised) as found:
        write_whole(file, fail)
    if raised is UsageError:
        assert str(found.value) == f"cannot write {file}: No space left on device"
    assert file.read_text() == "old"
    assert os.listdir(tmp_path) == ["result.json"]


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(UsageError, match=r"cannot write .*no/result\.json: No such file"):
        write_whole(tmp_path / "no" / "result.json", lambda part: part.write_text(""))


def test_links_permissions_and_devices_stay(tmp_path):
    file, link = tmp_path / "result.json", tmp_path / "link.json"
    file.write_text("old")
    file.chmod(0o640)
    link.symlink_to(file)
    write_whole(link, lambda part: part.write_text("new"))
    assert link.is_symlink()
    assert file.read_text() == "new"
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    write_whole(os.devnull, lambda part: part.write_text("nothing"))
    assert stat.S_ISCHR(os.stat(os.devnull).st_mode)
