"""Whatever fits the OpenAPI document, or nearly does, is answered as the document says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from searchengine.server.app import create_app
from searchengine.server.house import ServerSettings
from tests.hash_encoder import HashEncoder
from tests.integration.server.serving import hashing, listening, make_hash_library

pytestmark = pytest.mark.filterwarnings("ignore::Warning")  # of schemathesis and hypothesis

#: Not all that is checked can be said in a schema: what a filter means, say.
NOT_HELD = [positive_data_acceptance]

#: Of a batch, what is wrong with one query is that query's answer, and the others are answered.
#: An empty object where a form has a text is sent as no field at all, which is right.
EXCUSED = {
    "POST /v1/collections/{collection}/search:batch": [negative_data_rejection],
    "POST /v1/collections/{collection}/items": [negative_data_rejection],
}
MODES = (schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE)


@pytest.fixture(scope="module")
def described(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    encoder = HashEncoder()
    library = make_hash_library(tmp_path_factory.mktemp("described"), encoder)
    with hashing(encoder):
        app = create_app(ServerSettings(library, worker=False, roots=(Path(library.parent),)))
        with listening(app) as url:
            yield schemathesis.openapi.from_url(f"{url}/openapi.json")


def attack(described: Any, examples: int) -> list[str]:
    """Every operation, with what fits its description and with what does not."""
    wrong = []
    for found in described.get_all_operations():
        assert isinstance(found, Ok), found
        for mode in MODES:
            try:
                _attack(found.ok(), mode, examples)
            except Unsatisfiable:
                pass  # nothing can be wrong with what has no parameters
            except BaseExceptionGroup as error:
                wrong.append(f"{found.ok().label}: {error}")
    return wrong


def _attack(operation: Any, mode: schemathesis.GenerationMode, examples: int) -> None:
    excused = [*NOT_HELD, *EXCUSED.get(operation.label, ())]

    @seed(0)
    @settings(
        max_examples=examples,
        phases=[Phase.generate],
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(operation.as_strategy(generation_mode=mode))
    def ask(case: schemathesis.Case) -> None:
        case.call_and_validate(timeout=20, excluded_checks=excused)

    ask()


def test_every_operation_has_examples(described: Any) -> None:
    parts = described.raw_schema["components"]["schemas"]
    for path, operations in described.raw_schema["paths"].items():
        for method, operation in operations.items():
            assert all("example" in one for one in operation.get("parameters", ())), path
            for content in operation.get("requestBody", {}).get("content", {}).values():
                model = content["schema"].get("$ref", "").rpartition("/")[2]
                said = {**content, **parts.get(model, {}), **content["schema"]}
                assert "example" in said, (method, path)


def test_no_answer_contradicts_the_description(described: Any) -> None:
    assert attack(described, 3) == []


@pytest.mark.slow
@pytest.mark.timeout(3_600)
def test_no_answer_contradicts_the_description_for_long(described: Any) -> None:
    assert attack(described, 150) == []
