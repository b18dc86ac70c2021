"""`v1/`: any client of OpenAI's chat completions, by changing its base URL and key.

`request` says what is taken, `errors` how it is refused, `chunks` how an answer looks, `views` does it.
"""

from __future__ import annotations
