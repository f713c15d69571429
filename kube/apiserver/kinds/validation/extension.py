"""Rules of webhooks, admission policies and aggregated APIs."""

from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import urlsplit

from kube.apiserver.kinds.names import subdomain_errors
from kube.apiserver.kinds.validation.rules import Errors, each, label_selector, needed, one_of, port_number
from kube.apiserver.status import duplicate, forbidden_value, invalid_value, not_supported, required

Object = dict[str, Any]

_OPERATIONS = ("*", "CONNECT", "CREATE", "DELETE", "UPDATE")
_REVIEWS = ("v1", "v1beta1")
_URL_FORM = "desired format: https://host[:port]/path"


def webhooks(obj: Object, errors: Errors) -> None:
    seen: set[str] = set()
    for index, webhook in enumerate(obj.get("webhooks") or ()):
        where, name = f"webhooks[{index}]", webhook.get("name") or ""
        if name in seen:
            errors.append(duplicate(f"{where}.name", name))
        seen.add(name)
        _webhook(errors, where, webhook)


def _webhook(errors: Errors, where: str, webhook: Object) -> None:
    name = webhook.get("name") or ""
    if needed(errors, f"{where}.name", name):
        each(errors, f"{where}.name", name, subdomain_errors(name))
        if name.count(".") < 2:
            detail = "should be a domain with at least three segments separated by dots"
            errors.append(invalid_value(f"{where}.name", name, detail))
    _rules(errors, f"{where}.rules", webhook.get("rules") or ())
    one_of(errors, f"{where}.failurePolicy", webhook.get("failurePolicy"), ("Fail", "Ignore"))
    one_of(errors, f"{where}.matchPolicy", webhook.get("matchPolicy"), ("Equivalent", "Exact"))
    one_of(errors, f"{where}.reinvocationPolicy", webhook.get("reinvocationPolicy"), ("IfNeeded", "Never"))
    if not webhook.get("sideEffects"):
        errors.append(required(f"{where}.sideEffects", "must specify one of None, NoneOnDryRun"))
    one_of(errors, f"{where}.sideEffects", webhook.get("sideEffects"), ("None", "NoneOnDryRun"))
    seconds = webhook.get("timeoutSeconds")
    if seconds is not None and not 1 <= seconds <= 30:
        detail = "the timeout value must be between 1 and 30 seconds"
        errors.append(invalid_value(f"{where}.timeoutSeconds", seconds, detail))
    for field in ("namespaceSelector", "objectSelector"):
        label_selector(errors, f"{where}.{field}", webhook.get(field))
    _reviews(errors, f"{where}.admissionReviewVersions", webhook.get("admissionReviewVersions") or ())
    _client(errors, f"{where}.clientConfig", webhook.get("clientConfig") or {})
    if webhook.get("matchConditions"):
        from kube.apiserver.kinds.validation import expressions

        expressions.conditions(errors, f"{where}.matchConditions", webhook["matchConditions"])


def _reviews(errors: Errors, where: str, versions: Sequence[str]) -> None:
    listed = ", ".join(_REVIEWS)
    if not versions:
        errors.append(required(where, f"must specify one of {listed}"))
    elif not set(versions) & set(_REVIEWS):
        errors.append(invalid_value(where, list(versions), f"must include at least one of {listed}"))


def _client(errors: Errors, where: str, client: Object) -> None:
    url: str | None = client.get("url")
    service: Object | None = client.get("service")
    if (url is None) == (service is None):
        errors.append(required(where, "exactly one of url or service is required"))
    if url is not None:
        _url(errors, f"{where}.url", url)
    if service is not None:
        for field in ("name", "namespace"):
            needed(errors, f"{where}.service.{field}", service.get(field), f"service {field} is required")
        if service.get("port") is not None:
            port_number(errors, f"{where}.service.port", service["port"])
        path = service.get("path")
        if path and not path.startswith("/"):
            errors.append(invalid_value(f"{where}.service.path", path, "must start with a '/'"))


def _url(errors: Errors, where: str, url: str) -> None:
    try:
        parts = urlsplit(url)
    except ValueError as error:
        errors.append(required(where, f"url must be a valid URL: {error}; {_URL_FORM}"))
        return
    if parts.scheme != "https":
        detail = f"'https' is the only allowed URL scheme; {_URL_FORM}"
        errors.append(invalid_value(where, parts.scheme, detail))
    if not parts.netloc:
        errors.append(invalid_value(where, parts.netloc, f"host must be specified; {_URL_FORM}"))
    for value, what in (
        (parts.username, "user information is"),
        (parts.fragment, "fragments are"),
        (parts.query, "query parameters are"),
    ):
        if value:
            errors.append(invalid_value(where, value, f"{what} not permitted in the URL"))


