"""The unified social credit code (GB 32100-2015) and its checksum. Pure."""

USCC_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
USCC_WEIGHTS = (1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28)


def uscc_check_character(first17: str) -> str:
    """Return the 18th character of a unified social credit code; ValueError where a character is not of its alphabet."""
    total = sum(weight * USCC_ALPHABET.index(letter) for weight, letter in zip(USCC_WEIGHTS, first17, strict=True))
    return USCC_ALPHABET[(31 - total % 31) % 31]


def is_uscc(code: str) -> bool:
    """Say whether a code is a unified social credit code, its checksum included."""
    if len(code) != 18 or any(letter not in USCC_ALPHABET for letter in code):
        return False
    return uscc_check_character(code[:17]) == code[17]
