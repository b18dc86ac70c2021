from __future__ import annotations

from typing import Any

from llmchat.models import Conversation
from llmchat.policy import ChatPolicy


class ShopPolicy(ChatPolicy):
    def may_chat(self, user: Any) -> bool:
        return super().may_chat(user) and user.may_ask

    def get_models(self, user: Any) -> list[str]:
        models = super().get_models(user)
        return models if user.is_staff else [name for name in models if name != "reader-large"]

    def get_system_prompt(self, user: Any, conversation: Conversation | None) -> str:
        prompt = super().get_system_prompt(user, conversation)
        if conversation is not None and conversation.subject is not None:
            prompt += f"\nThe question is about this evening: {conversation.subject}."
        return prompt

    def get_suggestions(self, user: Any) -> list[str]:
        return ["Which novel for a long train journey?", "What is on next Thursday?"]
