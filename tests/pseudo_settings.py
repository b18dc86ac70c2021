"""The site in a language that nobody speaks, so that what is not translated shows."""

from __future__ import annotations

import os
from pathlib import Path

from project.settings import *  # noqa: F403 -- the site as it is, but for its words

LANGUAGE_CODE = "eo"
LANGUAGES = [("eo", "Pseudo")]
LOCALE_PATHS = [Path(os.environ["PSEUDO_LOCALE"])]
