// The same loop with the SDK for Node.
import OpenAI from "openai";

// OPENAI_BASE_URL and OPENAI_API_KEY say whom to ask, and as whom.
const client = new OpenAI();

const stream = await client.chat.completions.create({
  model: process.env.MODEL,
  messages: [{ role: "user", content: "Why is the sky blue? Answer in one sentence." }],
  stream: true,
});
for await (const chunk of stream) {
  process.stdout.write(chunk.choices[0]?.delta?.content ?? "");
}
process.stdout.write("\n");
