"""Answers with line breaks: for people who look with curl, wget or a browser, and for who asks (`?pretty=true`)."""

import msgspec

from kube.apiserver.requests.request import JSON, Answer, Request

_PEOPLES_PROGRAMS = ("curl", "Wget", "Mozilla/5.0")


def is_wanted(request: Request) -> bool:
    asked = request.query.get("pretty")
    if asked:
        return asked in ("1", "t", "T", "true", "TRUE", "True")
    return request.headers.get("user-agent", "").startswith(_PEOPLES_PROGRAMS)


def prettified(answer: Answer) -> Answer:
    """The same in lines; what is no JSON stays as it is."""
    if answer.content_type != JSON or not answer.body:
        return answer
    return answer._replace(body=msgspec.json.format(answer.body, indent=2))
