"""Files that belong together: replaced all at once, and put back where one cannot be."""

import errno
import os
import stat
import threading
from pathlib import Path

import pytest
from filelock import FileLock

from bnclaims.reporting import whole
from bnclaims.reporting.whole import alone, draft_for, is_empty, replace


def content(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): path.read_text()
        for path in folder.rglob("*")
        if path.is_file()
    }


def write(folder: Path, **files: str) -> None:
    for name, text in files.items():
        path = folder / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "report"
    write(folder, page="old", badges__a="old", badges__b="old", mine="kept")
    return folder


def test_what_was_drafted_takes_the_place_of_what_was_there(folder: Path) -> None:
    with draft_for(folder) as draft:
        write(draft, page="new", badges__a="new", figures__c="new")
        replace(draft, folder, unwanted=[Path("badges/b")])
    assert content(folder) == {
        "page": "new", "badges/a": "new", "figures/c": "new", "mine": "kept",
    }  # fmt: skip


def test_until_then_nothing_changes(folder: Path) -> None:
    before = content(folder)
    with draft_for(folder) as draft:
        write(draft, page="new")
        assert content(folder).items() > before.items()  # a draft is beside the files
    assert content(folder) == before


def test_where_one_file_cannot_be_replaced_none_is(folder: Path) -> None:
    before = content(folder)
    (folder / "z").mkdir()
    (folder / "z" / "file").touch()  # a folder with something in it gives way to no file
    with draft_for(folder) as draft:
        write(draft, badges__a="new", page="new", new="new", z="new")
        with pytest.raises(OSError, match="z"):
            replace(draft, folder)
    assert content(folder) == before | {"z/file": ""}


def test_where_one_file_cannot_be_removed_none_is_replaced(folder: Path) -> None:
    before = content(folder)
    with draft_for(folder) as draft:
        write(draft, page="new")
        with pytest.raises(FileNotFoundError):
            replace(draft, folder, unwanted=[Path("badges/b"), Path("absent")])
    assert content(folder) == before


def test_a_folder_that_was_made_for_nothing_goes_again(tmp_path: Path) -> None:
    new = tmp_path / "new"
    with pytest.raises(ArithmeticError), draft_for(new):
        raise ArithmeticError
    assert not new.exists()


def test_drafts_of_killed_sessions_go_after_a_day(folder: Path) -> None:
    for name in (".bnclaims-draft-old", ".bnclaims-draft-new"):
        write(folder / name, page="half")
    os.utime(folder / ".bnclaims-draft-old", (0, 0))
    with draft_for(folder):
        assert not (folder / ".bnclaims-draft-old").exists()
        assert (folder / ".bnclaims-draft-new").exists()


def test_drafts_of_others_stay(folder: Path) -> None:
    """In a repository's own folder, `.draft-*` may be anybody's."""
    write(folder / ".draft-post", page="mine")
    os.utime(folder / ".draft-post", (0, 0))
    with draft_for(folder):
        pass
    assert (folder / ".draft-post" / "page").exists()


def test_one_at_a_time_is_alone_with_a_folder(folder: Path) -> None:
    before = content(folder)
    ended: list[int] = []

    def second() -> None:
        with alone(folder):
            ended.append(2)

    waiting = threading.Thread(target=second)
    with alone(folder):
        waiting.start()
        waiting.join(0.3)
        ended.append(1)
    waiting.join()
    assert ended == [1, 2]
    assert content(folder) == before


def test_who_was_stopped_is_not_waited_for(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whole, "_PATIENCE", 0.1)
    with alone(folder):
        with alone(folder):
            write(folder, page="new")
        assert is_empty(folder / "badges") is False
    assert content(folder)["page"] == "new"


@pytest.mark.parametrize("error", [errno.ENOLCK, errno.ENOSPC])
def test_a_folder_that_takes_no_locks_takes_files(
    folder: Path, monkeypatch: pytest.MonkeyPatch, error: int
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(error, os.strerror(error))

    monkeypatch.setattr(FileLock, "acquire", refuse)
    with alone(folder):
        write(folder, page="new")
    assert content(folder)["page"] == "new"


# One file


def test_a_file_keeps_its_mode_and_a_link_its_target(tmp_path: Path) -> None:
    file, link = tmp_path / "file", tmp_path / "link"
    file.write_text("old")
    file.chmod(0o640)
    link.symlink_to(file)
    whole.write(link, "new\n")
    assert link.is_symlink()
    assert file.read_text() == "new\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert {path.name for path in tmp_path.iterdir()} == {"file", "link"}


def test_a_new_file_has_the_mode_of_any_other(tmp_path: Path) -> None:
    (tmp_path / "other").touch()
    whole.write(tmp_path / "new" / "file", "text")
    assert (tmp_path / "new" / "file").stat().st_mode == (tmp_path / "other").stat().st_mode


def test_what_is_no_file_is_written_to_as_it_is(tmp_path: Path) -> None:
    whole.write(Path(os.devnull), "text")
    assert Path(os.devnull).is_char_device()
    with pytest.raises(IsADirectoryError):
        whole.write(tmp_path, "text")
