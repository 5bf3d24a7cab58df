# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The token cache: what it keeps, for how long, and that nobody can read it at rest."""

from __future__ import annotations

import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ansible_collections.m365.hybrid.plugins.module_utils.clients import token_cache
from ansible_collections.m365.hybrid.plugins.module_utils.clients.token_cache import TokenCache

KEY = bytes(range(32))


class Time:
    """Stands in for the time module."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def time(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Time:
    time = Time()
    monkeypatch.setattr(token_cache, "time", time)
    return time


@pytest.fixture(params=["memory", "files"])
def cache(request: pytest.FixtureRequest, tmp_path: Path) -> TokenCache:
    return TokenCache(str(tmp_path / "tokens"), KEY) if request.param == "files" else TokenCache()


def test_a_token_is_kept_until_five_minutes_before_its_end(cache: TokenCache, clock: Time) -> None:
    cache.put("name", "token", 3600)
    clock.now += 3299
    assert cache.get("name") == "token"
    clock.now += 1
    assert cache.get("name") is None


def test_a_very_short_lived_token_is_kept_for_half_its_life(cache: TokenCache, clock: Time) -> None:
    cache.put("name", "token", 100)
    clock.now += 49
    assert cache.get("name") == "token"
    clock.now += 1
    assert cache.get("name") is None


def test_names_tell_all_parts_apart_and_show_none_of_them() -> None:
    cache, other = TokenCache(key=KEY), TokenCache(key=bytes(32))
    names = {cache.name("a", "bc"), cache.name("ab", "c"), cache.name("a", "b", "c"), other.name("a", "bc")}
    assert len(names) == 4
    assert cache.name("a", "bc") == TokenCache(key=KEY).name("a", "bc")
    assert all(len(name) == 64 for name in names)


def test_threads_that_ask_at_once_get_one_token(cache: TokenCache) -> None:
    barrier, asked = threading.Barrier(8), []

    def obtain() -> tuple[str, float]:
        asked.append(1)
        return f"token-{len(asked)}", 3600

    def ask(_n: int) -> str:
        barrier.wait()
        return cache.fetch("name", obtain)

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(ask, range(8))) == {"token-1"}


def test_one_name_does_not_wait_for_another(cache: TokenCache) -> None:
    def obtain() -> tuple[str, float]:
        return cache.fetch("inner", lambda: ("inner", 3600)) + "+outer", 3600

    assert cache.fetch("outer", obtain) == "inner+outer"


def test_a_refused_token_is_forgotten_but_not_its_successor(cache: TokenCache) -> None:
    cache.put("name", "old", 3600)
    cache.forget("old")
    assert cache.get("name") is None
    cache.put("name", "new", 3600)
    cache.forget("old")
    assert cache.get("name") == "new"


def test_another_process_finds_the_token_and_the_forgetting(tmp_path: Path) -> None:
    first, second = TokenCache(str(tmp_path), KEY), TokenCache(str(tmp_path), KEY)
    first.put("name", "token", 3600)
    assert second.get("name") == "token"
    first.put("name", "newer", 3600)
    second.forget("token")
    assert second.get("name") == "newer"
    second.forget("newer")
    assert list(tmp_path.iterdir()) == []


def test_files_are_private_and_unreadable(tmp_path: Path) -> None:
    directory = tmp_path / "tokens"
    TokenCache(str(directory), KEY).put("name", "the-token", 3600)
    [file] = directory.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert b"the-token" not in file.read_bytes()
    assert TokenCache(str(directory), bytes(32)).get("name") is None


@pytest.mark.parametrize("content", [b"", b"short", b"x" * 200])
def test_a_garbled_file_is_as_good_as_none(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "name").write_bytes(content)
    assert TokenCache(str(tmp_path), KEY).get("name") is None


def test_a_file_under_another_name_is_as_good_as_none(tmp_path: Path) -> None:
    TokenCache(str(tmp_path), KEY).put("name", "token", 3600)
    (tmp_path / "name").rename(tmp_path / "other")
    assert TokenCache(str(tmp_path), KEY).get("other") is None


def test_without_a_place_for_files_memory_is_enough(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    cache = TokenCache(str(tmp_path / "file"), KEY)
    cache.put("name", "token", 3600)
    assert cache.get("name") == "token"
    cache.forget("token")
    assert cache.get("name") is None


def test_the_shared_cache_goes_before_the_process_own(monkeypatch: pytest.MonkeyPatch) -> None:
    cache = TokenCache()
    monkeypatch.setattr(token_cache, "shared", cache)
    assert token_cache.current() is cache
    monkeypatch.setattr(token_cache, "shared", None)
    assert token_cache.current() is token_cache.current() is not cache
