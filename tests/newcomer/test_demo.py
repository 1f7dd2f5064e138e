"""The demo's judgement: it accepts a tree that arrived whole and nothing else."""
from __future__ import annotations

import random
import shutil
import sys
from pathlib import Path

import pytest

from snippets import ROOT

sys.path.insert(0, str(ROOT / "examples"))

import demo  # noqa: E402
import demo_tree  # noqa: E402


@pytest.fixture
def arrived(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small tree with its manifest, and a copy of it that arrived whole."""
    tree, out = tmp_path / "tree", tmp_path / "out"
    for name in ("a.txt", "sub/b.bin", "sub/empty", *demo_tree.ODD_NAMES):
        path = tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"" if name.endswith("empty") else name.encode() * 99)
    demo_tree.write_manifest(tree, tmp_path / "tree.sha256")
    shutil.copytree(tree, out)
    monkeypatch.setattr(demo, "WORK", tmp_path)
    monkeypatch.setattr(demo, "TREE", tree)
    monkeypatch.setattr(demo, "MANIFEST", tmp_path / "tree.sha256")
    return out


def test_a_whole_tree_is_accepted(arrived: Path) -> None:
    demo.verify(arrived, demo.all_names())


def test_a_part_is_accepted(arrived: Path) -> None:
    names = ["a.txt", "sub/empty", demo_tree.ODD_NAMES[1]]
    for name in set(demo.all_names()) - set(names):
        (arrived / name).unlink()
    demo.verify(arrived, names)


def test_a_changed_byte_is_noticed(arrived: Path) -> None:
    content = bytearray((arrived / "sub/b.bin").read_bytes())
    content[5] ^= 1
    (arrived / "sub/b.bin").write_bytes(content)
    with pytest.raises(demo.Failure):
        demo.verify(arrived, demo.all_names())


def test_a_short_file_is_noticed(arrived: Path) -> None:
    content = (arrived / "a.txt").read_bytes()
    (arrived / "a.txt").write_bytes(content[:-1])
    with pytest.raises(demo.Failure):
        demo.verify(arrived, demo.all_names())


def test_a_missing_file_is_noticed(arrived: Path) -> None:
    (arrived / "sub/empty").unlink()
    with pytest.raises(demo.Failure):
        demo.verify(arrived, demo.all_names())


def test_a_file_nobody_asked_for_is_noticed(arrived: Path) -> None:
    (arrived / "more").touch()
    with pytest.raises(demo.Failure):
        demo.verify(arrived, demo.all_names())


def test_a_program_that_fails_is_noticed() -> None:
    with pytest.raises(demo.Failure):
        demo.run("false")


def test_the_tree_is_of_real_files() -> None:
    files = list(demo_tree.regular_files())
    chosen = demo_tree.choose(files, random.Random(1))
    assert len(chosen) >= 1000
    assert any(path.stat().st_size > demo_tree.SMALL_LIMIT for path in chosen)
    assert all(path.is_file() and not path.is_symlink() for path in chosen)
