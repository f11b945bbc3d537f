"""Kernels are kept somewhere that only their user can write, wherever the package is."""

import os
import tempfile
from pathlib import Path

import pytest
from numba import config

from tollest._sums import cache

pytestmark = pytest.mark.skipif(not hasattr(os, "getuid"), reason="users have no numbers here")


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(config, "CACHE_DIR", "")
    return tmp_path


def refuse(**_):
    def decorate(_):
        raise RuntimeError("cannot cache function: no locator available")

    return decorate


def test_numba_finds_a_folder_by_itself(temporary):
    cache.settle_cache()

    assert config.CACHE_DIR == ""
    assert not list(temporary.iterdir())


def test_without_any_a_folder_of_the_user_is_taken_again_and_again(temporary, monkeypatch):
    monkeypatch.setattr(cache, "njit", refuse)
    cache.settle_cache()
    folder = Path(config.CACHE_DIR)

    assert folder.parent == temporary
    assert folder.stat().st_mode & 0o077 == 0
    monkeypatch.setattr(config, "CACHE_DIR", "")
    cache.settle_cache()
    assert Path(config.CACHE_DIR) == folder


@pytest.mark.parametrize("fault", ["others can write it", "it is a link", "it is a file"])
def test_what_others_may_have_put_there_is_not_run(temporary, monkeypatch, fault):
    monkeypatch.setattr(cache, "njit", refuse)
    folder = temporary / f"tollest-kernels-{os.getuid()}"
    if fault == "it is a file":
        folder.touch()
    elif fault == "it is a link":
        (temporary / "theirs").mkdir()
        folder.symlink_to(temporary / "theirs")
    else:
        folder.mkdir()
        folder.chmod(0o777)

    with pytest.warns(UserWarning, match="NUMBA_CACHE_DIR"):
        cache.settle_cache()

    assert Path(config.CACHE_DIR).parent == temporary
    assert Path(config.CACHE_DIR) != folder
    assert Path(config.CACHE_DIR).stat().st_mode & 0o077 == 0


def test_what_the_user_says_stands(temporary, monkeypatch):
    monkeypatch.setattr(config, "CACHE_DIR", str(temporary / "kernels"))
    monkeypatch.setattr(cache, "njit", refuse)

    cache.settle_cache()

    assert str(temporary / "kernels") == config.CACHE_DIR
