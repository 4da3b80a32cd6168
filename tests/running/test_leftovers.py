"""What killed sessions left is swept after a day, and nothing else."""

import os
from pathlib import Path

import pytest

from bnclaims.running.leftovers import remove, sweep

YESTERDAY = (0, 0)


def aged(path: Path) -> Path:
    os.utime(path, YESTERDAY, follow_symlinks=False)
    return path


def folder(path: Path) -> Path:
    path.mkdir()
    (path / "file").touch()
    return path


def test_files_and_folders_that_a_day_has_not_changed_go(tmp_path: Path) -> None:
    (tmp_path / "old").touch()
    (tmp_path / "new").touch()
    aged(tmp_path / "old")
    aged(folder(tmp_path / "old folder"))
    folder(tmp_path / "new folder")
    sweep(tmp_path.iterdir())
    assert {path.name for path in tmp_path.iterdir()} == {"new", "new folder"}


def test_of_a_link_the_link_goes(tmp_path: Path) -> None:
    kept = folder(tmp_path / "kept")
    link = tmp_path / "link"
    link.symlink_to(kept, target_is_directory=True)
    sweep([aged(link)])
    assert not link.is_symlink()
    assert (kept / "file").exists()


def test_what_another_session_swept_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "old").touch()
    sweep([tmp_path / "gone", aged(tmp_path / "old")])
    assert not (tmp_path / "old").exists()


def test_a_file_that_cannot_be_removed_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise PermissionError("not yours")

    (tmp_path / "file").touch()
    remove(tmp_path / "gone")
    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(PermissionError, match="not yours"):
        remove(tmp_path / "file")
    sweep([aged(tmp_path / "file")])  # where it is another session's concern
