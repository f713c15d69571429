"""host-local's verbs on its store: order, exclusion, import and mirror, crashes."""

import fcntl
import os

import pytest

from cni.attachments.disk import boot_id
from cni.host_local import apply
from cni.host_local.database.disk import Row
from cni.host_local.disk import Network
from cni.host_local.mirror import disk as mirror
from cni.spec.addresses import IP
from cni.spec.errors import TRY_AGAIN_LATER, CniError
from cni.spec.netconf import VALID_ATTACHMENTS

SMALL = {"ranges": [[{"subnet": "10.1.2.0/29"}]]}  # 5 addresses
DUAL = {"ranges": [[{"subnet": "10.1.2.0/24"}], [{"subnet": "fd00::/64"}]]}


class Died(BaseException):
    """Stands for SIGKILL: nothing that catches Exception may clean up after it."""


def add(made):
    return [ip.address.partition("/")[0] for ip in apply.add(made).ips]


def files(tmp_path):
    folder = tmp_path / "networks" / "n1"
    return {f.name: f.read_bytes() for f in folder.iterdir() if f.name[0].isdigit() or ":" in f.name}


def rows(tmp_path):
    with Network(str(tmp_path / "networks"), "n1") as network:
        return {row.ip.text: (row.container_id, row.ifname) for row in network.db.rows()}


def test_one_address_of_each_set_with_gateway_and_subnets_prefix(call):
    result = apply.add(call({**DUAL, "routes": [{"dst": "0.0.0.0/0"}]}))
    assert [(ip.address, ip.gateway, ip.interface) for ip in result.ips] == [
        ("10.1.2.2/24", "10.1.2.1", None),
        ("fd00::2/64", "fd00::1", None),
    ]
    assert [route.dst for route in result.routes] == ["0.0.0.0/0"]
    assert result.interfaces == ()


def test_the_references_files(call, tmp_path):
    add(call(DUAL))
    folder = tmp_path / "networks" / "n1"
    assert files(tmp_path) == {"10.1.2.2": b"c1\r\neth0", "fd00::2": b"c1\r\neth0"}
    assert (folder / "last_reserved_ip.0").read_text() == "10.1.2.2"
    assert (folder / "last_reserved_ip.1").read_text() == "fd00::2"
    assert (folder / "10.1.2.2").stat().st_mode & 0o777 == 0o600
    apply.delete(call(DUAL))
    assert files(tmp_path) == {}
    assert (folder / "last_reserved_ip.0").read_text() == "10.1.2.2"


def test_unused_addresses_first_then_the_one_released_longest_ago(call):
    assert [add(call(SMALL, container=f"c{n}")) for n in range(4)] == [
        ["10.1.2.2"],
        ["10.1.2.3"],
        ["10.1.2.4"],
        ["10.1.2.5"],
    ]
    for container in ("c2", "c0"):
        apply.delete(call(SMALL, container=container))
    assert add(call(SMALL, container="d0")) == ["10.1.2.6"]
    assert add(call(SMALL, container="d1")) == ["10.1.2.4"]
    assert add(call(SMALL, container="d2")) == ["10.1.2.2"]
    with pytest.raises(CniError, match=r"no IP addresses available in range set: 10.1.2.1-10.1.2.6"):
        add(call(SMALL, container="d3"))


def test_a_pod_of_the_same_name_gets_its_address_again(call):
    args = "IgnoreUnknown=1;K8S_POD_NAMESPACE=d;K8S_POD_NAME=db-0"
    assert add(call(SMALL, container="a", cni_args=args)) == ["10.1.2.2"]
    assert add(call(SMALL, container="b")) == ["10.1.2.3"]
    apply.delete(call(SMALL, container="a"))
    assert add(call(SMALL, container="c", cni_args=args)) == ["10.1.2.2"]


def test_interfaces_of_one_container_have_addresses_of_their_own(call, tmp_path):
    assert add(call(SMALL, ifname="eth0")) == ["10.1.2.2"]
    assert add(call(SMALL, ifname="eth1")) == ["10.1.2.3"]
    apply.delete(call(SMALL, ifname="eth0"))
    assert rows(tmp_path) == {"10.1.2.3": ("c1", "eth1")}


def test_the_same_attachment_twice_is_an_error(call):
    add(call(SMALL))
    with pytest.raises(
        CniError, match=r"10.1.2.2 has been allocated to c1, duplicate allocation is not allowed"
    ):
        add(call(SMALL))


def test_deleting_the_unknown_is_fine(call):
    apply.delete(call(SMALL, container="never"))
    apply.delete(call(SMALL, container="never"))


@pytest.mark.parametrize(
    ("requested", "wanted"),
    [("10.1.2.200", ["10.1.2.200", "fd00::2"]), ("fd00::99", ["10.1.2.2", "fd00::99"])],
)
def test_a_requested_address_comes_from_its_set(call, requested, wanted):
    assert add(call(DUAL, cni_args=f"IP={requested}")) == wanted


