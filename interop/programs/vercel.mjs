// Vercel's AI SDK.
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { streamText } from "ai";

const site = createOpenAICompatible({
  name: "site",
  baseURL: process.env.OPENAI_BASE_URL,
  apiKey: process.env.OPENAI_API_KEY,
});
const { textStream } = streamText({
  model: site(process.env.MODEL),
  prompt: "Why is the sky blue? Answer in one sentence.",
});
for await (const text of textStream) process.stdout.write(text);
process.stdout.write("\n");
