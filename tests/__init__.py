from __future__ import annotations

import os

# The suite brings its own model and its own settings: no test may spend the money behind somebody's key.
for _name in list(os.environ):
    if _name.startswith(("OPENAI_", "LLMCHAT_")) or _name == "HTTPS":
        del os.environ[_name]