def _rules(errors: Errors, where: str, rules: Iterable[Object]) -> None:
    for index, rule in enumerate(rules):
        here = f"{where}[{index}]"
        operations = rule.get("operations") or ()
        if not operations:
            errors.append(required(f"{here}.operations"))
        if len(operations) > 1 and "*" in operations:
            detail = "if '*' is present, must not specify other operations"
            errors.append(invalid_value(f"{here}.operations", list(operations), detail))
        for place, operation in enumerate(operations):
            one_of(errors, f"{here}.operations[{place}]", operation, _OPERATIONS)
        for field in ("apiGroups", "apiVersions", "resources"):
            values = rule.get(field) or ()
            if not values:
                errors.append(required(f"{here}.{field}"))
            elif field != "resources" and len(values) > 1 and "*" in values:
                what = "API groups" if field == "apiGroups" else "API versions"
                detail = f"if '*' is present, must not specify other {what}"
                errors.append(invalid_value(f"{here}.{field}", list(values), detail))
        one_of(errors, f"{here}.scope", rule.get("scope"), ("*", "Cluster", "Namespaced"))


def _policy(obj: Object, errors: Errors) -> Object:
    from kube.apiserver.kinds.validation import expressions

    spec: Object = obj.get("spec") or {}
    one_of(errors, "spec.failurePolicy", spec.get("failurePolicy"), ("Fail", "Ignore"))
    if spec.get("paramKind") is not None:
        for field in ("apiVersion", "kind"):
            needed(errors, f"spec.paramKind.{field}", spec["paramKind"].get(field))
    constraints = spec.get("matchConstraints")
    if constraints is None:
        errors.append(required("spec.matchConstraints"))
    else:
        _match(errors, "spec.matchConstraints", constraints)
        if not constraints.get("resourceRules"):
            errors.append(required("spec.matchConstraints.resourceRules"))
    params = spec.get("paramKind") is not None
    rows = spec.get("matchConditions") or ()
    expressions.conditions(errors, "spec.matchConditions", rows, params=params, policy=True)
    return spec


def _match(errors: Errors, where: str, match: Object) -> None:
    for field in ("namespaceSelector", "objectSelector"):
        label_selector(errors, f"{where}.{field}", match.get(field))
    for field in ("resourceRules", "excludeResourceRules"):
        _rules(errors, f"{where}.{field}", match.get(field) or ())
    one_of(errors, f"{where}.matchPolicy", match.get("matchPolicy"), ("Equivalent", "Exact"))


def validating_policy(obj: Object, errors: Errors) -> None:
    from kube.apiserver.kinds.validation import expressions

    spec = _policy(obj, errors)
    validations, annotations = spec.get("validations") or (), spec.get("auditAnnotations") or ()
    if not validations and not annotations:
        detail = "validations or auditAnnotations must be specified"
        errors.append(required("spec.validations", detail))
    known = expressions.variables(errors, spec, mutating=False)
    for index, validation in enumerate(validations):
        where = f"spec.validations[{index}]"
        expression = (validation.get("expression") or "").strip()
        if needed(errors, f"{where}.expression", expression, "expression is not specified"):
            expressions.expression(errors, f"{where}.expression", expression, known, *expressions.BOOLEAN)
        if (validation.get("messageExpression") or "").strip():
            text = validation["messageExpression"]
            expressions.expression(errors, f"{where}.messageExpression", text, known, *expressions.TEXT)
        message = validation.get("message")
        if message is not None and (not message.strip() or "\n" in message.strip()):
            detail = (
                "message must not contain line breaks"
                if message.strip()
                else "must be non-empty if specified"
            )
            errors.append(invalid_value(f"{where}.message", message, detail))
        reasons = ("Forbidden", "Invalid", "RequestEntityTooLarge", "Unauthorized")
        one_of(errors, f"{where}.reason", validation.get("reason"), reasons)
    for index, annotation in enumerate(annotations):
        where = f"spec.auditAnnotations[{index}]"
        needed(errors, f"{where}.key", annotation.get("key"))
        if needed(errors, f"{where}.valueExpression", annotation.get("valueExpression")):
            text = annotation["valueExpression"]
            expressions.expression(errors, f"{where}.valueExpression", text, known, *expressions.NOTE)


