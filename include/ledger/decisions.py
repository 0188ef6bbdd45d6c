"""Writing decisions: one delivery per record, company, destination and job, whatever is decided how often."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from itertools import batched
from typing import TYPE_CHECKING, Any
