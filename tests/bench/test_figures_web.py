"""The bench of the pages in short: the worst page counts, what should not be is added up, and what was not looked for
is null."""

from tests.bench.web import Seen, figures


def page(path: str, *, weight_b: float = 1000, violations: int | None = 0, complaints: tuple[str, ...] = ()) -> Seen:
    return Seen(path=path, weight_b=weight_b, lcp_ms=weight_b / 10, violations=violations, complaints=complaints)


def test_the_worst_page_counts() -> None:
    pages = [page("/a", weight_b=2500), page("/b", violations=2, complaints=("oh",)), page("/c", violations=1)]
    found = figures(pages, [1.0] * 99 + [50.0])
    assert found == {
        "page_weight_kb": 2.5,
        "server_p99_ms": 50.0,
        "lcp_ms": 250.0,
        "axe_violations": 3,
        "console_errors": 1,
        "pages": 3,
    }


def test_without_axe_its_figure_is_null() -> None:
    assert figures([page("/a", violations=None)], [1.0])["axe_violations"] is None
