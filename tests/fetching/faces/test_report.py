from mnistfaces.fetching.faces.report import count_states, explain_states
from mnistfaces.fetching.web.states import MEANINGS, STATES


def test_states_are_explained_with_their_counts_over_all_actors() -> None:
    rows = [{**row, "dns": 2, "ok": number} for number, row in enumerate(count_states((), ("a", "b", "c")))]
    assert explain_states(rows) == [f"ok (3): {MEANINGS['ok']}", f"dns (6): {MEANINGS['dns']}"]
    assert explain_states([dict.fromkeys(STATES, 0)]) == []
