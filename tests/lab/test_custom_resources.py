"""The real kubectl and the kind App of examples/app, against `kcore apiserver` and `kcore controllers` on loopback."""

import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from linux import process
from tests.lab.kubectl_chapters.step import Step
from tests.lab.test_api_kubectl import KCORE, Kubectl

pytestmark = pytest.mark.lab

APP = Path(__file__).parents[2] / "examples" / "app"
CRD, WEB = APP / "crd.yaml", APP / "app.yaml"
READY = '{"status":{"replicas":5,"selector":"app=web","conditions":[{"type":"Ready","status":"True"}]}}'


@pytest.fixture(scope="module")
def kubeconfig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    if shutil.which("kubectl") is None:
        pytest.skip("kubectl IS NOT INSTALLED: put it on PATH to see what people see")
    folder = tmp_path_factory.mktemp("kcore")
    argv = [str(KCORE), "apiserver", "--data-dir", str(folder), "--bind-address", "127.0.0.1"]
    argv += ["--secure-port", "0", "--advertise-address", "127.0.0.1"]
    with (folder / "log").open("wb") as log:
        server = process.spawn(argv, stdout=subprocess.PIPE, stderr=log)
    assert server.stdout is not None
    assert b"serving on" in server.stdout.readline(), (folder / "log").read_text()
    admin = folder / "kubeconfig" / "admin.kubeconfig"
    with (folder / "controllers.log").open("wb") as log:
        argv = [str(KCORE), "controllers", "--kubeconfig", str(admin), "--secure-port", "0"]
        controllers = process.spawn([*argv, "--profile", "lab"], stdout=log, stderr=log)
    try:
        yield admin
    finally:
        for part in (controllers, server):
            part.terminate()
            part.wait(60)
        server.stdout.close()
        for name in ("log", "controllers.log"):
            assert "Traceback" not in (folder / name).read_text()


@pytest.fixture
def kubectl(kubeconfig: Path, tmp_path: Path) -> Iterator[Kubectl]:
    """In a namespace of its own, with the definition of App; both go afterwards."""
    name = tmp_path.name.replace("_", "-").lower()[-40:].strip("-")
    made = Kubectl(kubeconfig, name, tmp_path)
    play(
        made,
        Step(f"create namespace {name}", f"namespace/{name} created"),
        Step(f"apply -f {CRD}", "customresourcedefinition.apiextensions.k8s.io/apps.podnet.internal created"),
        Step("wait --for=condition=Established crd/apps.podnet.internal --timeout=50s", like="condition met"),
    )
    yield made
    play(
        made,
        Step("delete crd apps.podnet.internal --ignore-not-found", like=""),
        Step(f"delete namespace {name} --ignore-not-found --timeout=150s", like=""),
    )


def play(kubectl: Kubectl, *steps: Step) -> None:
    wrong = [what for step in steps for what in kubectl.run(step)]
    assert not wrong, "\n".join(wrong)


def test_an_app_from_apply_to_delete(kubectl: Kubectl) -> None:
    play(
        kubectl,
        Step(f"apply -f {WEB}", "app.podnet.internal/web created"),
        Step(f"apply -f {WEB}", "app.podnet.internal/web unchanged"),
        Step("get app", like=r"^NAME +IMAGE +REPLICAS +READY +AGE\nweb +podnet/toolbox +2 +\d+s$"),
        Step("get app -o wide", like=r"^NAME +IMAGE +REPLICAS +READY +TIER +AGE$"),
        Step("get podnet -o name", "app.podnet.internal/web"),
        Step("get apps.v1.podnet.internal web -o jsonpath={.spec.settings.cache.size}", "16"),
        Step("describe app web", like=r"^Kind: +App$"),
        Step("api-resources --api-group=podnet.internal -o name", "apps.podnet.internal"),
        Step(f"diff -f {WEB}", ""),
        Step("delete app web", f'app.podnet.internal "web" deleted{in_namespace(kubectl)}'),
        Step("get app", err="No resources found"),
    )


def in_namespace(kubectl: Kubectl) -> str:
    """kubectl says so since 1.34."""
    said = process.run(["kubectl", "version", "--client", "-o", "json"]).stdout
    minor = int("".join(filter(str.isdigit, said.partition('"minor": "')[2].partition('"')[0])))
    return f" from {kubectl._argv[-1]} namespace" if minor >= 34 else ""


