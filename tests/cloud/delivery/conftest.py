"""A cloud with people to reach."""

import pytest
from tests.cloud.delivery.stage import Post
from tests.cloud.stage import Cloud


@pytest.fixture
def post(cloud: Cloud) -> Post:
    return Post(cloud)
