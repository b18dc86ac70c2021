"""Takes what identifies people out of what they write: an example of `ChatPolicy.prepare_text`.

It knows e-mail addresses, telephone numbers, payment cards and IBANs by their shape, and the last two by
their check digits. It is a net with holes: names and addresses pass through it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from django.utils.translation import gettext as _

from .models import Conversation
from .policy import ChatPolicy

# Each is bounded in length, so that no text takes more than linear time.
_EMAIL = re.compile(r"(?<![\w.+%-])[\w.+%-]{1,64}@(?:[\w-]{1,63}\.){1,8}[^\W\d_]{2,24}(?![\w-])")
_IBAN = re.compile(r"(?<!\w)[A-Z]{2}\d{2}(?: ?[A-Z0-9]){11,30}(?!\w)", re.IGNORECASE)
_CARD = re.compile(r"(?<![\w.])\d(?:[ -]?\d){12,18}(?![\w])")
_PHONE = re.compile(
    r"(?<![\w.,+])(?<!\d )(?:\+\d{1,3}[ ./-]?|0)"
    r"(?:\(\d{1,5}\)[ ./-]?)?\d(?:[ ./-]?\d){6,12}(?! ?\d)(?!\w)"
)
#: The shortest number that is taken for a telephone's, in digits.
_PHONE_DIGITS = 8


def redact(text: str) -> str:
    """`text` with a word such as `[e-mail]` for each thing found, in the language now active."""
    text = _EMAIL.sub(f"[{_('e-mail')}]", text)
    text = _IBAN.sub(_if(_is_iban, f"[{_('IBAN')}]"), text)
    text = _CARD.sub(_if(_is_card, f"[{_('card')}]"), text)
    return _PHONE.sub(_if(_is_phone, f"[{_('phone')}]"), text)


class RedactionMixin(ChatPolicy):
    """Redacts what users write, before it is stored or sent to a provider."""

    def prepare_text(self, user: Any, text: str, conversation: Conversation | None) -> str:
        return redact(super().prepare_text(user, text, conversation))


def _if(found: Callable[[str], bool], word: str) -> Callable[[re.Match[str]], str]:
    return lambda match: word if found(match.group()) else match.group()


def _is_iban(text: str) -> bool:
    """By ISO 13616: the country's code and check digits moved to the end, letters as numbers, modulo 97."""
    iban = text.replace(" ", "").upper()
    if not 15 <= len(iban) <= 34:
        return False
    return int("".join(str(int(char, 36)) for char in iban[4:] + iban[:4])) % 97 == 1


def _is_card(text: str) -> bool:
    """By Luhn: each second digit from the right doubled."""
    digits = [int(char) for char in text if char.isdecimal()]
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[-2::-2]]
    return len(set(digits)) > 1 and (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def _is_phone(text: str) -> bool:
    return sum(char.isdecimal() for char in text) >= _PHONE_DIGITS
