from tests.orders.trade import assembly, trade

__all__ = ["assembly", "trade"]
