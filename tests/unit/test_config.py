"""Settings come from the environment, once, and a wrong one is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from searchengine.config import (
    Settings,
    database_url,
    default_library,
    memory_budget_bytes,
    models_folder,
    size,
)
from searchengine.errors import ConfigError


def test_an_empty_environment_gives_the_defaults() -> None:
    assert Settings.from_environment({}) == Settings(default_library(), "default", None, "auto")


def test_every_setting_is_read() -> None:
    environ = {
        "SEARCHENGINE_LIBRARY": "/srv/media",
        "SEARCHENGINE_COLLECTION": "films",
        "SEARCHENGINE_ENCODER": "starter",
        "SEARCHENGINE_DEVICE": "cpu",
    }
    expected = Settings(Path("/srv/media"), "films", "starter", "cpu")
    assert Settings.from_environment(environ) == expected


def test_a_set_but_empty_variable_is_unset() -> None:
    environ = {"SEARCHENGINE_LIBRARY": "", "SEARCHENGINE_ENCODER": ""}
    assert Settings.from_environment(environ) == Settings.from_environment({})


def test_a_tilde_is_the_home_folder() -> None:
    library = Settings.from_environment({"SEARCHENGINE_LIBRARY": "~/media"}).library
    assert library == Path.home() / "media"


def test_an_unknown_device_is_refused_with_those_there_are() -> None:
    with pytest.raises(ConfigError, match=r"device .* auto, cpu, cuda, not 'gpu'"):
        Settings.from_environment({"SEARCHENGINE_DEVICE": "gpu"})


def test_weights_are_kept_in_the_user_s_data_unless_told_otherwise() -> None:
    assert models_folder({}) == models_folder({"SEARCHENGINE_MODELS": ""})
    assert models_folder({}) == default_library() / "models"
    assert models_folder({"SEARCHENGINE_MODELS": "~/weights"}) == Path.home() / "weights"


def test_the_catalog_is_in_the_folder_unless_told_otherwise() -> None:
    assert database_url({}) == database_url({"SEARCHENGINE_DATABASE_URL": ""}) == ""
    given = "postgresql://localhost/search"
    assert database_url({"SEARCHENGINE_DATABASE_URL": given}) == given


@pytest.mark.parametrize(
    ("text", "expected"),
    [("500MB", 500_000_000), ("2GiB", 2 << 30), ("1.5 gb", 1_500_000_000), ("4096", 4096)],
)
def test_a_size_in_memory_is_read_as_people_write_it(text: str, expected: int) -> None:
    assert size(text) == memory_budget_bytes({"SEARCHENGINE_MEMORY_BUDGET": text}) == expected


@pytest.mark.parametrize("text", ["much", "-1GB", "5 bananas", "", "1e9", "MB"])
def test_what_is_no_size_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ConfigError, match="no size in memory, such as 500MB"):
        size(text)


def test_no_limit_on_memory_can_be_said() -> None:
    assert memory_budget_bytes({"SEARCHENGINE_MEMORY_BUDGET": "None"}) == 0
    assert memory_budget_bytes({}) is None


def test_there_is_no_limit_to_memory_unless_one_is_set() -> None:
    assert (
        memory_budget_bytes({}) is memory_budget_bytes({"SEARCHENGINE_MEMORY_BUDGET": ""}) is None
    )