@pytest.mark.parametrize(
    ("requested", "message"),
    [
        ("10.1.2.1", "requested ip 10.1.2.1 is subnet's gateway"),
        ("10.1.2.2", "requested IP address 10.1.2.2 is not available in range set"),
        ("192.0.2.1", "failed to allocate all requested IPs: 192.0.2.1"),
    ],
)
def test_a_request_that_cannot_be_met_leaves_nothing(call, tmp_path, requested, message):
    add(call(DUAL, container="first"))
    before = rows(tmp_path), files(tmp_path)
    with pytest.raises(CniError, match=message):
        add(call(DUAL, container="second", cni_args=f"IP={requested}"))
    assert (rows(tmp_path), files(tmp_path)) == before


def test_an_exhausted_second_set_takes_nothing_of_the_first(call, tmp_path):
    both = {"ranges": [[{"subnet": "10.1.2.0/24"}], [{"subnet": "10.9.0.0/30"}]]}
    add(call(both, container="first"))
    before = rows(tmp_path), files(tmp_path)
    with pytest.raises(CniError, match="no IP addresses available"):
        add(call(both, container="second"))
    assert (rows(tmp_path), files(tmp_path)) == before


def test_check_wants_a_reservation(call):
    with pytest.raises(CniError, match="Failed to find address added by container c1"):
        apply.check(call(SMALL))
    add(call(SMALL))
    apply.check(call(SMALL))


def test_status_is_50_when_the_pool_is_empty(call):
    for number in range(5):
        apply.status(call(SMALL))
        add(call(SMALL, container=f"c{number}"))
    with pytest.raises(CniError, match="no IP addresses available") as caught:
        apply.status(call(SMALL))
    assert caught.value.code == 50


def test_gc_keeps_only_what_is_listed(call, tmp_path):
    for number in range(3):
        add(call(SMALL, container=f"c{number}"))
    valid = {
        VALID_ATTACHMENTS: [{"containerID": "c1", "ifname": "eth0"}, {"containerID": "c2", "ifname": "eth9"}]
    }
    apply.gc(call(SMALL, **valid))
    assert rows(tmp_path) == {"10.1.2.3": ("c1", "eth0")}


def test_gc_without_a_list_drops_only_the_dead(call, tmp_path):
    add(call(SMALL, container="dead"))
    living = call(SMALL, container="living")._replace(netns="/proc/self/ns/net")
    apply.add(living)
    apply.gc(call(SMALL))
    assert rows(tmp_path) == {"10.1.2.3": ("living", "eth0")}


def test_dns_comes_from_resolv_conf(call, tmp_path):
    path = tmp_path / "resolv.conf"
    path.write_text("# c\nnameserver 10.96.0.10\n; d\ndomain x\nsearch a b\noptions ndots:5\nnameserver\n")
    dns = apply.add(call({**SMALL, "resolvConf": str(path)})).dns
    assert dns == (("10.96.0.10",), "x", ("a", "b"), ("ndots:5",))


# --- the reference plugin's files


def write(tmp_path, name, content):
    folder = tmp_path / "networks" / "n1"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)


def test_files_from_before_are_taken_over(call, tmp_path):
    write(tmp_path, "10.1.2.2", b"old1\r\neth0")
    write(tmp_path, "10.1.2.4", b" old2\r\neth0 \r\n")
    write(tmp_path, "last_reserved_ip.0", b"10.1.2.4")
    assert add(call(SMALL, container="new")) == ["10.1.2.5"]
    assert rows(tmp_path) == {
        "10.1.2.2": ("old1", "eth0"),
        "10.1.2.4": ("old2", "eth0"),
        "10.1.2.5": ("new", "eth0"),
    }


def test_a_file_of_the_old_format_goes_by_its_container_alone(call, tmp_path):
    write(tmp_path, "10.1.2.2", b"old\n")
    apply.check(call(SMALL, container="old", ifname="any"))
    apply.delete(call(SMALL, container="old", ifname="any"))
    assert files(tmp_path) == {}


def test_what_the_reference_does_between_our_calls_is_seen(call, tmp_path):
    add(call(SMALL, container="ours"))
    write(tmp_path, "10.1.2.3", b"theirs\r\neth0")
    assert add(call(SMALL, container="more")) == ["10.1.2.4"]
    os.unlink(tmp_path / "networks" / "n1" / "10.1.2.2")
    assert "10.1.2.2" not in rows(tmp_path)
    add(call(SMALL, container="ours"))


def test_an_empty_file_is_no_reservation(call, tmp_path):
    write(tmp_path, "10.1.2.2", b"")
    assert rows(tmp_path) == {}
    assert files(tmp_path) == {}


