"""Who one is and what one may."""

from tests.lab.kubectl_chapters.step import Chapter, Step

STEPS = (
    Step("auth whoami", like=r"^Username +kubernetes-admin\nGroups +\[system:masters system:authenticated\]"),
    Step("auth whoami -o jsonpath={.status.userInfo.username}", "kubernetes-admin"),
    Step("auth can-i get pods", "yes"),
    Step("auth can-i '*' '*' -A", "yes"),
    Step("auth can-i get /healthz", "yes"),
    Step("auth can-i --list", like=r"^\*\.\* +\[\] +\[\] +\[\*\]"),
    Step("auth reconcile -f {dir}/role.yaml", like="reconciled"),
    Step("certificate approve nothing", code=1, err="not found"),
)
FILES = {
    "role.yaml": """
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: reader, namespace: access}
rules: [{apiGroups: [""], resources: [pods], verbs: [get]}]
"""
}
CHAPTER = Chapter("access", STEPS, FILES)
