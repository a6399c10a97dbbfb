"""Run by the validator's own Python: whether a folder is a valid Process Run Crate.

validate_crate.py FOLDER CONTEXT: the problems as JSON. Nothing is downloaded: the one context that
a crate names is answered from a file, and anything else that is asked for is refused.
"""

import json
import sys
from pathlib import Path

import requests

CONTEXT = Path(sys.argv[2]).read_bytes()
URL = json.loads(CONTEXT)["@id"]
asked = set()


def answer(_, request, **__):
    """What the web would say, if it were this one file."""
    asked.add(request.url)
    if request.url != URL:
        raise requests.ConnectionError(f"nothing is downloaded: {request.url}")
    found = requests.Response()
    found.status_code, found._content, found.url = 200, CONTEXT, request.url
    found.headers["Content-Type"] = "application/ld+json"
    found.request = request
    return found


requests.adapters.HTTPAdapter.send = answer

from rocrate_validator import services  # noqa: E402

settings = services.ValidationSettings(
    rocrate_uri=sys.argv[1],
    profile_identifier="process-run-crate",
    requirement_severity="REQUIRED",
    no_cache=True,
)
result = services.validate(settings)
issues = [f"{issue.check.identifier}: {issue.message}" for issue in result.get_issues()]
checks = len(result.executed_checks)
print(json.dumps({"checks": checks, "issues": issues, "asked": sorted(asked)}))
