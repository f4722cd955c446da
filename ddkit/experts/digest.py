"""The digest in the name of a buffer or a teacher, of all that the experts depend on."""

import hashlib
import json
from typing import Any


def digest_of(tables: dict[str, Any]) -> str:
    """SHA-256 (hex) of a key's tables."""
    return hashlib.sha256(json.dumps(tables, sort_keys=True).encode()).hexdigest()
