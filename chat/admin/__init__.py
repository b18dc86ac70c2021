"""The operator's side.

To change it, unregister a model and register a subclass, as in
`class Mine(ConversationAdmin, unfold.admin.ModelAdmin)`.
"""

from __future__ import annotations

from .access import ContentAccessAdmin
from .base import ReadOnlyAdmin, may_read
from .catalog import ChatModelAdmin
from .conversation import ConversationAdmin
from .feedback import FeedbackAdmin
from .generation import GenerationAdmin, RunnerAdmin
from .keys import ApiKeyAdmin
from .limits import BudgetAdmin
from .presets import BannerAdmin, PresetAdmin
from .retention import LegalHoldAdmin, RetentionRuleAdmin
from .usage import UsageAdmin

__all__ = [
    "ApiKeyAdmin",
    "BannerAdmin",
    "BudgetAdmin",
    "ChatModelAdmin",
    "ContentAccessAdmin",
    "ConversationAdmin",
    "FeedbackAdmin",
    "GenerationAdmin",
    "LegalHoldAdmin",
    "PresetAdmin",
    "ReadOnlyAdmin",
    "RetentionRuleAdmin",
    "RunnerAdmin",
    "UsageAdmin",
    "may_read",
]
