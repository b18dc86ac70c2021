"""Everything the app raises on purpose.

ChatError
├── Refused                 a command that was understood and not done
├── GenerationFailed        an answer asked for by `ask` that ended in error
└── OpenTransactionError    the Python door used inside a transaction
"""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

#: One sentence a user understands for every code of the protocol.
SENTENCES = {
    "bad_frame": _("That message could not be understood."),
    "too_large": _("That message is too long to be sent."),
    "unknown_type": _("That command is not known here."),
    "not_found": _("That conversation does not exist, or it is not yours."),
    "forbidden": _("You are not allowed to use this chat."),
    "conflict": _("That is not possible with this message."),
    "busy": _("The answer above is still being written."),
    "rate_limited": _("You are asking faster than is allowed here. Please wait a moment."),
    "budget_exhausted": _("Your budget is used up for now."),
    "model_unavailable": _("This model is not available. Please choose another one."),
    "context_too_long": _("This is too long for the model. Please shorten it or start a new chat."),
    "attachment_invalid": _("The attachment could not be used."),
    "content_filtered": _("The provider declined to answer this."),
    "upstream_auth": _("The model's provider refused our credentials. Please tell the site's operator."),
    "upstream_rate_limited": _("The model's provider is busy. Please try again in a moment."),
    "upstream_timeout": _("The model took too long to answer."),
    "upstream_unreachable": _("The model's provider cannot be reached right now."),
    "upstream_protocol": _("The model's answer could not be read."),
    "upstream_error": _("The model's provider reported an error."),
    "shutting_down": _("The server is restarting. Your message can be sent again in a moment."),
    "unavailable": _("The chat is not available right now. Please try again in a moment."),
    "internal": _("Something went wrong on our side."),
}


class ChatError(Exception):
    """Base of all errors of the app; do not raise it directly."""


class Refused(ChatError):
    """Raised when a command is refused; `code` is one of the protocol's, `retry_after` in seconds.

    `sentence` (translated lazily) says it better than the sentence of the code does.
    """

    def __init__(
        self,
        code: str,
        *,
        retry_after: float | None = None,
        reference: str | None = None,
        sentence: Any = None,
    ) -> None:
        super().__init__(code)
        self.code = code
        self.retry_after = retry_after
        self.reference = reference
        self._sentence = sentence

    @property
    def sentence(self) -> str:
        """What to tell the user, in the language now active."""
        return str(self._sentence or SENTENCES[self.code])


class GenerationFailed(ChatError):
    """Raised by the Python door when the answer ended in `error` or `interrupted`."""

    def __init__(self, code: str, status: str) -> None:
        super().__init__(f"{status}: {SENTENCES.get(code, SENTENCES['internal'])}")
        self.code = code
        self.status = status


class OpenTransactionError(ChatError):
    """Raised when an answer is asked for inside `atomic()`: a rollback would take it back unseen."""
