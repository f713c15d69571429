"""Our plugins and Debian's in one host: each takes over what the other made, and serves the other."""

import os

import pytest

pytestmark = pytest.mark.lab


def test_the_reference_plugins_attachments_can_be_deleted(host, peer):
    conf, path = peer.conf(isGateway=True), peer.container()
    peer.add(conf, path)
    host.fd, host.network, host.data_dir = os.dup(peer.fd), peer.network, peer.data_dir
    host.delete(conf, path)
    assert host.left_over() == ([], [], [])


def test_the_reference_plugin_can_delete_ours(host, peer):
    conf, path = host.conf(isGateway=True), host.container()
    host.add(conf, path)
    peer.fd, peer.network, peer.data_dir = os.dup(host.fd), host.network, host.data_dir
    peer.delete(conf, path)
    assert host.addresses_in_use() == []
    host.delete(conf, path)
    assert host.left_over() == ([], [], [])


def test_a_foreign_ipam_plugin_is_executed(host, peer, tmp_path):
    folder = tmp_path / "mixed"
    folder.mkdir()
    for name, source in (("bridge", host.bin_dir), ("host-local", peer.bin_dir)):
        (folder / name).symlink_to(f"{source}/{name}")
    host.bin_dir = str(folder)
    conf, path = host.conf(isGateway=True), host.container()
    result = host.add(conf, path)
    host.check(conf, path, result)
    host.delete(conf, path)
    assert host.left_over() == ([], [], [])


def test_our_ipam_serves_a_foreign_main_plugin(host, peer, tmp_path):
    folder = tmp_path / "mixed"
    folder.mkdir()
    for name, source in (("bridge", peer.bin_dir), ("host-local", host.bin_dir)):
        (folder / name).symlink_to(f"{source}/{name}")
    host.bin_dir = str(folder)
    conf, path = host.conf(isGateway=True), host.container()
    result = host.add(conf, path)
    host.check(conf, path, result)
    host.delete(conf, path)
    assert host.addresses_in_use() == []
