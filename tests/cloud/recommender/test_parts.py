"""What parts are made of, beside slower ways to the same."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array

from aircue_cloud.recommender.parts import block


@given(st.data())
def test_a_block_of_a_sparse_matrix_is_scipys(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 12))
    dense = np.random.default_rng(data.draw(st.integers(0, 99))).random((size, size), dtype=np.float32)
    dense[dense < data.draw(st.floats(0, 1))] = 0
    rows, columns = (
        np.array(data.draw(st.permutations(range(size)))[: data.draw(st.integers(0, size))], dtype=np.intp)
        for _ in range(2)
    )
    for w in (dense, csr_array(dense)):
        np.testing.assert_array_equal(block(w, rows, columns), dense[rows][:, columns])