def test_create_refuses_what_the_schema_refuses(kubectl: Kubectl) -> None:
    def app(spec: str, more: str = "") -> str:
        return f"{{apiVersion: podnet.internal/v1, kind: App, metadata: {{name: x{more}}}, spec: {spec}}}"

    play(
        kubectl,
        Step("create -f -", code=1, err=r"spec.image: Required value", stdin=app("{replicas: 1}")),
        Step(
            "create -f -",
            code=1,
            err=r'spec.tier: Unsupported value: "middle": supported values: "frontend", "backend"',
            stdin=app("{image: i, tier: middle}"),
        ),
        Step(
            "create -f -",
            code=1,
            err=r"spec.replicas in body should be less than or equal to 100",
            stdin=app("{image: i, replicas: 101}"),
        ),
        Step(
            "create -f -",
            code=1,
            err=r"spec.env\[1\]: Duplicate value",
            stdin=app("{image: i, env: [{name: A}, {name: A}]}"),
        ),
        Step("create -f -", code=1, err=r'unknown field "spec.imag"', stdin=app("{image: i, imag: j}")),
        Step(
            "create -f -",
            code=1,
            err=r'unknown field "metadata.colour"',
            stdin=app("{image: i}", ", colour: red"),
        ),
        Step(
            "create --validate=warn -f -",
            "app.podnet.internal/x created",
            err=r'Warning: unknown field "spec.imag"',
            stdin=app("{image: i, imag: j}"),
        ),
        Step("get app x -o jsonpath={.spec}", '{"image":"i","port":80,"replicas":1,"tier":"backend"}'),
        Step("create -f -", code=1, err="already exists", stdin=app("{image: i}")),
    )


def test_patches_edit_and_scale(kubectl: Kubectl) -> None:
    play(
        kubectl,
        Step(f"create -f {WEB}", "app.podnet.internal/web created"),
        Step(
            """patch app web --type=merge -p '{"spec":{"tier":"backend"}}'""",
            "app.podnet.internal/web patched",
        ),
        Step(
            """patch app web --type=json -p '[{"op":"remove","path":"/spec/env/0"}]'""",
            "app.podnet.internal/web patched",
        ),
        Step("get app web -o jsonpath={.spec.env[*].name}{.metadata.generation}", "COLOUR3"),
        Step("""patch app web -p '{"spec":{"tier":"backend"}}'""", code=1, err="is not supported"),
        Step(
            """patch app web --type=merge -p '{"spec":{"port":[]}}'""",
            code=1,
            err=r"spec.port in body must be of type integer,string",
        ),
        Step("scale app web --replicas=5", "app.podnet.internal/web scaled"),
        Step(
            "scale app web --replicas=6 --current-replicas=2", code=1, err="Expected replicas to be 2, was 5"
        ),
        Step("label app web colour=blue", "app.podnet.internal/web labeled"),
        Step("annotate app web note=x", "app.podnet.internal/web annotated"),
        Step("edit app web", "app.podnet.internal/web edited", editor="sed -i s/blue/green/"),
        Step("get app -l colour=green -o name", "app.podnet.internal/web"),
        Step("get app --field-selector spec.tier=backend -o name", "app.podnet.internal/web"),
        Step("get app --field-selector spec.tier=frontend -o name", ""),
        Step(
            "get app --field-selector spec.replicas=5", code=1, err="field label not supported: spec.replicas"
        ),
        Step(
            f"patch app web --subresource=status --type=merge -p '{READY}'", "app.podnet.internal/web patched"
        ),
        Step("wait --for=condition=Ready app/web --timeout=50s", "app.podnet.internal/web condition met"),
        Step(
            "wait --for=jsonpath={.spec.replicas}=5 app/web --timeout=50s",
            "app.podnet.internal/web condition met",
        ),
        Step("get app web", like=r"^web +podnet/toolbox +5 +True +\d+s$"),
        Step("get app web --subresource=status -o jsonpath={.status.replicas}", "5"),
    )


def test_server_side_apply(kubectl: Kubectl) -> None:
    one = "{apiVersion: podnet.internal/v1, kind: App, metadata: {name: ssa}, spec: "
    play(
        kubectl,
        Step(
            "apply --server-side -f -",
            "app.podnet.internal/ssa serverside-applied",
            stdin=one + "{image: i, replicas: 2, env: [{name: A, value: a}]}}",
        ),
        Step(
            "apply --server-side --field-manager=other -f -",
            "app.podnet.internal/ssa serverside-applied",
            stdin=one + "{image: i, env: [{name: B, value: b}]}}",
        ),
        Step("get app ssa -o jsonpath={.spec.env[*].name}", "A B"),
        Step(
            "apply --server-side --field-manager=other -f -",
            code=1,
            err=r'conflict with "kubectl": .spec.replicas',
            stdin=one + "{image: i, replicas: 3}}",
        ),
        Step(
            "apply --server-side -f -",
            "app.podnet.internal/ssa serverside-applied",
            stdin=one + "{image: i, replicas: 2}}",
        ),
        Step("get app ssa -o jsonpath={.spec.env[*].name}", "B"),
        Step(
            "apply --server-side -f -",
            code=1,
            err=r".spec.colour: field not declared in schema",
            stdin=one + "{image: i, colour: red}}",
        ),
        Step(
            "get app ssa --show-managed-fields -o jsonpath={.metadata.managedFields[*].manager}",
            like=r"^(kubectl other|other kubectl)$",
        ),
    )


