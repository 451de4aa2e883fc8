from auctions.memory import LotMemory
from marketplace.kernel.ids import new_id


def test_lots_are_remembered_by_the_room_their_bidders_take() -> None:
    memory: LotMemory[str] = LotMemory(bidders_max=100)
    small = [new_id() for _ in range(9)]
    for lot in small:
        memory.put(lot, "small", 10)
    assert all(memory.get(lot) == "small" for lot in small)
    large = new_id()
    memory.put(large, "large", 60)
    assert memory.get(large) == "large"
    assert [lot in memory for lot in small] == [False] * 6 + [True] * 3


def test_the_lot_last_used_outlives_others_and_one_too_large_is_kept_alone() -> None:
    memory: LotMemory[int] = LotMemory(bidders_max=30)
    first, second, third = new_id(), new_id(), new_id()
    memory.put(first, 1, 10)
    memory.put(second, 1, 10)
    memory.put(first, 2, 10)
    memory.put(third, 1, 10)
    assert (first in memory, second in memory) == (True, False)
    memory.put(second, 1, 500)
    assert memory.get(second) == 1
    assert memory.get(first) is None
    memory.forget(second)
    memory.forget(second)
    memory.put(first, 3, 29)
    assert memory.get(first) == 3
