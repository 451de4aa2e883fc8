from benchmarks.evaluation import NAME, QUICK, evaluation_rows


def test_a_smoke_run_of_the_evaluation_fills_its_row() -> None:
    rows = evaluation_rows(QUICK)
    assert [row.name for row in rows] == [NAME]
    assert rows[0].hit
