"""Attacks, in everything that a file can say. Each would set ``window.pwned`` if it ran."""

from __future__ import annotations

import json
from pathlib import Path

PAYLOADS = (
    "<script>pwned=1</script>",
    "<ScRiPt>pwned=1</sCrIpT>",
    "</script><script>pwned=1</script>",
    "</title><script>pwned=1</script>",
    "</textarea><script>pwned=1</script>",
    "<!--><script>pwned=1</script>-->",
    "]]><script>pwned=1</script>",
    "<img src=x onerror=pwned=1>",
    '"><img src=x onerror=pwned=1>',
    "'><img src=x onerror=pwned=1>",
    "`><img src=x onerror=pwned=1>",
    "<img src=x:x onerror=pwned=1 ",
    "<svg onload=pwned=1>",
    "<svg><script>pwned=1</script></svg>",
    "<svg><animate onbegin=pwned=1 attributeName=x>",
    "<math><mtext><style><img src onerror=pwned=1>",
    "<body onload=pwned=1>",
    "<iframe srcdoc='<script>parent.pwned=1</script>'>",
    "<iframe src=javascript:parent.pwned=1>",
    "<a href=javascript:pwned=1>press</a>",
    "<form action=javascript:pwned=1><button autofocus>",
    "<input autofocus onfocus=pwned=1>",
    "<details open ontoggle=pwned=1>",
    "<video><source onerror=pwned=1>",
    "<audio src=x onerror=pwned=1>",
    "<object data=javascript:pwned=1>",
    "<link rel=stylesheet href=data:,*{display:none}>",
    "<style>*{display:none}</style>",
    "<base href=http:example.invalid>",
    "<meta http-equiv=refresh content=0;url=http:example.invalid>",
    '" autofocus onfocus=pwned=1 x="',
    "javascript:pwned=1",
    '");pwned=1;("',
    "${pwned=1}{{pwned=1}}",
    "url(x);background:red",
    "\u202egnp.pwned=1 \u2028\u0085",
)

#: Also a collection's name may be one.
HOSTILE = "<img src=x onerror=pwned=1>\"'"


def hostile_files(folder: Path) -> Path:
    """Texts with a payload each: as name, caption, field, value, label and words."""
    rows = []
    for number, payload in enumerate(PAYLOADS):
        name = f"{number} {payload.replace('/', '∕')}.txt"
        (folder / name).write_text(f"A ship sails. {payload}")
        row = {"file_name": name, "label": payload, "tags": [payload, "ship"], "author": payload}
        rows.append(row if number % 3 else {**row, "caption": payload, payload: payload})
    (folder / "metadata.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return folder
