from __future__ import annotations

from collections.abc import AsyncIterator

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import aget_object_or_404, get_object_or_404, render
from llmchat.models import Conversation

from chat.desk import conversation_about
from chat.models import Evening


def evenings(request: HttpRequest) -> HttpResponse:
    return render(request, "chat/evenings.html", {"evenings": Evening.objects.all()})


def evening(request: HttpRequest, pk: int) -> HttpResponse:
    evening = get_object_or_404(Evening, pk=pk)
    conversation = conversation_about(evening, request.user) if request.user.is_authenticated else None
    return render(request, "chat/evening.html", {"evening": evening, "conversation": conversation})


@login_required
def reading_list(request: HttpRequest, pk: int) -> HttpResponse:
    evening = get_object_or_404(Evening, pk=pk)
    conversation = Conversation.objects.create(owner=request.user, subject=evening)
    message = conversation.ask("Which three books should I read before this evening?")
    return HttpResponse(message.content, content_type="text/plain; charset=utf-8")


@login_required
async def introduction(request: HttpRequest, pk: int) -> StreamingHttpResponse:
    evening = await aget_object_or_404(Evening, pk=pk)
    conversation = await Conversation.objects.acreate(owner=await request.auser(), subject=evening)

    async def text() -> AsyncIterator[str]:
        async for piece in conversation.astream("Introduce this evening's author."):
            yield piece

    return StreamingHttpResponse(text(), content_type="text/plain; charset=utf-8")
