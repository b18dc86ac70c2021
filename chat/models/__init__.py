from __future__ import annotations

from .access import AppendOnlyError, ContentAccess
from .catalog import CAPABILITIES, ChatModel
from .conversation import Conversation
from .feedback import Feedback
from .generation import Generation, JournalChunk, Runner
from .keys import ApiKey, digest_of
from .limits import Budget, BudgetCounter, Reservation
from .message import Message
from .owner import Owner
from .pause import Pause
from .preferences import Preference, Preferences
from .presets import Banner, Preset
from .retention import LegalHold, RetentionRule
from .rollup import SummedDay, UsageSum
from .search import SearchEntry
from .status import CONTINUABLE, LIVE, Role, Status
from .usage import UsageRecord

__all__ = [
    "CAPABILITIES",
    "CONTINUABLE",
    "LIVE",
    "ApiKey",
    "AppendOnlyError",
    "Banner",
    "Budget",
    "BudgetCounter",
    "ChatModel",
    "ContentAccess",
    "Conversation",
    "Feedback",
    "Generation",
    "JournalChunk",
    "LegalHold",
    "Message",
    "Owner",
    "Pause",
    "Preference",
    "Preferences",
    "Preset",
    "Reservation",
    "RetentionRule",
    "Role",
    "Runner",
    "SearchEntry",
    "Status",
    "SummedDay",
    "UsageRecord",
    "UsageSum",
    "digest_of",
]
