"""The usual way: FastAPI and the openai SDK's typed stream, one message for each token, nothing kept."""

from __future__ import annotations

from fastapi import FastAPI, WebSocket
from openai import AsyncOpenAI

app = FastAPI()
#: Reads OPENAI_BASE_URL and OPENAI_API_KEY.
client = AsyncOpenAI()


@app.websocket("/ws/")
async def chat(websocket: WebSocket) -> None:
    await websocket.accept()
    async for prompt in websocket.iter_text():
        stream = await client.chat.completions.create(
            model="bench", messages=[{"role": "user", "content": prompt}], stream=True
        )
        async for chunk in stream:
            if chunk.choices and chunk.choices[0].delta.content:
                await websocket.send_text(chunk.choices[0].delta.content)
        await websocket.send_text("[DONE]")