def test_explain_reads_the_schema(kubectl: Kubectl) -> None:
    play(
        kubectl,
        Step("explain app", like=r"^KIND: +App\nVERSION: +v1$"),
        Step("explain app.spec", like=r"^  image\t<string> -required-\n +The image to run\.$"),
        Step("explain app.spec.env.name", like=r"^FIELD: name <string>"),
        Step("explain app.spec.colour", code=1, err='field "colour" does not exist'),
        Step("explain app --recursive", like=r"^    lastTransitionTime\t<string>|lastTransitionTime"),
        Step("explain crd.spec.versions.schema", like="openAPIV3Schema"),
    )


def test_get_watch_shows_what_happens(kubectl: Kubectl, tmp_path: Path) -> None:
    before = WEB.read_text().replace("name: web", "name: before")
    play(kubectl, Step("apply -f -", "app.podnet.internal/before created", stdin=before))
    argv = [*kubectl._argv, "get", "app", "-w", "--output-watch-events", "--no-headers"]
    with (tmp_path / "watch").open("wb") as out:
        watching = process.spawn(argv, env=kubectl._env, stdout=out, stderr=out)
    try:
        assert seen(tmp_path / "watch", 1) == ["ADDED"]  # from here on it misses nothing
        play(
            kubectl,
            Step(f"apply -f {WEB}", "app.podnet.internal/web created"),
            Step("scale app web --replicas=3", "app.podnet.internal/web scaled"),
            Step("delete app web", like="deleted"),
        )
        assert seen(tmp_path / "watch", 4) == ["ADDED", "ADDED", "MODIFIED", "DELETED"]
        assert "podnet/toolbox" in (tmp_path / "watch").read_text()
    finally:
        watching.terminate()
        watching.wait(60)


def seen(path: Path, count: int) -> list[str]:
    """The first words of the lines, once there are so many."""
    wait = threading.Event()
    for _ in range(1800):
        words = [line.split()[0] for line in path.read_text().splitlines() if line.strip()]
        if len(words) >= count:
            return words
        wait.wait(0.05)
    return words


def test_the_garbage_collector_knows_apps(kubectl: Kubectl) -> None:
    play(
        kubectl,
        Step(f"apply -f {WEB}", "app.podnet.internal/web created"),
        Step("create configmap mine --from-literal=a=b", "configmap/mine created"),
    )
    uid = process.run(
        [*kubectl._argv, "get", "app", "web", "-o", "jsonpath={.metadata.uid}"], env=kubectl._env
    ).stdout
    owner = f'[{{"apiVersion":"podnet.internal/v1","kind":"App","name":"web","uid":"{uid}"}}]'
    play(
        kubectl,
        Step(
            f'patch configmap mine -p \'{{"metadata":{{"ownerReferences":{owner}}}}}\'',
            "configmap/mine patched",
        ),
        Step("delete app web", like="deleted"),
        Step("get configmap mine", code=1, err="not found", eventually=True),
    )


def test_apps_go_with_their_namespace(kubectl: Kubectl) -> None:
    name = kubectl._argv[-1]
    play(
        kubectl,
        Step(f"apply -f {WEB}", "app.podnet.internal/web created"),
        Step(f"delete namespace {name} --timeout=150s", f'namespace "{name}" deleted'),
        Step("get app -A", err="No resources found"),
    )


def test_apps_go_with_their_definition(kubectl: Kubectl) -> None:
    play(
        kubectl,
        Step(f"apply -f {WEB}", "app.podnet.internal/web created"),
        Step(f"delete -f {CRD} --timeout=150s", like="deleted"),
        Step("get app", code=1, err="resource type|could not find the requested resource"),
        Step("get crd", err="No resources found"),
        Step(f"apply -f {CRD}", like="created"),
        Step("get app", err="No resources found"),
    )


def test_a_definition_that_cannot_be_served_is_refused(kubectl: Kubectl) -> None:
    bad = CRD.read_text().replace("x-kubernetes-list-map-keys: [name]", "x-kubernetes-list-map-keys: [title]")
    play(
        kubectl,
        Step("apply -f -", code=1, err="entries must all be names of item properties", stdin=bad),
        Step(
            "apply -f -",
            code=1,
            err=r"must be spec.names.plural\+\".\"\+spec.group",
            stdin=bad.replace("name: apps.podnet.internal", "name: app.podnet.internal"),
        ),
    )
