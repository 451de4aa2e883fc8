from tests.catalog.stock.shop import shop

__all__ = ["shop"]
