"""Categories of tax."""

from enum import Enum


class TaxCategory(Enum):
    """Duty or tax category, codes of UNCL 5305 as EN 16931 restricts them."""

    STANDARD = "S"
    ZERO_RATED = "Z"
    EXEMPT = "E"
    REVERSE_CHARGE = "AE"
    INTRA_COMMUNITY = "K"
    EXPORT = "G"
    OUT_OF_SCOPE = "O"
