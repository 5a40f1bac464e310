"""What a decision names of its party beside the name: where it is, its code, who represents it (Penalty Law Art. 59). Pure."""

import re
import unicodedata
from dataclasses import dataclass

from inspection_service.law.catalogue import CITIZEN
from youguan.credit_codes import is_uscc


@dataclass(frozen=True, slots=True)
class Particulars:
    """A citizen's home, or an organisation's seat, unified social credit code and legal representative; "" where not known."""

    address: str = ""
    uscc: str = ""
    representative: str = ""

    def suffice(self, party_kind: str) -> bool:
        """Say whether a decision can name such a party as the law demands."""
        return bool(self.address and (party_kind == CITIZEN or (self.uscc and self.representative)))

    def filled(self, known: "Particulars") -> "Particulars":
        """Return them with what is known otherwise where nothing is said."""
        return Particulars(
            self.address or known.address, self.uscc or known.uscc, self.representative or known.representative
        )


UNKNOWN = Particulars()


def particulars(party_kind: str, address: str, uscc: str, representative: str) -> Particulars:
    """Return what was typed in its one spelling; of a citizen the address alone. A wrong code is kept, to be refused by name."""
    if party_kind == CITIZEN:
        return Particulars(address.strip())
    code = re.sub(r"[\s-]", "", unicodedata.normalize("NFKC", uscc)).upper()
    return Particulars(address.strip(), code, representative.strip())


def code_holds(uscc: str) -> bool:
    """Say whether a credit code is none, or one."""
    return not uscc or is_uscc(uscc)
