"""The server does what its own description says, whatever is sent."""

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import positive_data_acceptance

from stream_app.api.application import create_app
from stream_app.settings import Settings
from tests.support.analytics.word_analyst import WordModels
from tests.support.api import OneModel
from tests.support.system.http_server import NO_BROKER, Server, running

pytestmark = [pytest.mark.e2e, pytest.mark.slow]
EXAMPLES = 40  # of each path
APP = create_app(Settings(), OneModel, WordModels)
SCHEMA = schemathesis.openapi.from_dict(APP.openapi())
# Names of label sets, tasks and labels are data, so a request may fit the description and be 400;
# without a broker a correction is 503
EXCLUDED = [positive_data_acceptance]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A server without a broker."""
    with running(NO_BROKER) as server:
        yield server


@SCHEMA.parametrize()
@settings(
    max_examples=EXAMPLES,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_every_answer_is_as_described(case: schemathesis.Case[Any], server: Server) -> None:
    is_feedback = case.path == "/classifier/feedback"
    answer = case.call(base_url=server.url)

    case.validate_response(
        answer, excluded_checks=[*EXCLUDED, *([not_a_server_error] if is_feedback else [])]
    )


def test_the_description_has_every_path_and_no_other_error_than_ours() -> None:
    described = APP.openapi()

    assert set(described["paths"]) == {
        *("/classifier/classify", "/classifier/classify/batch", "/classifier/feedback"),
        "/analytics/analyze",
        *("/health", "/ready", "/metrics"),
    }
    assert "422" not in str(described["paths"].values())
    assert described["components"]["schemas"]["BatchRequest"]["properties"]["calls"]["maxItems"]
