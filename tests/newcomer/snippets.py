"""Fenced blocks of a Markdown file, as a reader sees them."""
from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.M | re.S)


def blocks(document: str, language: str) -> list[str]:
    """Every block of a language in a document of the repository's root."""
    text = (ROOT / document).read_text(encoding="utf-8")
    return [body for found, body in FENCE.findall(text) if found == language]
