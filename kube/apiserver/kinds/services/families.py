"""IP families of Services: ipFamilyPolicy, ipFamilies and what the given cluster IPs say of them.

The order of the checks is the server's, so that the first sentence a client sees is the same.
"""

from collections.abc import Sequence
from typing import Any

from kube.apiserver.kinds.names import ip_errors
from kube.apiserver.kinds.services.needs import HEADLESS, is_headless
from kube.apiserver.status import FieldError, duplicate, invalid_value, not_supported, required

Spec = dict[str, Any]

FAMILIES = ("IPv4", "IPv6")
POLICIES = ("SingleStack", "PreferDualStack", "RequireDualStack")


def family_of(address: str) -> str:
    return "IPv6" if ":" in address else "IPv4"


def other(family: str) -> str:
    return "IPv4" if family == "IPv6" else "IPv6"


def settle_families(spec: Spec, old: Spec | None, configured: Sequence[str]) -> list[FieldError]:
    """Fills in ipFamilyPolicy and ipFamilies; `configured` are the cluster's families, the default first."""
    if spec.get("type") == "ExternalName" or _keeps_preferred(spec, old):
        return []
    headless_alone = is_headless(spec) and not spec.get("selector")
    if not spec.get("ipFamilyPolicy"):
        inherited = (old or {}).get("ipFamilyPolicy")
        spec["ipFamilyPolicy"] = inherited or ("RequireDualStack" if headless_alone else "SingleStack")
    errors = check_cluster_ips(spec)
    if errors:
        return errors
    single = spec["ipFamilyPolicy"] == "SingleStack"
    if old is not None:
        errors = _shrink(spec, old, single=single)
    errors += _check_policy(spec, single=single)
    errors += _infer(spec, configured)
    if errors:
        return errors
    families: list[str] = spec.setdefault("ipFamilies", [])
    if headless_alone:
        if not families:
            families.append(configured[0])
        if len(families) < 2 and not single:
            families.append(other(families[0]))
        return []
    errors = _check_configured(spec, configured)
    if errors:
        return errors
    if not families:
        families.append(configured[0])
    if not single and len(families) == 1 and len(configured) == 2:
        families.append(other(families[0]))
    return []


def _keeps_preferred(spec: Spec, old: Spec | None) -> bool:
    """PreferDualStack Services neither gain nor lose a family because the cluster did."""
    if old is None or old.get("type") == "ExternalName":
        return False
    names = ("ipFamilyPolicy", "clusterIPs", "ipFamilies")
    return spec.get("ipFamilyPolicy") == "PreferDualStack" and all(
        spec.get(name) == old.get(name) for name in names
    )


def check_cluster_ips(spec: Spec) -> list[FieldError]:
    """The form of clusterIPs and ipFamilies and whether they agree."""
    errors: list[FieldError] = []
    families = spec.get("ipFamilies") or []
    if spec.get("ipFamilyPolicy") not in (None, *POLICIES):
        errors.append(not_supported("spec.ipFamilyPolicy", spec["ipFamilyPolicy"], sorted(POLICIES)))
    for index, family in enumerate(families):
        if family not in FAMILIES:
            errors.append(not_supported(f"spec.ipFamilies[{index}]", family, FAMILIES))
        elif family in families[:index]:
            errors.append(duplicate(f"spec.ipFamilies[{index}]", family))
    addresses = spec.get("clusterIPs") or []
    primary = spec.get("clusterIP") or ""
    if addresses and not primary:
        errors.append(required("spec.clusterIP", "must be set when `clusterIPs` is"))
    elif addresses and primary != addresses[0]:
        errors.append(invalid_value("spec.clusterIPs[0]", addresses[0], "must match `clusterIP`"))
    if len(addresses) > 2:
        errors.append(invalid_value("spec.clusterIPs", addresses, "may only hold up to 2 values"))
    if errors:
        return errors
    for index, address in enumerate(addresses):
        errors += _check_address(index, address, addresses, families)
    if len(addresses) == 2 and not errors and family_of(addresses[0]) == family_of(addresses[1]):
        detail = "may specify no more than one IP for each IP family"
        errors.append(invalid_value("spec.clusterIPs", addresses, detail))
    return errors


def _check_address(
    index: int, address: str, addresses: Sequence[str], families: Sequence[str]
) -> list[FieldError]:
    field = f"spec.clusterIPs[{index}]"
    if address == HEADLESS:
        if len(addresses) == 1:
            return []
        return [invalid_value("spec.clusterIPs", list(addresses), "'None' must be the first and only value")]
    if ip_errors(address):
        detail = "must be empty, 'None', or a valid IP address" if index == 0 else ip_errors(address)[0]
        return [invalid_value(field, address, detail)]
    if index < len(families) and family_of(address) != families[index]:
        detail = f"expected an {families[index]} value as indicated by `ipFamilies[{index}]`"
        return [invalid_value(field, address, detail)]
    return []


def _shrink(spec: Spec, old: Spec, *, single: bool) -> list[FieldError]:
    """To single stack: the policy alone is enough. To fewer values: only with that policy."""
    errors = []
    for name, what in (("clusterIPs", "cluster IP"), ("ipFamilies", "IP family")):
        now, before = spec.get(name) or [], old.get(name) or []
        if single:
            if now == before and len(now) > 1:
                spec[name] = now[:1]
        elif len(before) == 2 and len(now) == 1 and now[0] == before[0]:
            detail = f"must be 'SingleStack' to release the secondary {what}"
            errors.append(invalid_value("spec.ipFamilyPolicy", spec["ipFamilyPolicy"], detail))
    return errors


def _check_policy(spec: Spec, *, single: bool) -> list[FieldError]:
    errors = []
    for name, what in (("clusterIPs", "cluster IPs"), ("ipFamilies", "IP families")):
        if single and len(spec.get(name) or ()) == 2:
            detail = f"must be 'RequireDualStack' or 'PreferDualStack' when multiple {what} are specified"
            errors.append(invalid_value("spec.ipFamilyPolicy", spec["ipFamilyPolicy"], detail))
    return errors


def _infer(spec: Spec, configured: Sequence[str]) -> list[FieldError]:
    """The families of the given addresses, where they were not given themselves."""
    errors = []
    families = list(spec.get("ipFamilies") or ())
    addresses = spec.get("clusterIPs") or []
    for index, address in enumerate(addresses):
        if address == HEADLESS:
            break
        family = family_of(address)
        if index < len(families):
            continue
        if family not in configured:
            detail = f"{family} is not configured on this cluster"
            errors.append(invalid_value(f"spec.clusterIPs[{index}]", addresses, detail))
        else:
            families.append(family)
    spec["ipFamilies"] = families
    return errors


def _check_configured(spec: Spec, configured: Sequence[str]) -> list[FieldError]:
    errors = []
    if spec["ipFamilyPolicy"] == "RequireDualStack" and len(configured) < 2:
        detail = "this cluster is not configured for dual-stack services"
        errors.append(invalid_value("spec.ipFamilyPolicy", spec["ipFamilyPolicy"], detail))
    for index, family in enumerate(spec["ipFamilies"]):
        if family not in configured:
            errors.append(
                invalid_value(f"spec.ipFamilies[{index}]", family, "not configured on this cluster")
            )
    return errors