def mutating_policy(obj: Object, errors: Errors) -> None:
    from kube.apiserver.kinds.validation import expressions

    spec = _policy(obj, errors)
    needed(errors, "spec.mutations", spec.get("mutations"), "mutations must contain at least one item")
    needed(errors, "spec.reinvocationPolicy", spec.get("reinvocationPolicy"))
    one_of(errors, "spec.reinvocationPolicy", spec.get("reinvocationPolicy"), ("IfNeeded", "Never"))
    known = expressions.variables(errors, spec, mutating=True)
    for index, mutation in enumerate(spec.get("mutations") or ()):
        where = f"spec.mutations[{index}]"
        types = {"ApplyConfiguration": "applyConfiguration", "JSONPatch": "jsonPatch"}
        if needed(errors, f"{where}.patchType", mutation.get("patchType")):
            one_of(errors, f"{where}.patchType", mutation["patchType"], types)
        field = types.get(mutation.get("patchType") or "")
        if field:
            expression = (mutation.get(field) or {}).get("expression")
            here = f"{where}.{field}.expression"
            if needed(errors, here, expression, "expression is not specified"):
                expressions.expression(errors, here, expression or "", known, *expressions.PATCHES[field])


def policy_binding(obj: Object, errors: Errors) -> None:
    spec = obj.get("spec") or {}
    needed(errors, "spec.policyName", spec.get("policyName"))
    reference = spec.get("paramRef")
    if reference is not None:
        _parameter(errors, reference)
    _match(errors, "spec.matchResources", spec.get("matchResources") or {})
    if obj.get("kind") == "ValidatingAdmissionPolicyBinding":
        _actions(errors, spec.get("validationActions") or ())


def _parameter(errors: Errors, reference: Object) -> None:
    name, selector = reference.get("name"), reference.get("selector")
    if name and selector is not None:
        detail = "name and selector are mutually exclusive"
        errors.append(forbidden_value("spec.paramRef.name", detail))
    elif not name and selector is None:
        errors.append(required("spec.paramRef", "one of name or selector must be specified"))
    label_selector(errors, "spec.paramRef.selector", selector)
    action = reference.get("parameterNotFoundAction")
    if needed(errors, "spec.paramRef.parameterNotFoundAction", action):
        one_of(errors, "spec.paramRef.parameterNotFoundAction", action, ("Allow", "Deny"))


def _actions(errors: Errors, actions: Sequence[str]) -> None:
    where = "spec.validationActions"
    if not actions:
        errors.append(required(where))
    for index, action in enumerate(actions):
        if action not in ("Audit", "Deny", "Warn"):
            errors.append(not_supported(f"{where}[{index}]", action, ("Audit", "Deny", "Warn")))
        if action in actions[:index]:
            errors.append(duplicate(f"{where}[{index}]", action))
    if {"Deny", "Warn"} <= set(actions):
        detail = (
            "must not contain both Deny and Warn (repeating the same validation failure information in the API "
            "response and headers serves no purpose)"
        )
        errors.append(invalid_value(where, list(actions), detail))


def api_service(obj: Object, errors: Errors) -> None:
    spec, name = obj.get("spec") or {}, (obj.get("metadata") or {}).get("name") or ""
    group, version, service = spec.get("group") or "", spec.get("version") or "", spec.get("service")
    if name != f"{version}.{group}":
        detail = f'must be `spec.version+"."+spec.group`: "{version}.{group}"'
        errors.append(invalid_value("metadata.name", name, detail))
    each(errors, "spec.group", group, subdomain_errors(group) if group else ())
    needed(errors, "spec.version", version)
    for field, most in (("groupPriorityMinimum", 20_000), ("versionPriority", 1_000)):
        value = spec.get(field) or 0
        if not 0 < value <= most:
            detail = f"must be positive and less than {most}"
            errors.append(invalid_value(f"spec.{field}", value, detail))
    if service is None:
        if spec.get("caBundle"):
            errors.append(
                invalid_value("spec.caBundle", spec["caBundle"], "local APIServices may not have a caBundle")
            )
        if spec.get("insecureSkipTLSVerify"):
            detail = "local APIServices may not have insecureSkipTLSVerify"
            errors.append(invalid_value("spec.insecureSkipTLSVerify", True, detail))
        return
    for field in ("namespace", "name"):
        needed(errors, f"spec.service.{field}", service.get(field))
    if spec.get("insecureSkipTLSVerify") and spec.get("caBundle"):
        detail = "may not be true if caBundle is present"
        errors.append(invalid_value("spec.insecureSkipTLSVerify", True, detail))
