"""Every vector that a provider published passes, and none passes over changed code."""

import pytest
from tests.bench import shop_vectors
from tests.cloud.payment import published
from tests.cloud.payment.published import VECTORS, Vector

from aircue_cloud.payment import signatures


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector.name)
def test_a_published_vector(vector: Vector) -> None:
    vector.run()


def test_every_provider_has_published_vectors_and_each_names_its_source() -> None:
    assert {vector.name.partition(":")[0] for vector in VECTORS} == {"stripe", "paypal", "alipay", "wechat"}
    assert all("/" in vector.source and ": " in vector.source for vector in VECTORS)


def test_the_bench_counts_what_passes() -> None:
    assert shop_vectors.measured() == {"payment_vectors_passed": len(VECTORS), "payment_vectors_total": len(VECTORS)}


def test_the_bench_sees_a_signature_that_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signatures, "PKCS1v15", lambda: published.x509)
    found = shop_vectors.measured()
    assert 0 < found["payment_vectors_passed"] < found["payment_vectors_total"]