def test_a_file_that_turns_up_unseen_is_respected(call, tmp_path):
    add(call(SMALL, container="a"))
    folder = tmp_path / "networks" / "n1"
    stamp = folder.stat()
    write(tmp_path, "10.1.2.3", b"theirs\r\neth0")
    os.utime(folder, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert add(call(SMALL, container="b")) == ["10.1.2.4"]
    assert rows(tmp_path)["10.1.2.3"] == ("theirs", "eth0")


def test_deleting_the_folder_frees_everything(call, tmp_path):
    add(call(SMALL))
    for path in (tmp_path / "networks" / "n1").iterdir():
        path.unlink()
    assert rows(tmp_path) == {}


def test_a_damaged_database_is_made_again_from_the_files(call, tmp_path):
    add(call(SMALL))
    database = tmp_path / "networks" / ".podnet" / "n1.sqlite"
    database.write_bytes(b"not a database, but long enough to be taken for one" * 100)
    assert rows(tmp_path) == {"10.1.2.2": ("c1", "eth0")}
    assert database.with_name("n1.sqlite.damaged").exists()


def test_addresses_of_an_earlier_boot_are_free(call, tmp_path):
    add(call(SMALL))
    with Network(str(tmp_path / "networks"), "n1") as network:
        network.db.begin()
        (row,) = network.db.rows()
        network.db.insert(row._replace(boot_id="an-earlier-one"))
        network.db.set_fact("boot_id", "an-earlier-one")
        network.db.commit()
    assert rows(tmp_path) == {}
    assert files(tmp_path) == {}


# --- dying on the way


@pytest.mark.parametrize("step", range(1, 4))
def test_after_a_death_in_add_its_del_leaves_nothing(call, tmp_path, world, step):
    add(call(DUAL, container="other"))
    before = rows(tmp_path), files(tmp_path)
    die_at(call(DUAL), apply.add, step)
    apply.delete(call(DUAL))
    assert (rows(tmp_path), files(tmp_path)) == before


@pytest.mark.parametrize("step", range(1, 3))
def test_after_a_death_in_del_the_next_del_leaves_nothing(call, tmp_path, step):
    add(call(DUAL, container="other"))
    before = rows(tmp_path), files(tmp_path)
    add(call(DUAL))
    die_at(call(DUAL), apply.delete, step)
    apply.delete(call(DUAL))
    assert (rows(tmp_path), files(tmp_path)) == before


def die_at(made, verb, step):
    count = 0

    def fault(name):
        nonlocal count
        count += 1
        if count == step:
            raise Died(name)

    with pytest.raises(Died):
        verb(made._replace(world=made.world._replace(fault=fault)))


def test_a_full_disk_takes_nothing(call, tmp_path):
    add(call(DUAL, container="other"))
    before = rows(tmp_path), files(tmp_path)

    def fault(name):
        if name == "host-local: mirrored":
            raise OSError(28, "No space left on device")

    made = call(DUAL)
    with pytest.raises(OSError, match="No space left"):
        apply.add(made._replace(world=made.world._replace(fault=fault)))
    assert (rows(tmp_path), files(tmp_path)) == before


def test_a_new_boot_frees_what_the_reference_plugin_gave_out_in_an_earlier_one(call, tmp_path):
    add(call(SMALL))
    folder = tmp_path / "networks" / "n1"
    for name in ("10.1.2.5", "10.1.2.6"):
        (folder / name).write_text("theirs\r\neth0")
    assert len(rows(tmp_path)) == 3
    with Network(str(tmp_path / "networks"), "n1") as network:
        network.db.begin()
        network.db.set_fact("boot_id", "an-earlier-one")
        for row in network.db.rows():
            if row.boot_id:
                network.db.insert(row._replace(boot_id="an-earlier-one"))
        network.db.commit()
    (folder / "10.1.2.6").write_text("new\r\neth0")
    (folder / "10.1.2.3").write_text("lost\r\neth0")
    os.utime(folder / "10.1.2.3", (1_000_000, 1_000_000))
    assert rows(tmp_path) == {"10.1.2.6": ("new", "eth0")}


def test_a_lock_that_somebody_holds_is_a_reason_to_try_again(call, tmp_path, monkeypatch):
    add(call(SMALL))
    monkeypatch.setattr(mirror, "_LOCK_TIMEOUT_S", 0.05)
    with open(tmp_path / "networks" / "n1" / "lock") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(CniError, match="has been held for") as caught:
            add(call(SMALL, container="c2"))
    assert caught.value.code == TRY_AGAIN_LATER
    assert add(call(SMALL, container="c2")) == ["10.1.2.3"]


def test_an_add_costs_the_same_with_fifty_thousand_addresses_in_use(call, tmp_path):
    """In steps of SQLite's machine, which do not depend on the load of this one."""
    databases = {}
    made = call({"ranges": [[{"subnet": "10.0.0.0/15"}]]})
    made = made._replace(world=made.world._replace(databases=databases))
    add(made._replace(container_id="first"))
    (database,) = databases.values()
    few = steps_of(made._replace(container_id="second"), database)
    database.begin()
    for n in range(50_000):
        database.insert(Row(IP(32, (10 << 24) + 1000 + n), f"pod{n}", "eth0", boot_id=boot_id()))
    database.commit()
    many = steps_of(made._replace(container_id="third"), database)
    database.close()
    assert 0 < many < 2 * few


def steps_of(made, database):
    count = 0

    def step():
        nonlocal count
        count += 1

    database._db.set_progress_handler(step, 1)
    add(made)
    database._db.set_progress_handler(None, 1)
    return count
