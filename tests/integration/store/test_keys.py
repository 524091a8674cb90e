"""Keys of a server: made by several at once, each name once."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from searchengine.errors import ConfigError
from searchengine.store.keys import Scope
from searchengine.store.library import Library

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    with Library(tmp_path / "library", create=True) as library:
        yield library


def made(library: Library, name: str) -> str | ConfigError:
    try:
        return library.keys.create(name, Scope.READ)
    except ConfigError as error:
        return error


def test_keys_made_at_once_are_all_made(library: Library) -> None:
    names = [f"key {number}" for number in range(60)]
    with ThreadPoolExecutor(6) as pool:
        secrets = list(pool.map(lambda name: library.keys.create(name, Scope.READ), names))
    found = {key.name for secret in secrets if (key := library.keys.find(secret))}
    assert found == set(names) == {key.name for key in library.keys.all()}


def test_of_two_who_want_a_name_one_gets_it_and_the_other_is_told(library: Library) -> None:
    for number in range(20):
        with ThreadPoolExecutor(2) as pool:
            said = list(pool.map(lambda _, n=number: made(library, f"same {n}"), range(2)))
        (refused,) = [one for one in said if isinstance(one, ConfigError)]
        assert f"there is a key 'same {number}' already" in str(refused)
        (secret,) = [one for one in said if isinstance(one, str)]
        found = library.keys.find(secret)
        assert found and found.name == f"same {number}"
